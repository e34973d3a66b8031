"""A scale-out run as a picture: throughput and latency by the number of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coordinator.bench.summary import QUANTILES

COLOURS = dict(zip(QUANTILES, ("#1f4e79", "#4a90c2", "#a9cce8"), strict=True))


def plot_cluster(result: dict[str, Any], path: Path) -> None:
    """Draws what `coordinator.bench.cluster.bench_cluster` returned."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8.4, 3.8), layout="constrained")
        rate, latency = figure.subplots(1, 2)
        _throughput(rate, result)
        _latency(latency, result)
        figure.suptitle(f"{result['subjects']:,} subjects; {result['where']}", fontsize=9)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160)


def _throughput(axes: Axes, result: dict[str, Any]) -> None:
    """The closed loop's rate; bars reach from the slowest part of the time to the fastest."""
    runs = result["runs"]
    nodes = [run["nodes"] for run in runs]
    rates = [run["closed"]["per_s"] for run in runs]
    axes.plot(
        nodes,
        [rates[0] * count / nodes[0] for count in nodes],
        color="0.6",
        linestyle=":",
        label="if efficiency were 1",
    )
    low = [r["closed"]["per_s"] - _or_rate(r, "per_s_slowest_part") for r in runs]
    high = [_or_rate(r, "per_s_fastest_part") - r["closed"]["per_s"] for r in runs]
    axes.errorbar(
        nodes,
        rates,
        yerr=[low, high],
        color=COLOURS["p50"],
        marker="o",
        capsize=3,
        label="measured",
    )
    axes.set(
        xticks=nodes,
        ylim=(0, None),
        xlabel="nodes",
        ylabel=f"searches a second, {result['callers']} callers",
    )
    axes.legend(frameon=False)


def _latency(axes: Axes, result: dict[str, Any]) -> None:
    """The open loop's percentiles, those that the number of searches resolves."""
    runs = result["runs"]
    for name, colour in COLOURS.items():
        known = [
            (run["nodes"], run["open"]["latency_s"][name])
            for run in runs
            if run["open"]["latency_s"][name] is not None
        ]
        if known:
            axes.plot(*zip(*known, strict=True), color=colour, marker="o", label=name)
    axes.set(
        xticks=[run["nodes"] for run in runs],
        ylim=(0, 1.05 * axes.get_ylim()[1]),
        xlabel="nodes",
        ylabel=f"seconds, {result['open_rate_per_s']:.2g} arrivals a second",
    )
    if axes.lines:
        axes.legend(frameon=False)


def _or_rate(run: dict[str, Any], name: str) -> float:
    """A part's rate, or the whole time's where parts are not told."""
    part = run["closed"][name]
    return float(run["closed"]["per_s"] if part is None else part)
