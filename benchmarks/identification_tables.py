"""The tables of identification, from what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.markdown import NONE, percent, table
from benchmarks.record import recorded
from benchmarks.shown_fingers import Condition

_AT_THRESHOLDS = tuple(
    f"{what} at `{name}`" for name in ("possible", "likely") for what in ("missed", "false")
)


def run() -> str:
    """What the figures are of."""
    result = recorded("identification")
    conditions_of: dict[str, list[str]] = {}
    for cell in result["cells"]:
        conditions_of.setdefault(cell["parameters_hash"], []).append(cell["condition"])
    searching = sum(cell["cpu_seconds_a_case"] * cell["searches"] for cell in result["cells"])
    return (
        f"{result['partitions']} partitions, {result['real_fingers']} real fingers, "
        f"{searching / 60:.0f} CPU-minutes of searching, matcher {_matchers(conditions_of)}"
    )


def _matchers(conditions_of: Mapping[str, Sequence[str]]) -> str:
    """Which matcher the figures are of; where there are several, which of what condition."""
    first, *later = conditions_of
    named = [f"for “{'”, “'.join(dict.fromkeys(conditions_of[of]))}” `{of[:12]}`" for of in later]
    return ", ".join([f"`{first[:12]}`", *named])


def sizes() -> str:
    """Identification by gallery size and fingers."""
    cells = [c for c in recorded("identification")["cells"] if c["condition"] == Condition.NONE]
    rows = [
        (
            *_searched(cell),
            _share(cell["not_first"]),
            *(_share(cell["missed_at_fpir"][fpir]) for fpir in ("0.01", "0.001")),
            *_at_thresholds(cell),
        )
        for cell in cells
    ]
    head = ("persons, gallery", "fingers", "searches", "not at rank 1")
    return table((*head, "missed at FPIR 1 %", "missed at FPIR 0.1 %", *_AT_THRESHOLDS), rows)


def conditions() -> str:
    """Identification with fingers missing, exchanged or rolled."""
    cells = [c for c in recorded("identification")["cells"] if c["condition"] != Condition.NONE]
    rows = [
        (cell["condition"], *_searched(cell), _share(cell["not_first"]), *_at_thresholds(cell))
        for cell in cells
    ]
    head = ("what is wrong", "persons, gallery", "fingers", "searches", "not at rank 1")
    return table((*head, *_AT_THRESHOLDS), rows)


def exhaustive() -> str:
    """Persons missed with the sketch and without, where it was used."""
    rows = []
    for cell in recorded("identification")["cells"]:
        if both := cell["exhaustive"]:
            missed = [
                f"{both[name]['missed_sketched']} / {both[name]['missed_exhaustive']}"
                for name in ("possible", "likely")
            ]
            rows.append((cell["condition"], *_searched(cell), *missed))
    head = ("what is wrong", "persons, gallery", "fingers", "searches")
    return table((*head, "missed at `possible`", "missed at `likely`"), rows)


IDENTIFICATION_TABLES: dict[str, Callable[[], str]] = {
    "identification run": run,
    "identification sizes": sizes,
    "identification conditions": conditions,
    "identification exhaustive": exhaustive,
}


def _searched(cell: dict[str, Any]) -> tuple[str, str, str]:
    return (
        f"{cell['persons']}, {cell['subjects']:,}",
        f"{cell['fingers']}",
        f"{cell['searches']:,}",
    )


def _at_thresholds(cell: dict[str, Any]) -> list[str]:
    at = cell["at_threshold"]
    return [
        _share(at[name][what]) for name in ("possible", "likely") for what in ("missed", "false")
    ]


def _share(of: dict[str, Any] | None) -> str:
    """A share with its interval, where the searches resolve it."""
    if of is None:
        return "not resolved"
    if not of["share"]:
        return NONE
    if of["share"] == 1.0:
        return "all"
    return f"{100 * of['share']:.2f} % ({percent(*of['interval'])})"
