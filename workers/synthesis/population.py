"""Who is in a generated population: random streams, pattern classes, traits of a person.

Everything generated derives from (seed, person, finger, session) alone, so the order in which
things are made, and by how many processes, never changes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique

import numpy as np

from workers.biometrics.model import FINGERS, FingerPosition


@unique
class Stream(IntEnum):
    """Independent random streams; a new use takes a new number and disturbs no other."""

    PERSON = 0
    FLOW = 1
    MINUTIAE = 2
    RIDGES = 3
    TEMPLATE_IMPRESSION = 4
    IMAGE_IMPRESSION = 5


def stream(
    kind: Stream, seed: int, person: int, finger: int = 0, session: int = 0
) -> np.random.Generator:
    """The random stream of one use, `numpy.random.SeedSequence` with its spawn key."""
    key = (int(kind), person, finger, session)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


class Pattern(StrEnum):
    """Pattern classes; left and right are as seen on the image of the print."""

    ARCH = "arch"
    TENTED_ARCH = "tented arch"
    LEFT_LOOP = "left loop"
    RIGHT_LOOP = "right loop"
    WHORL = "whorl"
    DOUBLE_LOOP = "double loop"


# Rows: thumb, index, middle, ring, little. Columns: arch, tented arch, ulnar loop, radial
# loop, whorl with double loop. Averaged over fingers they give the natural frequencies of
# Wilson, Candela and Watson (1994): arch 0.037, tented 0.029, loops 0.655, whorls 0.279. Their
# spread over fingers (radial loops on index fingers, whorls on thumbs and ring fingers) is our
# rounding of what is commonly published.
_FREQUENCY = np.array(
    [
        [0.030, 0.010, 0.585, 0.005, 0.370],
        [0.080, 0.080, 0.350, 0.180, 0.310],
        [0.050, 0.040, 0.710, 0.020, 0.180],
        [0.015, 0.010, 0.575, 0.010, 0.390],
        [0.010, 0.005, 0.830, 0.005, 0.150],
    ]
)
_DOUBLE_AMONG_WHORLS = np.array([0.30, 0.20, 0.20, 0.12, 0.15])

PATTERN_CORRELATION = 0.4
"""Correlation of the fingers of a person in the order arch, tented, loop, whorl: dimensionless.
People with one whorl tend to have more; the value is a plausible choice, not a measurement."""


@dataclass(frozen=True, slots=True)
class Person:
    """A generated person: `index` within the population of `seed`."""

    seed: int
    index: int


@dataclass(frozen=True, slots=True)
class Traits:
    """What the fingers of a person share.

    Attributes:
        patterns: of the ten fingers, in order of `FINGERS`.
        period_px: mean ridge period, pixels at 500 ppi.
        size: scale of the finger tips, 1 is the mean.
        skill: of the skin to give good prints, standard normal; low is dry, worn or creased.
    """

    patterns: tuple[Pattern, ...]
    period_px: float
    size: float
    skill: float

    def pattern(self, finger: FingerPosition) -> Pattern:
        """Class of a finger 1-10."""
        return self.patterns[int(finger) - 1]


def traits(person: Person) -> Traits:
    """Draws what the fingers of `person` share."""
    rng = stream(Stream.PERSON, person.seed, person.index)
    shared = rng.standard_normal()
    own = rng.standard_normal(len(FINGERS))
    doubles = rng.random(len(FINGERS))
    patterns = []
    for finger, noise, double in zip(FINGERS, own, doubles, strict=True):
        # A Gaussian copula keeps each finger's own frequencies and correlates the hand.
        level = math.sqrt(PATTERN_CORRELATION) * shared + math.sqrt(1 - PATTERN_CORRELATION) * noise
        patterns.append(_pattern(finger, 0.5 * math.erfc(-level / math.sqrt(2)), double))
    size = math.exp(0.07 * rng.standard_normal())
    period = 9.0 * math.exp(0.5 * math.log(size) + 0.05 * rng.standard_normal())
    return Traits(tuple(patterns), period, size, float(rng.standard_normal()))


def is_thumb(finger: FingerPosition) -> bool:
    """Whether a finger 1-10 is a thumb."""
    return finger in (FingerPosition.RIGHT_THUMB, FingerPosition.LEFT_THUMB)


def _pattern(finger: FingerPosition, level: float, double: float) -> Pattern:
    row = (int(finger) - 1) % 5
    right_hand = finger <= FingerPosition.RIGHT_LITTLE
    kind = int(np.searchsorted(np.cumsum(_FREQUENCY[row])[:-1], level, side="right"))
    # A right hand's little finger lies to the right on its print, so its ulnar loops open there.
    ulnar, radial = Pattern.RIGHT_LOOP, Pattern.LEFT_LOOP
    if not right_hand:
        ulnar, radial = radial, ulnar
    whorl = Pattern.DOUBLE_LOOP if double < _DOUBLE_AMONG_WHORLS[row] else Pattern.WHORL
    return (Pattern.ARCH, Pattern.TENTED_ARCH, ulnar, radial, whorl)[kind]
