"""The tail's fit on samples of known distributions, and what every curve promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import expon, genpareto

from benchmarks.curve_fit import EXCEEDANCES_MIN, THRESHOLD_SHARE, fit_curve, fit_tail, stretched
from workers.matching.calibration import SCORE_MAX

N = 200_000


def test_exponential_impostors_have_an_exponential_tail() -> None:
    sample = expon.rvs(scale=2.0, size=N, random_state=1)
    tail = fit_tail(sample)
    assert tail.exceedances == N * THRESHOLD_SHARE
    assert tail.threshold == pytest.approx(2.0 * np.log(100.0), rel=0.02)
    assert tail.free_shape == pytest.approx(0.0, abs=0.06)
    assert tail.scale == pytest.approx(2.0, rel=0.06)
    at = np.array([1.0, 4.0, 10.0, 18.0, 40.0])
    np.testing.assert_allclose(fit_curve(sample).at(at), true_scores(expon(0, 2), at), rtol=0.12)


@pytest.mark.parametrize("shape", [0.1, 0.3, 0.45])
def test_a_heavy_tail_is_found_and_claims_what_is_true(shape: float) -> None:
    distribution = genpareto(shape)
    sample = distribution.rvs(size=N, random_state=2)
    tail = fit_tail(sample)
    assert tail.shape == tail.free_shape == pytest.approx(shape, abs=0.08)
    at = distribution.isf([1e-1, 1e-2, 1e-3, 1e-4, 1e-6])
    np.testing.assert_allclose(fit_curve(sample).at(at), true_scores(distribution, at), rtol=0.12)


@pytest.mark.parametrize("shape", [-0.1, -0.3, -0.5])
def test_a_light_tail_is_taken_for_exponential_and_claims_no_more_than_is_true(
    shape: float,
) -> None:
    distribution = genpareto(shape)
    sample = distribution.rvs(size=N, random_state=3)
    tail = fit_tail(sample)
    assert tail.free_shape == pytest.approx(shape, abs=0.08)
    assert tail.shape == 0.0
    curve = fit_curve(sample)
    rates = np.geomspace(1e-1, 1e-8, 60)
    at = distribution.isf(rates)
    # The mean excess is that of the sample, so close to the threshold it is about level.
    assert np.all(curve.at(at) <= true_scores(distribution, at) + 1.0)
    assert curve.at(at)[-1] < true_scores(distribution, at)[-1] - 5.0
    impossible = np.array([distribution.support()[1] + 1.0])
    assert np.isfinite(curve.at(impossible)).all()


def test_quantiles_up_to_the_threshold_whatever_the_distribution() -> None:
    sample = np.random.default_rng(4).beta(2.0, 30.0, N)
    curve = fit_curve(sample)
    for share in (0.5, 0.1, 0.02):
        (score,) = curve.at(np.quantile(sample, [1.0 - share]))
        assert score == pytest.approx(-10.0 * np.log10(share), abs=0.15)


def test_the_evidence_ends_at_one_of_the_impostors() -> None:
    assert fit_curve(expon.rvs(size=10_000, random_state=5)).limit == pytest.approx(40.0)


def test_too_few_exceedances_are_refused() -> None:
    enough = round(EXCEEDANCES_MIN / THRESHOLD_SHARE)
    sample = expon.rvs(size=enough, random_state=6)
    fit_tail(sample)
    with pytest.raises(ValueError, match="29 values above the threshold"):
        fit_tail(sample[: enough - 100])


def test_a_stretched_curve_gives_a_stretched_value_the_same_score() -> None:
    curve = fit_curve(expon.rvs(size=10_000, random_state=7))
    values = np.linspace(0.0, 30.0, 50)
    np.testing.assert_allclose(stretched(curve, 1.5).at(1.5 * values), curve.at(values))


@st.composite
def samples(draw: st.DrawFn) -> NDArray[np.float64]:
    """Impostors of any shape: a power of a generalised Pareto sample, shifted, some of them 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sample = genpareto(draw(st.floats(-0.9, 0.9, allow_subnormal=False))).rvs(
        size=draw(st.integers(4_000, 8_000)), random_state=rng
    )
    sample = sample ** draw(st.floats(0.3, 2.0)) + draw(st.floats(-3.0, 3.0))
    zeros = rng.random(len(sample)) < draw(st.floats(0.0, 0.5))
    return np.asarray(np.where(zeros, min(sample.min(), 0.0), sample) * draw(st.floats(0.01, 50.0)))


@settings(max_examples=60, deadline=None)
@given(samples())
def test_every_curve_rises_from_zero_and_flattens_in_the_tail(sample: NDArray[np.float64]) -> None:
    curve = fit_curve(sample)
    assert curve.scores[0] == 0.0
    assert np.all(np.diff(curve.values) > 0.0)
    assert np.all(np.diff(curve.scores) > 0.0)
    assert curve.slope > 0.0
    assert curve.scores[-1] == pytest.approx(SCORE_MAX)
    # Never steeper than where it began, which exponential is at most.
    threshold = fit_tail(sample).threshold
    beyond = curve.values >= threshold
    steepness = np.diff(curve.scores[beyond]) / np.diff(curve.values[beyond])
    steepness = np.append(steepness, curve.slope)
    assert np.all(steepness[1:] <= steepness[:-1] * (1.0 + 1e-6))


@settings(max_examples=60, deadline=None)
@given(samples())
def test_impostors_that_were_observed_are_hardly_ever_beyond_the_evidence(
    sample: NDArray[np.float64],
) -> None:
    curve = fit_curve(sample)
    assert (curve.at(sample) > curve.limit).mean() < 20 / len(sample)


def true_scores(distribution: object, at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-10.0 * np.log10(distribution.sf(at)))  # type: ignore[attr-defined]
