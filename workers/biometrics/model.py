"""The vocabulary of prints: positions, minutiae, prints as submitted, fingers as extracted.

Coordinates everywhere in Ridgeline: pixels at 500 ppi, origin at the centre of the top left
pixel, x to the right, **y down**. Angles are radians in [0, 2 pi), **counter-clockwise as seen
on the image** from the positive x axis, so the unit vector of angle t is (cos t, -sin t) in
pixels. A ridge ending points into its ridge, a bifurcation into its valley, as ISO/IEC
19794-2:2005 clause 5.3 and INCITS 378-2004 have it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from workers.errors import ErrorCode, RidgelineError

RESOLUTION_PPI = 500.0
"""Resolution that minutiae coordinates refer to, pixels per inch."""


class FingerPosition(IntEnum):
    """Finger position codes, ANSI/NIST-ITL 1-2011 table 8 (FGP)."""

    UNKNOWN = 0
    RIGHT_THUMB = 1
    RIGHT_INDEX = 2
    RIGHT_MIDDLE = 3
    RIGHT_RING = 4
    RIGHT_LITTLE = 5
    LEFT_THUMB = 6
    LEFT_INDEX = 7
    LEFT_MIDDLE = 8
    LEFT_RING = 9
    LEFT_LITTLE = 10
    PLAIN_RIGHT_THUMB = 11
    PLAIN_LEFT_THUMB = 12
    PLAIN_RIGHT_FOUR = 13
    PLAIN_LEFT_FOUR = 14
    PLAIN_THUMBS = 15

    @property
    def is_slap(self) -> bool:
        """Whether an image of this position shows more than one finger."""
        return self >= FingerPosition.PLAIN_RIGHT_FOUR

    @property
    def finger(self) -> FingerPosition:
        """The finger 1-10 that this position shows; slaps and UNKNOWN are themselves."""
        return _FINGER_OF_PLAIN_THUMB.get(self, self)


_FINGER_OF_PLAIN_THUMB = {
    FingerPosition.PLAIN_RIGHT_THUMB: FingerPosition.RIGHT_THUMB,
    FingerPosition.PLAIN_LEFT_THUMB: FingerPosition.LEFT_THUMB,
}

FINGERS = tuple(FingerPosition(code) for code in range(1, 11))
"""The ten fingers, right thumb first, as on a card."""

SLAP_FINGERS = {
    FingerPosition.PLAIN_RIGHT_FOUR: FINGERS[1:5],
    FingerPosition.PLAIN_LEFT_FOUR: FINGERS[6:10],
    FingerPosition.PLAIN_THUMBS: (FINGERS[0], FINGERS[5]),
}
"""Fingers a slap shows, in finger position order."""


class Impression(StrEnum):
    """How a print was taken."""

    PLAIN = "plain"
    ROLLED = "rolled"


class MinutiaKind(IntEnum):
    """Minutia type with the codes of ISO/IEC 19794-2:2005 clause 7.4.2.2."""

    OTHER = 0
    ENDING = 1
    BIFURCATION = 2


@dataclass(frozen=True, slots=True)
class Minutiae:
    """Minutiae of one print, as parallel arrays of length n (see the module for the frame).

    Attributes:
        x: float32 (n,), pixels at 500 ppi.
        y: float32 (n,), pixels at 500 ppi, down.
        angle: float32 (n,), radians in [0, 2 pi), counter-clockwise on the image.
        kind: uint8 (n,), `MinutiaKind`.
        quality: uint8 (n,), 1-100; 0 where the source reports none.
        width: of the print, pixels at 500 ppi.
        height: of the print, pixels at 500 ppi.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    angle: NDArray[np.float32]
    kind: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    width: int
    height: int

    def __post_init__(self) -> None:
        lengths = {len(a) for a in (self.x, self.y, self.angle, self.kind, self.quality)}
        if len(lengths) != 1:
            raise ValueError(f"minutiae arrays differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Minutiae:
        """The minutiae that `index` selects, in its order."""
        return Minutiae(
            self.x[index],
            self.y[index],
            self.angle[index],
            self.kind[index],
            self.quality[index],
            self.width,
            self.height,
        )


@dataclass(frozen=True, slots=True)
class FingerImage:
    """A grey image of a print: uint8 (height, width), ridges dark, and its resolution."""

    pixels: NDArray[np.uint8]
    resolution_ppi: float

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"expected a uint8 image (height, width), got {self.pixels.dtype} "
                f"{self.pixels.shape}"
            )


class PrintFormat(StrEnum):
    """Encodings in which prints are accepted."""

    WSQ = "wsq"
    JPEG2000 = "jpeg2000"
    PNG = "png"
    RAW = "raw"
    ISO_19794_2_2005 = "iso_19794_2_2005"
    INCITS_378_2004 = "incits_378_2004"

    @property
    def is_template(self) -> bool:
        """Whether the data are minutiae rather than an image."""
        return self in (PrintFormat.ISO_19794_2_2005, PrintFormat.INCITS_378_2004)


@dataclass(frozen=True, slots=True)
class Segment:
    """Where one finger lies in a slap, as the transaction states it (14.021), whole pixels."""

    finger: FingerPosition
    left: int
    right: int
    top: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Print:
    """One image or minutiae record as submitted, not yet decoded.

    Attributes:
        source: where it came from, for errors and reports: ``"prints[2]"``,
            ``"Type-14 record 3"``.
        position: 0 only where a template states positions of its own.
        impression: None only for templates, which carry their own.
        resolution_ppi: of the image; None takes what the data state.
        width: pixels a row, for RAW.
        height: rows, for RAW.
        segments: stated finger segments of a slap; empty where none are stated.
    """

    source: str
    position: FingerPosition
    impression: Impression | None
    format: PrintFormat
    data: bytes = field(repr=False)
    resolution_ppi: float | None = None
    width: int = 0
    height: int = 0
    segments: tuple[Segment, ...] = ()


class MissingReason(StrEnum):
    """Why a finger has no print, ANSI/NIST-ITL codes of field 14.018 and Type-2 AMP."""

    AMPUTATED = "XX"
    UNPRINTABLE = "UP"


@dataclass(frozen=True, slots=True)
class MissingFinger:
    """A finger known to have no print; never a mismatch."""

    position: FingerPosition
    reason: MissingReason


@dataclass(frozen=True, slots=True)
class UnusedPrint:
    """A print or record that took no part, and why, in words for the caller."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Capture:
    """When and with what prints were taken, as far as it is known.

    Attributes:
        day: of capture; None where it is not known.
        sensor: make and model, `SENSOR_MAX_CHARACTERS` at most; empty where it is not known.
            It names a kind of device, not one device.
    """

    day: datetime.date | None = None
    sensor: str = ""

    def over(self, other: Capture) -> Capture:
        """This, and from `other` what this leaves open."""
        return Capture(self.day or other.day, self.sensor or other.sensor)


SENSOR_MAX_CHARACTERS = 128
"""Longest `Capture.sensor`."""

UNKNOWN_CAPTURE = Capture()


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller submitted: prints of one person on one occasion, and what was set aside."""

    prints: tuple[Print, ...]
    missing: tuple[MissingFinger, ...] = ()
    unused: tuple[UnusedPrint, ...] = ()
    capture: Capture = UNKNOWN_CAPTURE


@dataclass(frozen=True, slots=True)
class FingerSample:
    """One impression of one finger after decoding, segmentation and extraction.

    Attributes:
        position: a finger, 1-10.
        nfiq2: NFIQ 2 quality 0-100, None where there was no image to judge.
        source: of the print it was taken from.
    """

    position: FingerPosition
    impression: Impression
    minutiae: Minutiae
    nfiq2: int | None
    source: str


@dataclass(frozen=True, slots=True)
class TenPrint:
    """The extracted fingers of one encounter or probe; at most one rolled and one plain each."""

    samples: tuple[FingerSample, ...]
    missing: tuple[MissingFinger, ...] = ()
    unused: tuple[UnusedPrint, ...] = ()

    def __post_init__(self) -> None:
        reject_duplicates((s.position, s.impression, s.source) for s in self.samples)


def reject_duplicates(
    prints: Iterable[tuple[FingerPosition, Impression, str]],
) -> None:
    """Raises DUPLICATE_FINGER when one finger and impression type occurs twice."""
    seen: dict[tuple[FingerPosition, Impression], str] = {}
    for position, impression, source in prints:
        first = seen.setdefault((position, impression), source)
        if first is not source and first != source:
            raise RidgelineError(
                ErrorCode.DUPLICATE_FINGER,
                f"finger {int(position)} has two {impression} prints: {first} and {source}",
                field=source,
            )
