"""From files and folders to encounters: what is submitted together, and as whose."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from coordinator.client import Prints
from coordinator.print_files import PrintFile, read_file, read_print_file
from protos.ridgeline.v1 import types_pb2
from workers.biometrics.model import FingerPosition, Impression
from workers.biometrics.recognise import is_transaction, recognise
from workers.errors import ErrorCode, RidgelineError

_NAME = re.compile(r"(?P<person>[A-Za-z0-9-]+)_(?P<finger>\d{1,2})_(?P<scan>\d+)")
_START_BYTES = 64
"""Enough to tell a transaction, a template or an image that we send as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """What images do not say themselves.

    Attributes:
        resolution_ppi: overrides what the files state.
        impression: how all of them were taken.
        finger: of an image that is not named PERSON_FINGER_SCAN.
    """

    resolution_ppi: float | None = None
    impression: Impression = Impression.PLAIN
    finger: FingerPosition | None = None


@dataclass(frozen=True, slots=True)
class Encounter:
    """Files that are submitted together; read when they are needed.

    Attributes:
        name: for people.
        subject: PERSON of the images' names, else the file's name without its ending.
        scan: SCAN of the images' names, else empty.
        images: with their positions; empty for a transaction or template.
        file: a transaction or a template; None for images.
    """

    name: str
    subject: str
    scan: str
    images: tuple[tuple[Path, FingerPosition], ...]
    file: Path | None
    options: ImageOptions

    def read(self) -> tuple[Prints, str]:
        """What to submit, and an encounter id that the same prints always have.

        Raises:
            RidgelineError: INVALID_FIELD or MALFORMED_IMAGE naming the file.
        """
        if self.file is None:
            prints = [self._image(path, position) for path, position in self.images]
            return prints, f"{self.subject}-{self.scan or _digest(p.data for p in prints)}"
        data = read_file(self.file)
        encounter_id = f"{self.subject}-{_digest([data])}"
        if is_transaction(data):
            return data, encounter_id
        print_ = read_print_file(self.file)
        record = types_pb2.Print(
            position=int(self.options.finger or 0), format=_format(print_), data=data
        )
        return [record], encounter_id

    def _image(self, path: Path, position: FingerPosition) -> types_pb2.Print:
        file = read_print_file(path, self.options.resolution_ppi)
        plain = self.options.impression is Impression.PLAIN
        return types_pb2.Print(
            position=int(position),
            impression=types_pb2.IMPRESSION_PLAIN if plain else types_pb2.IMPRESSION_ROLLED,
            format=_format(file),
            data=file.data,
            resolution_ppi=file.resolution_ppi or 0.0,
        )


def _format(print_: PrintFile) -> str:
    """Name of the contract's value."""
    return f"PRINT_FORMAT_{print_.format.name}"


def find_encounters(paths: Sequence[Path], options: ImageOptions) -> list[Encounter]:
    """The encounters of files and folders, in the order of their names.

    A transaction and a template are one each; images named PERSON_FINGER_SCAN that agree in
    PERSON and SCAN are one together; a folder is searched through, and files in it that are
    neither are passed over.

    Raises:
        RidgelineError: INVALID_FIELD naming a file that is not a print, or an image whose finger
            is not known.
    """
    found: list[Encounter] = []
    images: dict[tuple[str, str], list[tuple[Path, FingerPosition]]] = {}
    for path in _files(paths):
        start = _start(path)
        known = recognise(start)
        if is_transaction(start) or (known is not None and known.is_template):
            found.append(Encounter(path.name, path.stem, "", (), path, options))
        else:
            key, position = _named(path, options)
            images.setdefault(key, []).append((path, position))
    for (person, scan), files in sorted(images.items()):
        name = f"{person}, scan {scan}" if scan else files[0][0].name
        found.append(Encounter(name, person, scan, tuple(files), None, options))
    return found


def one_encounter(paths: Sequence[Path], options: ImageOptions) -> Encounter:
    """The one encounter of some files; raises INVALID_FIELD where they hold more, or none."""
    found = find_encounters(paths, options)
    if len(found) != 1:
        raise _wrong("files", f"expected the prints of one person, got {len(found)}")
    return found[0]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = [f for f in sorted(path.rglob("*")) if f.is_file() and _is_print(f)]
        if not inside:
            raise _wrong(path.name, "the folder holds no prints")
        yield from inside


def _is_print(path: Path) -> bool:
    start = _start(path)
    if is_transaction(start) or recognise(start) is not None:
        return True
    return path.suffix.lower() in Image.registered_extensions()


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_START_BYTES)
    except OSError as error:
        raise _wrong(path.name, f"cannot be read ({error.strerror})") from error


def _named(path: Path, options: ImageOptions) -> tuple[tuple[str, str], FingerPosition]:
    """(PERSON, SCAN) and the position of an image."""
    match = _NAME.fullmatch(path.stem)
    position = options.finger
    if match is not None:
        named = int(match["finger"])
        if not FingerPosition.RIGHT_THUMB <= named <= FingerPosition.PLAIN_THUMBS:
            raise _wrong(path.name, f"{named} is no finger position code, 1 to 15")
        return (match["person"], match["scan"]), position or FingerPosition(named)
    if position is None:
        detail = "neither a transaction nor a template, and as an image not named "
        raise _wrong(path.name, f"{detail}PERSON_FINGER_SCAN")
    return (path.stem, ""), position


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def _wrong(field: str, detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field=field)
