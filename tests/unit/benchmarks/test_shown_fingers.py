"""Fingers are shown as drawn: none invented, none at two places, the right ones exchanged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.shown_fingers import (
    HAND,
    SETS,
    Condition,
    all_but,
    draw_shown,
    show,
    turned_hands,
)
from tests.populations import encounter
from workers.biometrics.model import FINGERS, FingerPosition
from workers.matching.template import EncounterTemplate

SEEDS = st.integers(0, 2**32 - 1)
FINGER_COUNTS = st.sampled_from(sorted(SETS))


def prints(template: EncounterTemplate) -> dict[FingerPosition, bytes]:
    """What is at each position; descriptors tell prints apart."""
    found = {finger.position: finger.descriptors.tobytes() for finger in template.fingers}
    assert len(found) == len(template.fingers)
    return found


def draw(condition: Condition, fingers: int, seed: int) -> dict[FingerPosition, FingerPosition]:
    return dict(draw_shown(condition, SETS[fingers], np.random.default_rng(seed)))


def test_all_fingers_as_they_are_are_the_encounter() -> None:
    person = encounter(0, positions=FINGERS)
    shown = draw_shown(Condition.NONE, FINGERS, np.random.default_rng(0))
    assert show(person, shown) == person


@pytest.mark.parametrize("condition", Condition)
@given(seed=SEEDS)
def test_no_finger_is_shown_twice(condition: Condition, seed: int) -> None:
    shown = draw(condition, 10, seed)
    assert len(set(shown.values())) == len(shown)


@given(fingers=FINGER_COUNTS)
def test_a_probe_has_the_fingers_of_its_set(fingers: int) -> None:
    assert draw(Condition.NONE, fingers, 0) == {p: p for p in SETS[fingers]}
    assert len(SETS[fingers]) == fingers


@given(seed=SEEDS)
def test_one_to_three_fingers_are_absent_and_the_others_stay(seed: int) -> None:
    shown = draw(Condition.ABSENT_IN_PROBE, 10, seed)
    assert 7 <= len(shown) <= 9
    assert all(position == true for position, true in shown.items())


def test_each_number_of_absent_fingers_is_drawn() -> None:
    left = [len(draw(Condition.ABSENT_IN_PROBE, 10, seed)) for seed in range(300)]
    assert min(left.count(number) for number in (7, 8, 9)) > 70


@given(fingers=FINGER_COUNTS.filter(lambda fingers: fingers > 1), seed=SEEDS)
def test_two_fingers_hold_each_others_place(fingers: int, seed: int) -> None:
    shown = draw(Condition.TWO_EXCHANGED, fingers, seed)
    assert set(shown) == set(SETS[fingers])
    moved = {position: true for position, true in shown.items() if position != true}
    (a, b), (c, d) = moved.items()
    assert (a, b) == (d, c)


def test_exchanged_hands_show_each_finger_as_its_opposite() -> None:
    person = encounter(0, positions=FINGERS)
    shown = draw(Condition.HANDS_EXCHANGED, 10, 0)
    before, after = prints(person), prints(show(person, shown))
    assert after[FingerPosition.LEFT_THUMB] == before[FingerPosition.RIGHT_THUMB]
    assert after[FingerPosition.RIGHT_LITTLE] == before[FingerPosition.LEFT_LITTLE]
    assert show(show(person, shown), shown) == person
    assert set(draw(Condition.HANDS_EXCHANGED, 4, 0)) == set(FINGERS[6:10])


def test_a_finger_that_is_not_there_is_not_shown() -> None:
    person = encounter(0, positions=FINGERS)
    absent = (FingerPosition.RIGHT_RING, FingerPosition.LEFT_THUMB)
    left = show(person, all_but(absent))
    expected = prints(person)
    for position in absent:
        del expected[position]
    assert prints(left) == expected
    shown = draw(Condition.HANDS_EXCHANGED, 10, 0)
    assert set(prints(show(left, shown))) == set(FINGERS) - {
        FingerPosition.LEFT_RING,
        FingerPosition.RIGHT_THUMB,
    }


def test_turned_hands_bring_every_finger_of_the_hand_to_every_place_once() -> None:
    for place, position in enumerate(FINGERS):
        of_hand = FINGERS[:HAND] if place < HAND else FINGERS[HAND:]
        brought = [turned_hands(turns)[position] for turns in range(HAND)]
        assert sorted(brought) == sorted(of_hand)
    assert turned_hands(1)[FingerPosition.RIGHT_LITTLE] == FingerPosition.RIGHT_THUMB
    assert turned_hands(HAND) == turned_hands(0) == {p: p for p in FINGERS}
