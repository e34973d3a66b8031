"""Generated subjects for tests: small, seeded, made once a process."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from workers.biometrics.model import FINGERS, FingerPosition
from workers.matching.descriptor import describe_encounter
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_subject

SEED = 20_26

FEW = (FingerPosition.RIGHT_THUMB, FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_THUMB)
"""Enough fingers to tell people apart, few enough to be fast."""


@cache
def encounter(
    person: int, session: int = 0, positions: tuple[FingerPosition, ...] = FEW
) -> EncounterTemplate:
    """A session of a generated person; sessions show the same fingers anew."""
    wanted = positions or FINGERS
    return describe_encounter(generate_subject(SEED, person, session, fingers=wanted))


def smudged(template: EncounterTemplate, pixels: float, seed: int) -> EncounterTemplate:
    """Prints whose minutiae are displaced by so much (standard deviation), so that mates score
    below the highest score that is given."""
    rng = np.random.default_rng(seed)
    fingers = []
    for finger in template.fingers:
        dx, dy = np.rint(rng.normal(0.0, pixels, (2, len(finger)))).astype(np.int16)
        fingers.append(replace(finger, x=finger.x + dx, y=finger.y + dy))
    return replace(template, fingers=tuple(fingers))
