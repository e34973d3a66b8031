from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.bench.cluster_plot import plot_cluster
from coordinator.bench.load import Served
from coordinator.bench.summary import served_summary


def result(searches: int) -> dict[str, Any]:
    """As a benchmark gives it, from loads of so many searches."""
    runs = []
    for nodes in (1, 2):
        seconds = 10.0 / nodes
        ends = [seconds * (i + 1) / searches for i in range(searches)]
        served = Served(seconds=seconds, latency_s=[0.1] * searches, ended_s=ends)
        runs.append(
            {"nodes": nodes, "closed": served_summary(served), "open": served_summary(served)}
        )
    return {
        "subjects": 1000,
        "where": "2 Ray nodes on one machine",
        "callers": 8,
        "open_rate_per_s": 2.5,
        "runs": runs,
    }


@pytest.mark.parametrize("searches", [1, 3, 200])
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_it_draws_what_is_resolved(tmp_path: Path, searches: int, ending: str) -> None:
    target = tmp_path / f"scale.{ending}"
    plot_cluster(result(searches), target)
    assert target.stat().st_size > 1000


def test_the_picture_says_what_it_is_of(tmp_path: Path) -> None:
    import matplotlib as mpl

    target = tmp_path / "scale.svg"
    with mpl.rc_context({"svg.fonttype": "none"}):
        plot_cluster(result(200), target)
    text = target.read_text()
    for words in ("1,000 subjects", "2 Ray nodes on one machine", "8 callers", "p50", "p99"):
        assert words in text
