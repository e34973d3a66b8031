"""Sequence check: does each rolled print fit the plain print of its own finger?

A card with two fingers swapped in its rolled row would be searched under wrong positions, so
rolled prints are compared with the plain ones of the same submission before a search.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.biometrics.model import Impression
from workers.matching.calibration import calibrate_finger
from workers.matching.template import EncounterTemplate
from workers.matching.verify import compare_all

SURE_SCORE = 30.0
"""A print is taken for another finger's only from this score on (FMR 1 in 1,000): up to a
hundred pairs of different fingers are compared on a card."""

LEAD_SCORE = 10.0
"""And only when it fits the other finger better than its own by a factor of ten in FMR."""


@dataclass(frozen=True, slots=True)
class SequenceSwap:
    """A rolled print that fits the plain print of another finger better than its own."""

    rolled_position: int
    plain_position: int


def check_sequence(template: EncounterTemplate) -> tuple[SequenceSwap, ...]:
    """Rolled prints that belong to another finger, by rolled position."""
    rolled = [f for f in template.fingers if f.impression is Impression.ROLLED and len(f)]
    plain = [f for f in template.fingers if f.impression is Impression.PLAIN and len(f)]
    swaps = []
    for finger in rolled:
        if len(plain) < 2:
            break
        scores = [calibrate_finger(float(raw)).score for raw in compare_all(finger, plain)]
        best = max(range(len(plain)), key=scores.__getitem__)
        own = max(
            (s for s, p in zip(scores, plain, strict=True) if p.position == finger.position),
            default=0.0,
        )
        if plain[best].position != finger.position and scores[best] >= max(
            SURE_SCORE, own + LEAD_SCORE
        ):
            swaps.append(SequenceSwap(int(finger.position), int(plain[best].position)))
    return tuple(swaps)
