"""MINDTCT minutiae by `nbis-py`, and minutiae of others as bozorth3 of `nbis-py` reads them."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import nbis
import numpy as np

from workers.biometrics.images import encode_png, resample
from workers.biometrics.model import FingerImage, Minutiae, MinutiaKind
from workers.matching.template import best_by_quality

_HEADER = struct.Struct(">4s4sIHHHHHI")
"""Of what `nbis-py` calls ISO 19794-2: 26 bytes, so that no other reader takes it (the standard's
is 24 and a view header of 4)."""

_MINUTIA = struct.Struct(">HHBB")
_QUALITIES = 63
_MOST = 200
"""Minutiae that bozorth3 takes."""


def mindtct(image: FingerImage) -> Any | None:
    """The library's own template of a print, at 500 ppi; None where it refuses the image."""
    try:
        return _extractor().extract_minutiae(encode_png(resample(image)))
    except (nbis.NbisError, nbis.InternalError):
        return None


def as_minutiae(template: Any, image: FingerImage) -> Minutiae:
    """A template's minutiae in our frame.

    Its x and y are ours (y down) and its angles too, in degrees: against LEADER's within 5
    pixels the median difference is under 3 degrees.
    """
    found = template.get()
    ending = [m.kind() == nbis.MinutiaKind.RIDGE_ENDING for m in found]
    height, width = resample(image).pixels.shape
    return Minutiae(
        x=np.array([m.x() for m in found], np.float32),
        y=np.array([m.y() for m in found], np.float32),
        angle=np.mod(np.radians([m.angle() for m in found]), 2 * np.pi).astype(np.float32),
        kind=np.where(ending, MinutiaKind.ENDING, MinutiaKind.BIFURCATION).astype(np.uint8),
        quality=np.clip(np.rint([100 * m.reliability() for m in found]), 1, 100).astype(np.uint8),
        width=width,
        height=height,
    )


def from_minutiae(minutiae: Minutiae) -> Any:
    """The library's template of minutiae of ours, the best 200.

    Its format has whole pixels, 256 angles and 64 qualities; of the angles it keeps the nearest of
    MINDTCT's 32 directions.
    """
    best = minutiae.take(best_by_quality(minutiae.quality, _MOST))
    records = [
        _MINUTIA.pack(
            (1 if kind == MinutiaKind.ENDING else 2) << 14 | round(float(x)),
            round(float(y)),
            round(float(angle) * 128 / np.pi) % 256,
            int(quality) * _QUALITIES // 100,
        )
        for x, y, angle, kind, quality in zip(
            best.x, best.y, best.angle, best.kind, best.quality, strict=True
        )
    ]
    length = _HEADER.size + sum(map(len, records))
    header = _HEADER.pack(
        b"FMR\0", b" 20\0", length, 0, best.width, best.height, 0, 0, len(records)
    )
    return _extractor().load_iso_19794_2_2005(header + b"".join(records))


@cache
def _extractor() -> Any:
    return nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0,  # bozorth3 chooses by quality itself
            get_center=False,
            check_fingerprint=False,
            compute_nfiq2=False,
            ppi=500.0,
        )
    )
