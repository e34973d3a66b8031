"""Folders of prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.evaluate.dataset import read_dataset
from workers.errors import ErrorCode, RidgelineError


def folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_two_part_names(tmp_path: Path) -> None:
    scans = read_dataset(folder(tmp_path, "101_2.tif", "101_1.tif", "102_10.png", "notes.txt"))
    assert [(s.finger, s.number, s.person) for s in scans] == [
        ("101", 1, ""),
        ("101", 2, ""),
        ("102", 10, ""),
    ]


def test_three_part_names_keep_person_and_finger(tmp_path: Path) -> None:
    scans = read_dataset(folder(tmp_path, "012_3_1.png", "013_3_1.png", "013_10_2.TIF"))
    assert [(s.finger, s.person, s.finger_number, s.number) for s in scans] == [
        ("012_3", "012", "3", 1),
        ("013_10", "013", "10", 2),
        ("013_3", "013", "3", 1),
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "no images"),
        (("notes.txt",), "no images"),
        (("thumb.png",), "thumb.png is not named"),
        (("1_2_3_4.png",), "is not named"),
        (("101_1.png", "1_101_1.png"), "mixed"),
        (("101_1.png", "101_1.tif"), "the same print"),
        (("101_1.png", "101_01.png"), "the same print"),
    ],
)
def test_what_is_no_set(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(RidgelineError, match=said) as caught:
        read_dataset(folder(tmp_path, *names))
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "dataset")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(RidgelineError, match="no such folder"):
        read_dataset(tmp_path / "absent")
