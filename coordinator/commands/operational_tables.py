"""An operational evaluation as tables: counts first, then rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from coordinator.commands.tables import percent, table
from coordinator.evaluate.operational.rates import SUBJECTS_MIN

Report = Mapping[str, Any]

_RATES = {
    "rank1": "Mate at rank 1",
    "fnir_likely": "FNIR, likely",
    "fnir_possible": "FNIR, possible",
    "fpir_likely": "FPIR, likely",
    "fpir_possible": "FPIR, possible",
    "fnir_at_fpir_0.01": "FNIR at FPIR 1 %",
    "fnir_at_fpir_0.001": "FNIR at FPIR 0.1 %",
}
_TRAITS = {
    "fingers": "Fingers searched with",
    "quality": "Quality of the probe",
    "sensor": "Sensor of probe and mate",
    "elapsed": "Time from the nearest mate",
}
_IN_GROUPS = ("rank1", "fnir_likely", "fnir_possible", "fpir_likely", "fpir_possible")


def show_operational(console: Console, report: Report) -> None:
    """Prints a report of `OperationalRun.report`."""
    for line in _facts(report):
        console.print(line, soft_wrap=True)
    rows = [(_RATES[name], *_cells(rate)) for name, rate in report["rates"].items()]
    console.print(table("", ("", "Searches ", "Rate ", "95 % interval, %"), rows))
    for trait, groups in report["by"].items():
        columns = ("", "Subjects ", *(f"{_RATES[name]} " for name in _IN_GROUPS))
        shown = [_group_row(group) for group in groups]
        console.print(table(_TRAITS[trait], columns, shown))
    console.print(
        f"- fewer than {SUBJECTS_MIN} subjects; intervals, 95 %: {report['intervals']}",
        soft_wrap=True,
    )
    if "against" in report:
        _show_comparison(console, report["against"])


def _facts(report: Report) -> list[str]:
    thresholds = report["thresholds"]
    left_out = "".join(f", {count} {why}" for why, count in report["left_out"].items())
    lines = [
        f"gallery at sequence {report['gallery_sequence']:,}: {report['subjects']:,} subjects, "
        f"{report['encounters']:,} encounters, {report['eligible_subjects']:,} with several",
        f"{report['searches']['mated']:,} searched for ({report['drawn']}{left_out}), with their "
        f"mates there and left out; {report['no_common_finger']:,} with no finger in common",
        f"thresholds: likely {thresholds['likely']:g}, possible {thresholds['possible']:g}; "
        f"outcomes with mates: {_counts(report['outcomes']['mated'])}; "
        f"left out: {_counts(report['outcomes']['nonmated'])}",
    ]
    if report["redescribed"]:
        lines.append(
            "the gallery was described with other parameters and has been described again from "
            "its stored minutiae, for this run only"
        )
    return lines


def _cells(rate: Report | None) -> tuple[str, str, str]:
    if rate is None:
        return "", percent(None), ""
    return f"{rate['count']:,} of {rate['of']:,}", percent(rate["rate"]), _interval(rate)


def _interval(rate: Report) -> str:
    low, high = rate["interval"]
    return f"{100 * low:.2f} to {100 * high:.2f}"


def _group_row(group: Report) -> tuple[str, ...]:
    rates = group["rates"]
    if rates is None:
        first = f"{group['rank1_count']:,} of {group['subjects']:,}"
        return (group["group"], f"{group['subjects']:,}", first, *("-" for _ in _IN_GROUPS[1:]))
    cells = [f"{percent(rates[n]['rate'])} ({_interval(rates[n])})" for n in _IN_GROUPS]
    return (group["group"], f"{group['subjects']:,}", *cells)


def _show_comparison(console: Console, against: Report) -> None:
    low, high = against["changed_interval"]
    this, other = against["this"], against["other"]
    console.print(
        f"\n[bold]This release ({this['release']}, {this['parameters_hash'][:12]}) against the "
        f"other ({other['release']}, {other['parameters_hash'][:12]})[/bold]",
        soft_wrap=True,
    )
    console.print(
        f"{against['changed']:,} of {against['searches']:,} searches came out differently "
        f"({100 * low:.2f} to {100 * high:.2f} %)",
        soft_wrap=True,
    )
    found = [(_FOUND[name], *counts.values()) for name, counts in against["mates"].items()]
    sides = ("Mates found", "by both ", "by this only ", "by the other only ", "by neither ")
    console.print(table("", sides, found))
    changes = [
        (_SEARCHED[kind], change["other"], change["this"], change["searches"])
        for kind, of_kind in against["outcome_changes"].items()
        for change in of_kind
    ]
    if changes:
        titles = ("Outcomes that changed", "other", "this", "Searches ")
        console.print(table("", titles, changes))
    rows = [(_RATES[name], *_difference(rate)) for name, rate in against["rates"].items()]
    columns = ("", "this ", "other ", "Difference ", "95 % interval")
    console.print(table("", columns, rows))
    console.print(f"intervals: {against['intervals']}", soft_wrap=True)


_FOUND = {"rank1": "at rank 1", "likely": "above likely", "possible": "above possible"}
_SEARCHED = {"mated": "with the mates there", "nonmated": "with the subject left out"}


def _difference(rate: Report | None) -> tuple[str, str, str, str]:
    if rate is None:
        return percent(None), percent(None), "", ""
    shown = f"{100 * rate['difference']:+.2f} points"
    if rate["interval"] is None:
        return percent(rate["this"]), percent(rate["other"]), shown, "none seen"
    low, high = rate["interval"]
    bounds = f"{100 * low:+.2f} to {100 * high:+.2f} points"
    return percent(rate["this"]), percent(rate["other"]), shown, bounds


def _counts(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in outcomes.items())
