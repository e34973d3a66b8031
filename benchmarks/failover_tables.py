"""The tables of docs/failover.md."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.markdown import table
from benchmarks.record import recorded


def crashes() -> str:
    """Coordinators killed during enrolments, and what they left."""
    result = recorded("crashes")
    kills = result["kills"]
    open_ended = [kill["unacknowledged"] for kill in kills]
    rows = [
        ("kills, over runs", f"{len(kills)}, over {result['runs']}"),
        ("subjects enrolled", f"{result['runs'] * result['subjects']:,}"),
        ("acknowledged enrolments lost, halved or doubled", "none: a run that finds one fails"),
        (
            "kills that left encounters nobody had been told of",
            f"{sum(map(bool, open_ended))}; at most {max(open_ended)} at once",
        ),
    ]
    return table(("`kill -9` during enrolments", ""), rows)


def takeover() -> str:
    """How long a client waited when the active coordinator ended."""
    result = recorded("takeover")
    rows = []
    for case in result["cases"]:
        seconds = sorted(case["seconds"])
        rows.append(
            (
                f"is {case['end']}",
                f"{case['lease_s']:g} s",
                f"{len(seconds)}",
                f"{seconds[len(seconds) // 2]:.1f} s",
                f"{seconds[-1]:.1f} s",
            )
        )
    head = ("the active coordinator", "lease", "times", "median wait", "longest")
    return table(head, rows)


FAILOVER_TABLES: dict[str, Callable[[], str]] = {"crashes": crashes, "takeover": takeover}
