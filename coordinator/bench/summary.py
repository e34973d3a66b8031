"""What a load's answers say: rates and percentiles, no finer than their number tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from coordinator.bench.load import Served

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}

PARTS = 5
"""Of a load's time, whose slowest and fastest say how steady its rate was."""


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Observed values at `QUANTILES`; None where not even one observation lies beyond.

    Each is the smallest observation that at least such a share of all do not exceed.
    """
    ordered = sorted(values)
    found: dict[str, float | None] = {}
    for name, share in QUANTILES.items():
        rank = math.ceil(share * len(ordered))
        found[name] = ordered[rank - 1] if 0 < rank < len(ordered) else None
    return found


def served_summary(served: Served) -> dict[str, Any]:
    """Counts, rate and latencies of a load.

    The rates by parts are None where a part has no answer at all.
    """
    per_s = len(served.latency_s) / served.seconds if served.seconds else 0.0
    parts = part_rates(served)
    return {
        "answered": len(served.latency_s),
        "failed": dict(sorted(served.failed.items())),
        "seconds": served.seconds,
        "per_s": per_s,
        "per_s_slowest_part": min(parts) if parts else None,
        "per_s_fastest_part": max(parts) if parts else None,
        "latency_s": percentiles(served.latency_s),
    }


def part_rates(served: Served) -> list[float]:
    """Answers a second in each of `PARTS` equal parts of the time; none where one is empty."""
    length = served.seconds / PARTS
    if not length:
        return []
    counts = [0] * PARTS
    for at in served.ended_s:
        counts[min(int(at / length), PARTS - 1)] += 1
    return [count / length for count in counts] if all(counts) else []


def efficiency(per_s: float, nodes: int, base_per_s: float, base_nodes: int) -> float:
    """Throughput relative to so many times the smallest cluster's."""
    return (per_s / nodes) / (base_per_s / base_nodes)
