"""Rates at claimed scores and their intervals, on impostors whose claims are true."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.claim_rates import counted, over_fingers, over_persons, rates

CLAIMED = (0.1, 0.01)


def test_true_claims_are_measured_as_claimed() -> None:
    scores = -10.0 * np.log10(np.random.default_rng(1).random(100_000))
    assert rates(scores, CLAIMED) == pytest.approx(CLAIMED, rel=0.1)
    entry = counted(scores, CLAIMED)
    assert entry["impostors"] == 100_000
    assert entry["measured"] == [count / 100_000 for count in entry["false_matches"]]


def test_a_score_at_the_claim_counts() -> None:
    assert counted(np.array([9.99, 10.0, 20.0]), CLAIMED)["false_matches"] == [2, 1]


def test_fingers_that_always_match_widen_the_interval() -> None:
    """Scores that follow the finger tell less than as many that are independent."""
    first, second = np.triu_indices(20, 1)
    fingers = np.stack([first, second], axis=1)
    independent = np.where(np.random.default_rng(2).random(len(first)) < 0.1, 30.0, 0.0)
    follows = np.where((first == 3) | (second == 3), 30.0, 0.0)
    widths = []
    for scores in (independent, follows):
        ((low, high),) = over_fingers(scores, fingers, (0.1,))
        assert low <= (scores > 0).mean() <= high
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_persons_that_always_match_widen_the_interval() -> None:
    independent = np.where(np.random.default_rng(3).random((2, 30, 30)) < 0.1, 30.0, 0.0)
    follows = np.zeros((2, 30, 30))
    follows[:, :3] = 30.0
    widths = []
    for scores in (independent, follows):
        ((low, high),) = over_persons(scores, (0.1,))
        assert low <= (scores > 0).mean() <= high
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]
