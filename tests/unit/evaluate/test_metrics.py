"""Error rates against obviously right ones, and errors planted on purpose."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.evaluate.bootstrap import finger_numbers, resampled_errors
from coordinator.evaluate.metrics import (
    binomial_interval,
    count_errors,
    equal_error_rate,
    fnir_at_fpir,
    fnmr_at_fmr,
    interval,
)

# Few distinct values, so that ties are the rule.
scores = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=40)


def naive_rates(genuine: list[float], impostor: list[float], t: float) -> tuple[float, float]:
    """(FMR, FNMR) by counting."""
    return (
        sum(s >= t for s in impostor) / len(impostor),
        sum(s < t for s in genuine) / len(genuine),
    )


def every_threshold(genuine: list[float], impostor: list[float]) -> list[float]:
    """Where a rate can change, from both sides."""
    values = sorted({*genuine, *impostor})
    return sorted({*values, *(math.nextafter(v, math.inf) for v in values), math.inf})


@given(scores, scores)
def test_counts_agree_with_counting(genuine: list[float], impostor: list[float]) -> None:
    counts = count_errors(np.array(genuine), np.array(impostor))
    for t, fmr, fnmr in zip(counts.thresholds, counts.fmr, counts.fnmr, strict=True):
        assert (fmr, fnmr) == pytest.approx(naive_rates(genuine, impostor, t))


@given(scores, scores, st.sampled_from([0.01, 0.05, 0.1, 0.3, 0.5]))
def test_fnmr_is_taken_at_the_lowest_threshold_allowed(
    genuine: list[float], impostor: list[float], fmr: float
) -> None:
    found = fnmr_at_fmr(count_errors(np.array(genuine), np.array(impostor)), fmr)
    if len(impostor) * fmr < 1 - 1e-9:
        assert found is None
        return
    at = next(
        t
        for t in every_threshold(genuine, impostor)
        if naive_rates(genuine, impostor, t)[0] <= fmr + 1e-12
    )
    assert found == pytest.approx(naive_rates(genuine, impostor, at)[1])


@given(scores, scores)
def test_eer_is_no_worse_than_any_threshold(genuine: list[float], impostor: list[float]) -> None:
    found = equal_error_rate(count_errors(np.array(genuine), np.array(impostor)))
    fmr, fnmr = naive_rates(genuine, impostor, found.threshold)
    assert found.rate == pytest.approx((fmr + fnmr) / 2)
    assert found.lost == sum(s < found.threshold for s in genuine)
    assert found.accepted == sum(s >= found.threshold for s in impostor)
    worst = [max(naive_rates(genuine, impostor, t)) for t in every_threshold(genuine, impostor)]
    assert found.rate <= min(worst) + 1e-12


def test_planted_errors_are_counted() -> None:
    genuine = np.concatenate([np.linspace(0.6, 0.9, 98), [0.05, 0.0]])
    impostor = np.concatenate([np.linspace(0.0, 0.3, 997), [0.7, 0.71, 0.72]])
    counts = count_errors(genuine, impostor)
    equal = equal_error_rate(counts)
    # Two of a hundred lost meet twenty of a thousand accepted.
    assert (equal.lost, equal.accepted) == (2, 20)
    assert equal.rate == pytest.approx(0.02)
    # Three impostors of a thousand score high: 0.3 % needs none of them refused, 0.1 % two.
    assert fnmr_at_fmr(counts, 0.003) == pytest.approx(0.02)
    strict = fnmr_at_fmr(counts, 0.001)
    assert strict == pytest.approx(np.mean(genuine <= 0.71))
    assert fnmr_at_fmr(counts, 0.0001) is None


def test_perfect_and_hopeless() -> None:
    perfect = count_errors(np.array([0.9, 0.8]), np.array([0.1, 0.2]))
    assert equal_error_rate(perfect).rate == 0.0
    assert equal_error_rate(perfect).lost == equal_error_rate(perfect).accepted == 0
    hopeless = count_errors(np.array([0.1, 0.2]), np.array([0.8, 0.9]))
    assert equal_error_rate(hopeless).rate == pytest.approx(1.0)
    same = count_errors(np.zeros(5), np.zeros(5))
    assert equal_error_rate(same).rate == pytest.approx(0.5)


def test_three_of_three_thousand_are_a_thousandth() -> None:
    impostor = np.concatenate([np.zeros(2997), np.ones(3)])
    assert fnmr_at_fmr(count_errors(np.array([0.5]), impostor), 0.001) == 0.0


def test_empty_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        count_errors(np.zeros(0), np.ones(1))


@given(scores, scores, st.sampled_from([0.05, 0.1, 0.5]))
def test_fnir_agrees_with_counting(mated: list[float], nonmated: list[float], fpir: float) -> None:
    found = fnir_at_fpir(np.array(mated), np.array(nonmated), fpir)
    if len(nonmated) * fpir < 1 - 1e-9:
        assert found is None
        return
    at = next(
        t
        for t in every_threshold(mated, nonmated)
        if sum(s >= t for s in nonmated) / len(nonmated) <= fpir + 1e-12
    )
    assert found == pytest.approx(sum(s < at for s in mated) / len(mated))


def test_a_mate_that_was_not_found_is_lost_at_every_threshold() -> None:
    mated = np.array([-np.inf, 50.0])
    assert fnir_at_fpir(mated, np.full(100, -np.inf), 0.01) == 0.5


def test_binomial_interval_is_clopper_and_pearsons() -> None:
    # R: binom.test(28, 28), binom.test(1, 280).
    assert binomial_interval(28, 28) == pytest.approx((0.8765661, 1.0), abs=1e-5)
    assert binomial_interval(1, 280) == pytest.approx((0.0000904, 0.0197304), abs=1e-5)
    assert binomial_interval(0, 10)[0] == 0.0
    with pytest.raises(ValueError, match="count"):
        binomial_interval(3, 2)


def test_weights_count_as_repetition() -> None:
    genuine, impostor = np.array([0.2, 0.7, 0.9]), np.array([0.1, 0.3, 0.8])
    weights = np.array([2.0, 0.0, 3.0]), np.array([1.0, 4.0, 1.0])
    weighted = count_errors(genuine, impostor, *weights)
    repeated = count_errors(
        np.repeat(genuine, weights[0].astype(int)), np.repeat(impostor, weights[1].astype(int))
    )
    for fmr in (0.2, 0.5):
        assert fnmr_at_fmr(weighted, fmr) == fnmr_at_fmr(repeated, fmr)
    assert equal_error_rate(weighted).rate == equal_error_rate(repeated).rate


def test_bootstrap_resamples_fingers_not_pairs() -> None:
    # All errors are one finger's: resampled rates are multiples of what one finger has.
    genuine = np.array([0.9] * 9 + [0.1] * 3)
    finger = np.repeat(np.arange(4), 3)
    impostor = np.full(6, 0.2)
    pairs = np.array([(a, b) for a in range(4) for b in range(a + 1, 4)])
    rates = [
        fnmr_at_fmr(counts, 0.5)
        for counts in resampled_errors(genuine, finger, impostor, pairs, replicates=200, seed=1)
    ]
    drawn = [rate for rate in rates if rate is not None]
    assert {round(4 * rate) / 4 for rate in drawn} == set(drawn)
    low, high = interval(drawn)
    assert low == 0.0
    assert 0.5 <= high < 1.0
    again = list(resampled_errors(genuine, finger, impostor, pairs, replicates=3, seed=1))
    same = list(resampled_errors(genuine, finger, impostor, pairs, replicates=3, seed=1))
    assert [c.lost.tolist() for c in again] == [c.lost.tolist() for c in same]


def test_fingers_are_numbered_by_name() -> None:
    assert finger_numbers(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]
