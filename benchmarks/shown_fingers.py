"""Which fingers a search shows, and as which: some of them, all but a few, the wrong ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum, unique

import numpy as np

from workers.biometrics.model import FINGERS, SLAP_FINGERS, FingerPosition
from workers.matching.template import EncounterTemplate

Shown = Mapping[FingerPosition, FingerPosition]
"""By the position that a finger is shown as, the finger that it is."""

HAND = len(FINGERS) // 2

SETS: Mapping[int, Sequence[FingerPosition]] = {
    10: FINGERS,
    4: SLAP_FINGERS[FingerPosition.PLAIN_RIGHT_FOUR],
    2: (FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_INDEX),
    1: (FingerPosition.RIGHT_INDEX,),
}
"""The fingers searched with, by their number: all, a slap of the right hand, both indexes, one."""

ABSENT_MAX = 3


@unique
class Condition(StrEnum):
    """What is wrong with a search, apart from the fingers that it has."""

    NONE = "none"
    ABSENT_IN_PROBE = "1-3 fingers absent in the probe"
    ABSENT_IN_GALLERY = "1-3 fingers absent in the gallery"
    TWO_EXCHANGED = "two fingers exchanged"
    HANDS_EXCHANGED = "hands exchanged"
    ROLLED_PROBE = "rolled probe, plain gallery"


def show(template: EncounterTemplate, shown: Shown) -> EncounterTemplate:
    """The encounter with the fingers that are shown, under the positions they are shown as."""
    fingers = [
        replace(finger, position=position)
        for position, true in shown.items()
        for finger in template.fingers
        if finger.position == true
    ]
    fingers.sort(key=lambda f: (f.position, f.impression))
    return replace(template, fingers=tuple(fingers))


def draw_shown(
    condition: Condition, wanted: Sequence[FingerPosition], rng: np.random.Generator
) -> Shown:
    """What a search for some fingers of a person shows under a condition."""
    shown = {position: position for position in wanted}
    if condition is Condition.ABSENT_IN_PROBE:
        for position in draw_absent(wanted, rng):
            del shown[position]
    elif condition is Condition.TWO_EXCHANGED:
        a, b = (wanted[i] for i in rng.choice(len(wanted), 2, replace=False))
        shown[a], shown[b] = b, a
    elif condition is Condition.HANDS_EXCHANGED:
        shown = {_of_other_hand(position): position for position in wanted}
    return shown


def draw_absent(
    wanted: Sequence[FingerPosition], rng: np.random.Generator
) -> Collection[FingerPosition]:
    """One to three fingers, as often each number as the other."""
    count = int(rng.integers(1, ABSENT_MAX + 1))
    return [wanted[i] for i in rng.choice(len(wanted), count, replace=False)]


def all_but(absent: Collection[FingerPosition]) -> Shown:
    """Every finger but some."""
    return {position: position for position in FINGERS if position not in absent}


def turned_hands(turns: int) -> Shown:
    """Each hand's fingers moved on by so many places, the last to the first."""
    return {
        position: FINGERS[i - i % HAND + (i + turns) % HAND] for i, position in enumerate(FINGERS)
    }


def _of_other_hand(position: FingerPosition) -> FingerPosition:
    return FINGERS[(position - 1 + HAND) % len(FINGERS)]
