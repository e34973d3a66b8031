"""Impostor persons: each finger once, no finger against itself, whole sessions."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.impostor_persons import Composer, parts, real_persons, score_persons
from benchmarks.impostors import RealGroup
from coordinator.evaluate.dataset import Scan
from workers.biometrics.model import FINGERS
from workers.matching.calibration import calibrate, finger_curve
from workers.matching.fuse import fuse

PERSONS, FINGERS_EACH, SESSIONS = "abc", (1, 2, 3), (1, 2)


def group(name: str = "set", *, lacking: tuple[str, int, int] | None = None) -> RealGroup:
    """Three persons, whose pairs score 100 times the one finger's number plus the other's."""
    keys = [key for key in product(PERSONS, FINGERS_EACH, SESSIONS) if key != lacking]
    fingers = np.array([PERSONS.index(p) * len(FINGERS_EACH) + f - 1 for p, f, _ in keys])
    low, high = np.minimum.outer(fingers, fingers), np.maximum.outer(fingers, fingers)
    return RealGroup(
        name,
        np.array([name] * len(keys)),
        tuple(Scan(f"{p}_{f}", s, p, str(f), Path("none")) for p, f, s in keys),
        fingers,
        (100.0 * low + high).astype(np.float64),
    )


def test_impostor_pairs_are_of_two_fingers_and_each_comes_once() -> None:
    first, second = group().pairs()
    assert len(first) == 9 * 8 // 2 * 4
    assert len({frozenset(pair) for pair in zip(first, second, strict=True)}) == len(first)
    assert set(group().impostors()) == {100.0 * a + b for b in range(9) for a in range(b)}


def test_composed_persons_have_every_finger_once_and_scores_of_their_own_set() -> None:
    groups = (group("one"), group("other"))
    composer = Composer(groups, {"one": 1.0, "other": -1.0})
    assert composer.positions == 8
    for scores in composer.compose(200, np.random.default_rng(1)):
        for sign in (1.0, -1.0):
            of_set = scores[np.sign(scores) == sign]
            fingers = [int(f) for s in np.abs(of_set) for f in divmod(s, 100.0)]
            assert len(of_set) == 4
            assert len(set(fingers)) == 8


def test_a_finger_drawn_twice_never_meets_itself() -> None:
    composer = Composer((group(),), {"set": 1.0})
    scores = composer.compose(2000, np.random.default_rng(2), anew=True)
    same = {101.0 * finger for finger in range(9)}
    assert not same & set(scores[~np.isnan(scores)])
    assert np.isnan(scores).any()
    # What is lacking comes last.
    assert not (np.isnan(scores[:, :-1]) & ~np.isnan(scores[:, 1:])).any()


def test_all_positions_are_equally_likely_to_come_first() -> None:
    composer = Composer((group("one"), group("other")), {"one": 1.0, "other": -1.0})
    scores = composer.compose(4000, np.random.default_rng(3))
    assert (scores[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.04)


def test_parts_are_disjoint_and_drawn_for_each_comparison() -> None:
    raw = np.tile(np.arange(10.0), (300, 1))
    three = parts(raw, 3, np.random.default_rng(4))
    assert three.shape == (3, 300, 3)
    for comparison in three.transpose(1, 0, 2):
        assert len(set(comparison.ravel())) == 9
    assert len({tuple(part) for part in three[0]}) > 100
    whole = parts(raw, 10, np.random.default_rng(4))
    np.testing.assert_array_equal(np.sort(whole[0], axis=1), raw)


def test_real_persons_meet_session_by_session_at_their_common_fingers() -> None:
    people = real_persons(group(), "set")
    assert people.persons == 3
    assert people.fingers == (1, 2, 3)
    # Three pairs of persons, two sessions each.
    assert people.raw.shape == (3 * 4, 3)
    assert {tuple(row) for row in people.raw} == {
        (3.0, 104.0, 205.0),
        (6.0, 107.0, 208.0),
        (306.0, 407.0, 508.0),
    }


def test_a_session_that_lacks_a_finger_is_left_out() -> None:
    people = real_persons(group(lacking=("a", 2, 1)), "set")
    assert people.fingers == (1, 2, 3)
    assert people.raw.shape == (2 + 2 + 4, 3)


def test_persons_are_scored_as_answers_score_them() -> None:
    raw = finger_curve().values[[3, 5, 8, 13]]
    full = np.full((1, len(FINGERS)), np.nan)
    full[0, [0, 2, 5, 9]] = raw
    expected = calibrate(float(fuse(full)[0]), [1, 3, 6, 10]).score
    assert max(score_persons(raw[None])[0], 0.0) == pytest.approx(expected)
