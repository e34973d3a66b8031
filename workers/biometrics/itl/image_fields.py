"""Fields that describe an image: size, scale, compression, segments of a slap."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workers.biometrics.itl.codes import UNITS_PPCM, UNITS_PPI
from workers.biometrics.itl.records import DATA_FIELD, Field, TaggedRecord
from workers.biometrics.model import SLAP_FINGERS, FingerPosition, Segment
from workers.biometrics.resolution import is_square, ppi_of_ppcm, ppi_of_px_mm

MAX_SIDE = 65535
"""Largest width or height of an image, pixels (five digits in the standard, 16 bits in WSQ)."""

_DECIMAL = re.compile(rb"\d{1,4}(\.\d{1,4})?")


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """What a Type-14 record says of its image; `resolution_ppi` None where it states no unit."""

    width: int
    height: int
    resolution_ppi: float | None
    square: bool
    compression: str
    bits_per_pixel: int
    data: bytes = field(repr=False)


def type_14_geometry(record: TaggedRecord) -> ImageGeometry:
    """Reads fields 14.006 to 14.012 and 14.999, all mandatory with an image."""
    width = record.number(6, 1, MAX_SIDE)
    height = record.number(7, 1, MAX_SIDE)
    units = record.number(8, 0, 2)
    horizontal = record.number(9, 1, 99999)
    vertical = record.number(10, 1, 99999)
    return ImageGeometry(
        width=width,
        height=height,
        resolution_ppi=resolution_ppi(horizontal, units),
        square=is_square(horizontal, vertical),
        compression=record.require(11).text.strip().upper(),
        bits_per_pixel=record.number(12, 1, 99),
        data=image_data(record),
    )


def image_data(record: TaggedRecord) -> bytes:
    """The image of field 999."""
    found = record.get(DATA_FIELD)
    if found is None or not found.value:
        raise record.error(found or Field(DATA_FIELD, b"", record.offset), "the image is missing")
    return found.value


def resolution_ppi(pixels: int, units: int) -> float | None:
    """Pixels per inch; None where `units` states an aspect ratio only."""
    if units == UNITS_PPI:
        return float(pixels)
    if units == UNITS_PPCM:
        return ppi_of_ppcm(pixels)
    return None


def native_resolution(header: TaggedRecord) -> float:
    """Native scanning resolution, field 1.011 in px/mm, as ppi."""
    found = header.require(11)
    value = found.value.strip()
    if _DECIMAL.fullmatch(value) is None or float(value) <= 0:
        raise header.error(found, "expected a resolution in pixels per millimetre")
    return ppi_of_px_mm(float(value))


def stated_segments(record: TaggedRecord, width: int, height: int) -> tuple[Segment, ...]:
    """Finger segments of a slap: 14.021 boxes, else the boxes around 14.025 polygons.

    Pixel columns and rows count from 0; segments are clipped to the image.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION for a field that does not parse, a finger that
            the slap does not show or that is stated twice, or an empty segment.
    """
    boxes, polygons = record.get(21), record.get(25)
    found = boxes if boxes is not None and boxes.value else polygons
    if found is None or not found.value:
        return ()
    parse = _box if found is boxes else _polygon
    allowed = SLAP_FINGERS[FingerPosition(record.number(13, 13, 15))]
    segments: dict[FingerPosition, Segment] = {}
    for subfield in found.subfields:
        finger = FingerPosition(record.integer(found, subfield[0], 1, 12)).finger
        if finger not in allowed:
            raise record.error(found, f"finger {int(finger)} is not on this slap")
        if finger in segments:
            raise record.error(found, f"finger {int(finger)} has two segments")
        left, right, top, bottom = parse(record, found, subfield)
        right, bottom = min(right, width - 1), min(bottom, height - 1)
        if left >= right or top >= bottom:
            raise record.error(found, f"the segment of finger {int(finger)} is empty")
        segments[finger] = Segment(finger, left, right, top, bottom)
    return tuple(segments[finger] for finger in sorted(segments))


def _box(record: TaggedRecord, found: Field, subfield: list[bytes]) -> tuple[int, int, int, int]:
    if len(subfield) != 5:
        raise record.error(found, f"a segment has 5 items, not {len(subfield)}")
    left, right, top, bottom = (record.integer(found, s, 0, MAX_SIDE) for s in subfield[1:])
    return left, right, top, bottom


def _polygon(
    record: TaggedRecord, found: Field, subfield: list[bytes]
) -> tuple[int, int, int, int]:
    count = record.integer(found, subfield[1] if len(subfield) > 1 else b"", 3, 99)
    if len(subfield) != 2 + 2 * count:
        raise record.error(found, f"{count} points need {2 * count} coordinates")
    xs = [record.integer(found, item, 0, MAX_SIDE) for item in subfield[2::2]]
    ys = [record.integer(found, item, 0, MAX_SIDE) for item in subfield[3::2]]
    return min(xs), max(xs), min(ys), max(ys)
