"""The INCITS 378 block of a Type-9 record, fields 9.126 to 9.150.

ANSI/NIST-ITL 1-2011 clause 8.9.7.3. The block holds what an INCITS 378-2004 record holds,
spelt in text, so it is handed on as such a record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from workers.biometrics.itl.image_fields import MAX_SIDE, resolution_ppi
from workers.biometrics.itl.records import RS, TaggedRecord
from workers.biometrics.model import RESOLUTION_PPI, Minutiae
from workers.biometrics.resolution import is_square
from workers.biometrics.templates import incits378
from workers.biometrics.templates.views import (
    MAX_MINUTIAE,
    TemplateView,
    scale_coordinates,
    scale_side,
)

HLL, VLL, SLC, THPS, TVPS, FGP, FQD, NOM, FMD = 128, 129, 130, 131, 132, 134, 135, 136, 137
"""Field numbers: size, scale, finger position, quality, number of minutiae, minutiae."""

MIN_PPI, MAX_PPI = 125.0, 2_540.0
"""Resolutions taken, as those of a binary template (50 to 1000 pixels per centimetre)."""

ANGLE_UNIT = 2 * math.pi / 180
"""Two degrees, radians, INCITS 378-2004 clause 6.5.2.3."""


@dataclass(frozen=True, slots=True)
class IncitsBlock:
    """A block as an INCITS 378-2004 record of one view, with its position and IMP codes."""

    position: int
    impression: int
    template: bytes = field(repr=False)


def has_incits_block(record: TaggedRecord) -> bool:
    """Whether the record holds minutiae in the INCITS 378 block."""
    return record.get(FMD) is not None or record.get(NOM) is not None


def read_incits_block(record: TaggedRecord) -> IncitsBlock:
    """Reads the block.

    Raises:
        RidgelineError: MALFORMED_TRANSACTION at the field that is wrong.
    """
    fgp = record.require(FGP)
    position = record.integer(fgp, fgp.subfields[0][0], 0, 255)
    impression = record.number(3, 0, 255)
    view = TemplateView(
        position=position if position <= 10 else 0,
        impression_code=impression if impression <= 15 else 0,
        quality=0,
        minutiae=_minutiae(record),
    )
    return IncitsBlock(position, impression, incits378.write([view]))


def _minutiae(record: TaggedRecord) -> Minutiae:
    width = record.number(HLL, 1, MAX_SIDE)
    height = record.number(VLL, 1, MAX_SIDE)
    scale = RESOLUTION_PPI / _resolution(record)
    rows = _rows(record, width, height)
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    return Minutiae(
        x=scale_coordinates(columns[:, 0], scale),
        y=scale_coordinates(columns[:, 1], scale),
        angle=(columns[:, 2] * ANGLE_UNIT).astype(np.float32),
        kind=columns[:, 3].astype(np.uint8),
        quality=columns[:, 4].astype(np.uint8),
        width=scale_side(width, scale),
        height=scale_side(height, scale),
    )


def _resolution(record: TaggedRecord) -> float:
    units = record.number(SLC, 1, 2)
    horizontal = resolution_ppi(record.number(THPS, 1, 99999), units)
    vertical = resolution_ppi(record.number(TVPS, 1, 99999), units)
    if horizontal is None or vertical is None or not MIN_PPI <= horizontal <= MAX_PPI:
        raise record.error(record.require(THPS), "resolution out of range")
    if not is_square(horizontal, vertical):
        raise record.error(record.require(TVPS), "horizontal and vertical resolution differ")
    return horizontal


def _rows(record: TaggedRecord, width: int, height: int) -> list[tuple[int, int, int, int, int]]:
    """(x, y, angle in 2 degrees, kind, quality) of each minutia of field 9.137."""
    count = record.number(NOM, 0, MAX_MINUTIAE)
    found = record.get(FMD)
    if found is None or not found.value:
        if count:
            raise record.error(record.require(NOM), "states minutiae, but 9.137 is missing")
        return []
    if found.value.count(RS) + 1 != count:
        raise record.error(found, f"holds {found.value.count(RS) + 1} minutiae, 9.136 says {count}")
    rows = []
    for subfield in found.subfields:
        if len(subfield) != 6:
            raise record.error(found, f"a minutia has 6 items, not {len(subfield)}")
        _, x, y, angle, kind, quality = subfield
        rows.append(
            (
                record.integer(found, x, 0, width - 1),
                record.integer(found, y, 0, height - 1),
                record.integer(found, angle, 0, 179),
                record.integer(found, kind, 0, 2),
                _quality(record.integer(found, quality, 0, 255)),
            )
        )
    return rows


def _quality(code: int) -> int:
    """Above 100 says that no quality was computed."""
    return code if code <= 100 else 0
