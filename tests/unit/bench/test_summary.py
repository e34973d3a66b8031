from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.bench.load import Served
from coordinator.bench.summary import (
    QUANTILES,
    efficiency,
    part_rates,
    percentiles,
    served_summary,
)


@pytest.mark.parametrize(
    ("count", "resolved"),
    [
        (0, []),
        (1, []),
        (2, ["p50"]),
        (19, ["p50"]),
        (20, ["p50", "p95"]),
        (99, ["p50", "p95"]),
        (100, ["p50", "p95", "p99"]),
    ],
)
def test_percentiles_are_no_finer_than_counts_resolve(count: int, resolved: list[str]) -> None:
    found = percentiles([float(i) for i in range(count)])
    assert [name for name, value in found.items() if value is not None] == resolved


@given(st.lists(st.floats(0, 100), max_size=300))
def test_a_percentile_is_an_observation_that_its_share_does_not_exceed(values: list[float]) -> None:
    for name, value in percentiles(values).items():
        if value is not None:
            assert value in values
            share = QUANTILES[name] * len(values)
            assert sum(v <= value for v in values) >= share - 1e-9
            assert sum(v < value for v in values) < share


def test_a_load_is_summed_up() -> None:
    served = Served(seconds=10.0, latency_s=[0.5] * 25, ended_s=[0.4 * i for i in range(25)])
    served.failed["DEADLINE_EXCEEDED"] += 2
    summary = served_summary(served)
    assert summary["per_s"] == pytest.approx(2.5)
    assert summary["per_s_slowest_part"] == pytest.approx(2.5)
    assert summary["failed"] == {"DEADLINE_EXCEEDED": 2}
    assert summary["latency_s"] == {"p50": 0.5, "p95": 0.5, "p99": None}


def test_parts_show_a_stall() -> None:
    served = Served(seconds=10.0, ended_s=[0.1, 0.2, 0.3, 2.5, 4.5, 6.5, 9.9])
    assert part_rates(served) == pytest.approx([1.5, 0.5, 0.5, 0.5, 0.5])


def test_an_empty_part_has_no_rate() -> None:
    assert part_rates(Served(seconds=10.0, ended_s=[0.1, 9.9])) == []
    assert served_summary(Served())["per_s_slowest_part"] is None


def test_efficiency_is_relative_to_the_smallest_cluster() -> None:
    assert efficiency(10.0, 2, 5.0, 1) == 1.0
    assert efficiency(15.0, 4, 10.0, 2) == 0.75
