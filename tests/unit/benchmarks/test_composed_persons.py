"""Composed persons: different fingers, different scans, each where it was drawn to be."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.composed_persons import compose, draw_person, finger_weights
from tests.populations import encounter
from workers.biometrics.model import FingerPosition
from workers.matching.template import FingerTemplate


@pytest.fixture(scope="module")
def fingers() -> list[list[FingerTemplate]]:
    """Twelve fingers with three prints each."""
    return [
        [encounter(person, session).fingers[place] for session in range(3)]
        for person in range(4)
        for place in range(3)
    ]


@pytest.mark.parametrize("count", [10, 4, 2, 1])
def test_sessions_show_the_same_fingers_in_different_scans(
    fingers: list[list[FingerTemplate]], count: int
) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        drawn = draw_person(fingers, count, rng)
        assert len(set(drawn.fingers)) == len(set(drawn.positions)) == count
        assert len(drawn.probe.fingers) == len(drawn.mate.fingers) == count
        for number, place in zip(drawn.fingers, drawn.positions, strict=True):
            scans = [
                scan_of(fingers[number], next(f for f in side.fingers if f.position == place + 1))
                for side in (drawn.probe, drawn.mate)
            ]
            assert scans[0] != scans[1]


def scan_of(prints: list[FingerTemplate], found: FingerTemplate) -> int:
    """Which of a finger's prints that is; fails where it is none of them."""
    (scan,) = [i for i, own in enumerate(prints) if found.descriptors is own.descriptors]
    return scan


def test_fingers_are_placed_and_put_in_order(fingers: list[list[FingerTemplate]]) -> None:
    person = compose([fingers[0][0], fingers[1][0]], np.array([6, 1]))
    assert [f.position for f in person.fingers] == [
        FingerPosition.RIGHT_INDEX,
        FingerPosition.LEFT_INDEX,
    ]
    assert person.fingers[0].descriptors is fingers[1][0].descriptors
    assert person.fingers[1].descriptors is fingers[0][0].descriptors


def test_a_draw_counts_as_often_as_its_fingers_do() -> None:
    drawn = np.array([[0, 1], [2, 2], [1, 2]])
    counts = np.bincount(np.random.default_rng(5).integers(3, size=3), minlength=3)
    weights = finger_weights(drawn, 3, np.random.default_rng(5))
    expected = [(counts[0] + counts[1]) / 2, counts[2], (counts[1] + counts[2]) / 2]
    np.testing.assert_array_equal(weights, expected)
    assert len(set(weights)) > 1
