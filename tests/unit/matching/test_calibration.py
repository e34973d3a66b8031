"""What a score is worth, held against the shipped curves read by hand."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS
from workers.matching.calibration import (
    CHANCE_EVIDENCE,
    SCORE_MAX,
    Curve,
    calibrate,
    calibrate_finger,
    expected_false_candidates,
)
from workers.matching.fuse import fuse
from workers.matching.parameters import CALIBRATION_FILE, data_file

CURVE = Curve(np.array([1.0, 3.0, 4.0]), np.array([0.0, 10.0, 30.0]), slope=5.0, limit=25.0)


def shipped(number: int, value: float) -> float:
    """Score of a value: between two knots on the line through them, above them on the tail's."""
    with np.load(BytesIO(data_file(CALIBRATION_FILE))) as data:
        values, scores = data[f"values_{number}"].tolist(), data[f"scores_{number}"].tolist()
        slope = float(data["slopes"][number])
    if value <= values[0]:
        return float(scores[0])
    if value >= values[-1]:
        return float(scores[-1] + (value - values[-1]) * slope)
    above = next(i for i, knot in enumerate(values) if knot > value)
    share = (value - values[above - 1]) / (values[above] - values[above - 1])
    return float(scores[above - 1] + share * (scores[above] - scores[above - 1]))


def limit(number: int) -> float:
    with np.load(BytesIO(data_file(CALIBRATION_FILE))) as data:
        return float(data["limits"][number])


def test_a_curve_is_straight_between_its_knots_and_beyond() -> None:
    at = np.array([-9.0, 1.0, 2.0, 3.0, 3.5, 4.0, 6.0])
    np.testing.assert_allclose(CURVE.at(at), [0.0, 0.0, 5.0, 10.0, 20.0, 30.0, 40.0])


@pytest.mark.parametrize("fingers", range(1, 11))
def test_persons_are_calibrated_by_the_number_of_common_fingers(fingers: int) -> None:
    for fused in (-50.0, 0.0, 9.5, 31.25, 66.0, 90.0):
        expected = shipped(fingers, fused)
        found = calibrate(fused, FINGERS[:fingers])
        assert found.score == pytest.approx(min(expected, SCORE_MAX), abs=1e-9)
        assert found.extrapolated == (expected > limit(fingers))
        # Ten tries find a score ten times as often by chance.
        tried = calibrate(fused, FINGERS[:fingers], encounters=10)
        assert tried.score == pytest.approx(min(max(expected - 10, 0.0), SCORE_MAX), abs=1e-9)
        assert tried.extrapolated == found.extrapolated


def test_a_finger_twice_is_one_finger() -> None:
    assert calibrate(20.0, [1, 1, 2]) == calibrate(20.0, [1, 2])


def test_fingers_are_calibrated_by_their_own_curve() -> None:
    for raw in (0.0, 0.01, 0.03, 0.2, 0.9, 1.5):
        found = calibrate_finger(raw)
        assert found.score == pytest.approx(min(shipped(0, raw), SCORE_MAX), abs=1e-9)
        assert found.extrapolated == (shipped(0, raw) > limit(0))


def test_scores_end_where_any_evidence_would() -> None:
    assert calibrate(1e6, FINGERS).score == SCORE_MAX == 120.0
    assert calibrate(-1e6, FINGERS).score == 0.0


def test_false_candidates_are_a_share_of_the_gallery() -> None:
    assert expected_false_candidates(0.0, 70) == 70.0
    assert expected_false_candidates(40.0, 1_000_000) == pytest.approx(100.0)


def test_an_impostor_finger_adds_nothing_on_average() -> None:
    """By the curve's own promise: a share of 10^(-s / 10) of impostors score s or more."""
    shares = (np.arange(200_000) + 0.5) / 200_000
    assert np.mean(-10 * np.log10(shares)) == pytest.approx(CHANCE_EVIDENCE, abs=1e-3)
    straight = Curve(np.array([0.0, 1.0]), np.array([0.0, 10.0]), slope=10.0, limit=99.0)
    impostors = one_column(3, -np.log10(shares))
    assert fuse(impostors, straight).mean() == pytest.approx(0.0, abs=1e-3)


def test_fusion_adds_the_evidence_of_common_fingers() -> None:
    raw = np.full((4, 10), np.nan)
    raw[0, [0, 9]] = 2.0, 6.0
    raw[1, 4] = 0.5
    raw[3] = 3.5
    chance = 10 / math.log(10)
    expected = [5.0 + 40.0 - 2 * chance, -chance, 0.0, 10 * (20.0 - chance)]
    np.testing.assert_allclose(fuse(raw, CURVE), expected)
    one = one_column(0, np.array([0.2]))
    assert fuse(one)[0] == pytest.approx(shipped(0, 0.2) - chance)


def one_column(column: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raw scores of one finger."""
    raw = np.full((len(values), 10), np.nan)
    raw[:, column] = values
    return raw
