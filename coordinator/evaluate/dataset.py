"""Folders of prints named ``FINGER_IMPRESSION.ext`` or ``PERSON_FINGER_SCAN.ext``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from workers.errors import ErrorCode, RidgelineError

_NAME = re.compile(r"(?:(?P<person>[A-Za-z0-9-]+)_)?(?P<finger>[A-Za-z0-9-]+)_(?P<number>\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Scan:
    """One print of a set.

    Attributes:
        finger: unique in the set: FINGER, or PERSON_FINGER.
        number: IMPRESSION or SCAN.
        person: empty where names have two parts.
        finger_number: FINGER as named.
    """

    finger: str
    number: int
    person: str
    finger_number: str
    path: Path


def read_dataset(directory: Path) -> list[Scan]:
    """The images of a folder, by finger and number; files that are no images are left out.

    Raises:
        RidgelineError: INVALID_FIELD where there is no image, where an image's name does not
            fit, where names of two and of three parts are mixed, or where a print is there
            twice (in two formats).
    """
    if not directory.is_dir():
        raise _wrong("no such folder")
    extensions = Image.registered_extensions()
    files = [f for f in sorted(directory.iterdir()) if f.suffix.lower() in extensions]
    if not files:
        raise _wrong("the folder holds no images")
    scans = sorted(_scan(file) for file in files)
    if len({bool(scan.person) for scan in scans}) > 1:
        raise _wrong("names of two and of three parts are mixed")
    _reject_repeats(scans)
    return scans


def _scan(file: Path) -> Scan:
    match = _NAME.fullmatch(file.stem)
    if match is None:
        raise _wrong(f"{file.name} is not named FINGER_IMPRESSION or PERSON_FINGER_SCAN")
    person, finger, number = match["person"] or "", match["finger"], int(match["number"])
    return Scan(f"{person}_{finger}" if person else finger, number, person, finger, file)


def _reject_repeats(scans: Iterable[Scan]) -> None:
    seen: dict[tuple[str, int], Scan] = {}
    for scan in scans:
        first = seen.setdefault((scan.finger, scan.number), scan)
        if first is not scan:
            raise _wrong(f"{first.path.name} and {scan.path.name} are the same print")


def _wrong(detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field="dataset")
