"""Partitions large enough for the sketch, of a few generated persons' fingers recombined."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tests.unit.matching.samples import encounter
from workers.matching.parameters import PARAMETERS
from workers.matching.template import EncounterTemplate

FINGERS = (1, 2, 6, 7)
"""Enough for the coarse level; fewer of them for a probe begin at the fine one, one at none."""

LARGE = PARAMETERS.sketch.rows_min + 44
"""Encounters of a partition that are worth a sketch, even where a probe sees some less."""

_MADE = 30
_SEED = 5


@cache
def person(number: int, session: int = 0) -> EncounterTemplate:
    """One of the generated persons."""
    return encounter(number, FINGERS, session=session, minutiae=10)


def crowd(count: int) -> list[EncounterTemplate]:
    """Encounters of recombined fingers; the first ones are the generated persons themselves."""
    owners = np.random.default_rng(_SEED).integers(0, _MADE, (count, len(FINGERS)))
    owners[:_MADE] = np.arange(_MADE)[:count, None]
    return [_recombined(of_one) for of_one in owners.tolist()]


def _recombined(owners: Sequence[int]) -> EncounterTemplate:
    fingers = tuple(person(owner).fingers[i] for i, owner in enumerate(owners))
    return EncounterTemplate(fingers, person(0).parameters_hash)
