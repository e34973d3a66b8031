"""Resolutions as records spell them, and the nominal ones that they mean."""

from __future__ import annotations

MM_PER_INCH = 25.4

SQUARE_TOLERANCE = 0.01
"""Relative difference of the two scales up to which pixels count as square."""

_NOMINAL_PPI_OF_PPCM = {98: 250.0, 196: 500.0, 197: 500.0, 393: 1000.0, 394: 1000.0}
_NOMINAL_STEP_PPI = 250.0
_NOMINAL_TOLERANCE = 0.002


def ppi_of_ppcm(pixels: int) -> float:
    """Pixels per inch that whole pixels per centimetre stand for.

    They cannot spell the nominal resolutions, so a value that is one rounded or truncated
    means it: 197 (and 196) is 500 ppi, 394 (and 393) 1000 ppi.
    """
    return _NOMINAL_PPI_OF_PPCM.get(pixels, pixels * MM_PER_INCH / 10)


def ppi_of_px_mm(pixels: float) -> float:
    """Pixels per inch of pixels per millimetre to two decimals: 19.69 (19.7, 19.68) is 500."""
    ppi = pixels * MM_PER_INCH
    nominal = round(ppi / _NOMINAL_STEP_PPI) * _NOMINAL_STEP_PPI
    return nominal if nominal and abs(ppi - nominal) <= _NOMINAL_TOLERANCE * nominal else ppi


def is_square(horizontal: float, vertical: float) -> bool:
    """Whether two scales of one image, in any one unit, make square pixels."""
    return abs(horizontal - vertical) <= SQUARE_TOLERANCE * horizontal
