"""Code tables of ANSI/NIST-ITL 1-2011 Update 2015: positions, impressions, compressions."""

from __future__ import annotations

from workers.biometrics.model import Impression, PrintFormat

LIVE_PLAIN, LIVE_ROLLED = 0, 1
"""Impression codes that we write."""

IMPRESSION_NAMES = {
    0: "live-scan plain",
    1: "live-scan rolled",
    2: "non-live-scan plain",
    3: "non-live-scan rolled",
    4: "latent impression",
    5: "latent tracing",
    6: "latent photo",
    7: "latent lift",
    8: "live-scan vertical swipe",
    10: "live-scan palm",
    11: "non-live-scan palm",
    12: "latent palm impression",
    13: "latent palm tracing",
    14: "latent palm photo",
    15: "latent palm lift",
    20: "live-scan optical contact plain",
    21: "live-scan optical contact rolled",
    22: "live-scan non-optical contact plain",
    23: "live-scan non-optical contact rolled",
    24: "live-scan optical contactless plain",
    25: "live-scan optical contactless rolled",
    26: "live-scan non-optical contactless plain",
    27: "live-scan non-optical contactless rolled",
    28: "other",
    29: "unknown",
    41: "rolled contactless, moving",
    42: "plain contactless, moving",
}
"""Table 7, friction ridge impression types, with the 2007 edition's names of old codes."""

_PLAIN_CODES = frozenset({0, 2, 8, 20, 22, 24, 26, 42})
_ROLLED_CODES = frozenset({1, 3, 21, 23, 25, 27, 41})

POSITION_NAMES = {
    0: "unknown finger",
    1: "right thumb",
    2: "right index",
    3: "right middle",
    4: "right ring",
    5: "right little",
    6: "left thumb",
    7: "left index",
    8: "left middle",
    9: "left ring",
    10: "left little",
    11: "plain right thumb",
    12: "plain left thumb",
    13: "plain right four fingers",
    14: "plain left four fingers",
    15: "plain both thumbs",
    16: "right extra digit",
    17: "left extra digit",
    18: "unknown friction ridge",
    19: "entire joint image or tip",
    20: "unknown palm",
    21: "right full palm",
    22: "right writer's palm",
    23: "left full palm",
    24: "left writer's palm",
    25: "right lower palm",
    26: "right upper palm",
    27: "left lower palm",
    28: "left upper palm",
    29: "right other palm",
    30: "left other palm",
    31: "right interdigital",
    32: "right thenar",
    33: "right hypothenar",
    34: "left interdigital",
    35: "left thenar",
    36: "left hypothenar",
}
"""Table 8, friction ridge generalized positions (fingers and palms)."""

BINARY_COMPRESSIONS = ("NONE", "WSQ20", "JPEGB", "JPEGL", "JP2", "JP2L", "PNG")
"""Table 15: name of each binary compression code, in order."""

FORMATS = {
    "NONE": PrintFormat.RAW,
    "WSQ20": PrintFormat.WSQ,
    "WSQ": PrintFormat.WSQ,
    "JP2": PrintFormat.JPEG2000,
    "JP2L": PrintFormat.JPEG2000,
    "PNG": PrintFormat.PNG,
}
"""Compressions that are read; JPEGB and JPEGL were never allowed for fingerprints at 500 ppi."""

UNITS_PPI, UNITS_PPCM = 1, 2
"""Scale units, SLC; 0 states an aspect ratio only."""


def impression_of(code: int) -> Impression | None:
    """Plain or rolled; None for latents, palms and codes that say neither."""
    if code in _PLAIN_CODES:
        return Impression.PLAIN
    return Impression.ROLLED if code in _ROLLED_CODES else None


def position_name(code: int) -> str:
    """Such as ``"right thumb"``; a code we do not know is named as one."""
    return POSITION_NAMES.get(code, f"position code {code}")


def impression_name(code: int) -> str:
    """Such as ``"live-scan plain"``."""
    return IMPRESSION_NAMES.get(code, f"impression code {code}")
