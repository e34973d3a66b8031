"""Rates of searches counted by hand, and only where the searches are enough."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.enrolled_gallery import Searched
from benchmarks.identification_rates import fnir, rates
from coordinator.evaluate.metrics import fnir_at_fpir

SCORES = st.lists(
    st.one_of(st.just(-math.inf), st.integers(0, 120).map(float)), min_size=1, max_size=60
)


@given(mates=SCORES, strangers=SCORES, fpir=st.sampled_from([0.5, 0.1, 0.05]))
def test_with_equal_weights_it_is_the_evaluation_s_rate(
    mates: list[float], strangers: list[float], fpir: float
) -> None:
    mate, stranger = np.array(mates), np.array(strangers)
    size = min(len(mate), len(stranger))
    mate, stranger = mate[:size], stranger[:size]
    expected = fnir_at_fpir(mate, stranger, fpir)
    assert fnir(mate, stranger, fpir, np.ones(size)) == pytest.approx(expected)


def test_a_search_that_counts_twice_is_two_searches() -> None:
    mate, stranger = np.array([70.0, 30.0, 90.0]), np.array([10.0, 50.0, 20.0])
    weights = np.array([1.0, 2.0, 0.0])
    whole = fnir(mate[[0, 1, 1]], stranger[[0, 1, 1]], 0.4, np.ones(3))
    assert fnir(mate, stranger, 0.4, weights) == whole == pytest.approx(2 / 3)


def test_counted_by_hand() -> None:
    found = [
        Searched(0, 120.0, 10.0, 120.0),
        Searched(0, 50.0, 41.0, 50.0),
        Searched(2, 39.0, 61.0, 45.0),
        Searched(None, -math.inf, -math.inf, 70.0),
    ]
    result = rates(found, [np.ones(4), np.array([1.0, 1.0, 0.0, 0.0]), np.zeros(4)])
    assert result["not_first"]["share"] == 0.5
    assert result["not_first"]["interval"] == pytest.approx((0.0125, 0.4875))
    at = result["at_threshold"]
    assert (at["possible"]["missed"]["share"], at["likely"]["missed"]["share"]) == (0.5, 0.75)
    assert (at["possible"]["false"]["share"], at["likely"]["false"]["share"]) == (0.5, 0.25)
    assert result["exhaustive"] == {
        "searches": 4,
        "likely": {"missed_sketched": 3, "missed_exhaustive": 2},
        "possible": {"missed_sketched": 2, "missed_exhaustive": 0},
    }
    assert result["missed_at_fpir"] == {"0.01": None, "0.001": None}


def test_rates_are_stated_where_searches_are_enough() -> None:
    found = [Searched(0, 80.0, float(i % 50), None) for i in range(300)]
    result = rates(found, [np.ones(300)])
    assert result["missed_at_fpir"] == {
        "0.01": {"share": 0.0, "interval": (0.0, 0.0)},
        "0.001": None,
    }
    assert result["exhaustive"] is None
    assert rates(found[:299], [np.ones(299)])["missed_at_fpir"]["0.01"] is None
