"""Configuration: typed, strict, with paths and overrides."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest

from coordinator.toml_config import load_toml, read_table
from workers.errors import RidgelineError


@dataclass(frozen=True, slots=True)
class Inner:
    """A table."""

    seconds: float = 1.0
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count must not be negative")


@dataclass(frozen=True, slots=True)
class Outer:
    """A file."""

    name: str
    file: Path | None = None
    kind: Literal["a", "b"] = "a"
    on: bool = False
    names: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "c.toml"
    path.write_text(text)
    return path


def test_values_paths_and_defaults(tmp_path: Path) -> None:
    path = _write(tmp_path, 'name = "n"\nfile = "x/y"\nnames = ["p"]\n[inner]\nseconds = 2')
    read = load_toml(Outer, path)
    assert read == Outer("n", tmp_path / "x/y", names=("p",), inner=Inner(2.0, 1))
    assert type(read.inner.seconds) is float


def test_overrides_win(tmp_path: Path) -> None:
    path = _write(tmp_path, 'name = "n"\n[inner]\nseconds = 2\ncount = 3')
    read = load_toml(Outer, path, {"inner.count": 9, "on": True, "file": Path("/abs")})
    assert (read.inner, read.on, read.file) == (Inner(2.0, 9), True, Path("/abs"))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "name"),
        ('name = "n"\nnme = 1', "nme"),
        ('name = "n"\n[inner]\nsecond = 1', "inner.second"),
        ("name = 1", "name"),
        ('name = "n"\non = 1', "on"),
        ('name = "n"\ninner = 1', "inner"),
        ('name = "n"\n[inner]\ncount = 1.5', "inner.count"),
        ('name = "n"\n[inner]\ncount = true', "inner.count"),
        ('name = "n"\n[inner]\ncount = -1', "inner"),
        ('name = "n"\nkind = "c"', "kind"),
        ('name = "n"\nnames = "p"', "names"),
        ('name = "n"\nnames = ["p", 1]', "names[1]"),
        ("= 3", "configuration"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(RidgelineError) as caught:
        load_toml(Outer, _write(tmp_path, text))
    assert caught.value.field == where


class Colour(StrEnum):
    """An enum."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Painted:
    """A table that may come from elsewhere than TOML, which knows no null."""

    colour: Colour
    score: float | None


def test_enums_and_nulls(tmp_path: Path) -> None:
    assert read_table(Painted, {"colour": "red", "score": None}, base=tmp_path) == Painted(
        Colour.RED, None
    )
    assert read_table(Painted, {"colour": "blue", "score": 2}, base=tmp_path).score == 2.0
    with pytest.raises(RidgelineError, match="expected one of red, blue") as caught:
        read_table(Painted, {"colour": "green", "score": None}, base=tmp_path)
    assert caught.value.field == "colour"
    with pytest.raises(RidgelineError) as caught:
        read_table(Painted, {"colour": None, "score": None}, base=tmp_path)
    assert caught.value.field == "colour"
