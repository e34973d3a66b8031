"""Generated subjects for tests: small, seeded, made once a process."""

from __future__ import annotations

from functools import cache

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
