"""Finger views and minutiae as both standards lay them out.

ISO/IEC 19794-2:2005 and INCITS 378-2004 differ in their headers and in the unit of angles;
the rest, six bytes a minutia and the extended data after it, is the same and lives here.
Angles of both increase counter-clockwise from the positive x axis and y points down, which is
the frame of `workers.biometrics.model`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import RESOLUTION_PPI, Impression, Minutiae
from workers.biometrics.resolution import ppi_of_ppcm
from workers.errors import ErrorCode, RidgelineError

MAX_MINUTIAE = 255
"""A view counts its minutiae in one byte."""

MAX_TEMPLATE_BYTES = 1024 * 1024
"""Far above ten views of 255 minutiae with their ridge counts."""

MAX_COORDINATE = 16383
"""x and y have 14 bits."""

MINUTIA_BYTES = 6
NOMINAL_PPCM = 197
"""500 ppi in whole pixels per centimetre; both standards' examples use it."""

_PLAIN_CODES = frozenset({0, 2, 8})
_ROLLED_CODES = frozenset({1, 3})


@dataclass(frozen=True, slots=True)
class TemplateView:
    """One view of one finger.

    Attributes:
        position: 0 (unknown) to 10.
        impression_code: 0 live-scan plain, 1 live-scan rolled, 2 and 3 the same not live,
            8 swipe; others are latents or reserved.
        quality: of the view, 0-100.
        minutiae: at 500 ppi.
        number: of the view of this finger, from 0.
        extended: extended data blocks (ridge counts, cores and deltas, vendors' own), kept as
            they came; their coordinates stay in the resolution of the record read.
    """

    position: int
    impression_code: int
    quality: int
    minutiae: Minutiae
    number: int = 0
    extended: bytes = field(default=b"", repr=False)

    @property
    def impression(self) -> Impression | None:
        """Plain or rolled; None where the code says neither."""
        if self.impression_code in _PLAIN_CODES:
            return Impression.PLAIN
        return Impression.ROLLED if self.impression_code in _ROLLED_CODES else None


@dataclass(frozen=True, slots=True)
class Geometry:
    """Image size in pixels and resolution in pixels per centimetre of the views of a record."""

    width: int
    height: int
    x_ppcm: int
    y_ppcm: int


def malformed(detail: str, *, field: str, offset: int) -> RidgelineError:
    """The error for anything wrong in a template's bytes."""
    return RidgelineError(ErrorCode.MALFORMED_TEMPLATE, detail, field=field, offset=offset)


def unwritable(detail: str, *, field: str) -> RidgelineError:
    """The error for views that a record cannot hold."""
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field=field)


class Cursor:
    """Reads big-endian numbers in order; never past the end of the record."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int, field: str) -> bytes:
        """The next `count` bytes."""
        end = self.position + count
        if end > len(self.data):
            raise malformed(f"the record ends within {field}", field=field, offset=len(self.data))
        start, self.position = self.position, end
        return self.data[start:end]

    def number(self, count: int, field: str) -> int:
        """The next `count` bytes as an unsigned number."""
        return int.from_bytes(self.take(count, field), "big")

    def ranged(self, count: int, field: str, low: int, high: int) -> int:
        """A number in [low, high]."""
        offset = self.position
        value = self.number(count, field)
        if not low <= value <= high:
            raise malformed(
                f"{field} is {value}, expected {low} to {high}", field=field, offset=offset
            )
        return value


def scale_coordinates(pixels: NDArray[np.int64], scale: float) -> NDArray[np.float32]:
    """Pixel centres at one resolution as pixel centres at `scale` times it."""
    return ((pixels + 0.5) * scale - 0.5).astype(np.float32)


def scale_side(pixels: int, scale: float) -> int:
    """Side of an image at `scale` times its resolution, rounded up so that all of it fits."""
    return math.ceil(pixels * scale - 1e-6)


def read_geometry(cursor: Cursor, prefix: str = "") -> Geometry:
    """Size and resolution, four 16-bit numbers; the resolution must be a finger scanner's."""
    width = cursor.number(2, f"{prefix}image size in x")
    height = cursor.number(2, f"{prefix}image size in y")
    x_ppcm = cursor.ranged(2, f"{prefix}x resolution", 50, 1000)
    y_ppcm = cursor.ranged(2, f"{prefix}y resolution", 50, 1000)
    return Geometry(width, height, x_ppcm, y_ppcm)


def read_minutiae(
    cursor: Cursor, count: int, geometry: Geometry, angle_units: int, name: str
) -> Minutiae:
    """`count` minutiae of six bytes, scaled to 500 ppi.

    Args:
        angle_units: angle units in a full turn, 256 (ISO) or 180 (INCITS).
        name: of the view, for errors.
    """
    start = cursor.position
    raw = cursor.take(count * MINUTIA_BYTES, f"{name}, minutiae")
    rows = np.frombuffer(raw, np.uint8).reshape(count, MINUTIA_BYTES).astype(np.int64)
    kind = rows[:, 0] >> 6
    x = (rows[:, 0] & 63) << 8 | rows[:, 1]
    y = (rows[:, 2] & 63) << 8 | rows[:, 3]
    angle, quality = rows[:, 4], rows[:, 5]
    # A size of 0 is how some vendors say that they do not know it.
    width = geometry.width or int(x.max(initial=0)) + 1
    height = geometry.height or int(y.max(initial=0)) + 1
    checks = (
        (kind == 3, "type is reserved"),
        (x >= width, "x lies outside the image"),
        (y >= height, "y lies outside the image"),
        (angle >= angle_units, "angle exceeds a full turn"),
    )
    for wrong, what in checks:
        if wrong.any():
            at = int(np.argmax(wrong))
            raise malformed(
                f"the minutia's {what}",
                field=f"{name}, minutia {at + 1}",
                offset=start + at * MINUTIA_BYTES,
            )
    scale_x = RESOLUTION_PPI / ppi_of_ppcm(geometry.x_ppcm)
    scale_y = RESOLUTION_PPI / ppi_of_ppcm(geometry.y_ppcm)
    return Minutiae(
        x=scale_coordinates(x, scale_x),
        y=scale_coordinates(y, scale_y),
        angle=(angle * (2 * math.pi / angle_units)).astype(np.float32),
        kind=kind.astype(np.uint8),
        quality=np.where(quality <= 100, quality, 0).astype(np.uint8),
        width=scale_side(width, scale_x),
        height=scale_side(height, scale_y),
    )


def write_minutiae(minutiae: Minutiae, angle_units: int, name: str) -> bytes:
    """Minutiae at 500 ppi as six bytes each, coordinates and angles rounded.

    Raises:
        RidgelineError: INVALID_FIELD where there are more than 255 or one lies outside.
    """
    if len(minutiae) > MAX_MINUTIAE:
        raise unwritable(
            f"a view holds at most {MAX_MINUTIAE} minutiae, not {len(minutiae)}", field=name
        )
    x = np.rint(minutiae.x.astype(np.float64))
    y = np.rint(minutiae.y.astype(np.float64))
    limits = (min(minutiae.width - 1, MAX_COORDINATE), min(minutiae.height - 1, MAX_COORDINATE))
    inside = (x >= 0) & (x <= limits[0]) & (y >= 0) & (y <= limits[1])
    if not inside.all():
        raise unwritable("a minutia lies outside the image", field=name)
    turns = minutiae.angle.astype(np.float64) / (2 * math.pi)
    rows = np.empty((len(minutiae), MINUTIA_BYTES), np.uint8)
    columns, lines = x.astype(np.int64), y.astype(np.int64)
    rows[:, 0] = minutiae.kind.astype(np.int64) << 6 | columns >> 8
    rows[:, 1] = columns & 255
    rows[:, 2] = lines >> 8
    rows[:, 3] = lines & 255
    rows[:, 4] = np.rint(turns * angle_units).astype(np.int64) % angle_units
    rows[:, 5] = minutiae.quality
    return rows.tobytes()


def read_extended(cursor: Cursor, name: str, *, final: bool) -> bytes:
    """Extended data: a length, then blocks of type, length and data, checked to fit.

    Args:
        final: the view is the record's last, and the record's own length agrees with its
            data. Extended data that then disagree with their length are dropped, not refused:
            they are optional, and two of the published reference records are like that.
    """
    length = cursor.number(2, f"{name}, extended data length")
    start = cursor.position
    if final and length != len(cursor.data) - start:
        cursor.position = len(cursor.data)
        return b""
    blocks = Cursor(cursor.take(length, f"{name}, extended data"))
    while blocks.position < length:
        offset = start + blocks.position
        header = blocks.data[blocks.position : blocks.position + 4]
        size = int.from_bytes(header[2:], "big")
        if len(header) < 4 or size < 4 or blocks.position + size > length:
            raise malformed(
                "an extended data block does not fit its area",
                field=f"{name}, extended data",
                offset=offset,
            )
        blocks.position += size
    return blocks.data


def write_extended(extended: bytes, name: str) -> bytes:
    """Extended data with its length in front."""
    if len(extended) > 0xFFFF:
        raise unwritable("extended data exceed 65,535 bytes", field=name)
    return len(extended).to_bytes(2, "big") + extended
