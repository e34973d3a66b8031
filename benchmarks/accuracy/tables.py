"""The tables of peers, from what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.accuracy.paired import excludes_zero
from benchmarks.markdown import counted, set_name, table
from benchmarks.record import recorded

WORSE, BETTER, UNTOLD = "▲", "▼", ""
"""A peer loses more, or less, than we do on the same pairs and the paired intervals exclude zero;
otherwise the two cannot be told apart."""

DRAWN = "‡"
"""Not all impostor pairs were compared."""

OURS = "**Ridgeline**"


def peers_lost() -> str:
    """Genuine pairs lost at FMR 0.1 %."""
    return _matrix("lost at FMR 0.1 %", "fnmr_at_fmr_0.001", "lost_at_fmr_0.001")


def peers_eer() -> str:
    """Equal error rates."""
    return _matrix("EER (genuine pairs lost there)", "eer", "lost_at_eer_threshold")


def peers_paired() -> str:
    """Paired intervals of the differences, peer minus ours, in percentage points."""
    rows = [
        (set_name(name), matcher, *(_bounds(of["peer_minus_ours"], m) for m in _METRICS))
        for name, report in _reports().items()
        for matcher, of in report["matchers"].items()
    ]
    head = ("set", "peer", "its FNMR at FMR 0.1 % minus ours", "its EER minus ours")
    return table(head, rows)


def peers_given() -> str:
    """What each peer was given."""
    report = next(iter(recorded("accuracy")["peers"].values()))
    return "\n".join(f"- **{name}**: {of['note']}." for name, of in report["matchers"].items())


PEER_TABLES: dict[str, Callable[[], str]] = {
    "peers lost": peers_lost,
    "peers eer": peers_eer,
    "peers paired": peers_paired,
    "peers given": peers_given,
}

_METRICS = ("fnmr_at_fmr_0.001", "eer")


def _reports() -> dict[str, Any]:
    accuracy = recorded("accuracy")
    reports: dict[str, Any] = {**accuracy["peers"], **accuracy["cross_sensor"]}
    return reports


def _matrix(what: str, rate: str, count: str) -> str:
    """A row an experiment, a column a matcher."""
    reports = _reports()
    peers = list(next(iter(reports.values()))["matchers"])
    rows = []
    for name, report in reports.items():
        ours = report["ours"]
        cells = [
            set_name(name),
            f"{ours['genuine']:,} / {ours['impostor']:,}",
            f"**{counted(ours[rate], ours[count])}**",
        ]
        for peer in peers:
            of = report["matchers"].get(peer)
            if of is None:
                cells.append("not run")
                continue
            mark = (BETTER, UNTOLD, WORSE)[excludes_zero(of["peer_minus_ours"], rate) + 1]
            drawn = "" if of["all_impostors"] else f" {DRAWN}"
            cells.append(f"{counted(of[rate], of[count])}{drawn} {mark}".rstrip())
        rows.append(tuple(cells))
    return table((what, "genuine / impostor pairs", OURS, *peers), rows)


def _bounds(intervals: dict[str, Any], metric: str) -> str:
    return "; ".join(
        f"{100 * low:+.2f} to {100 * high:+.2f} over {kind}"
        for kind, of in intervals.items()
        for low, high in (of[metric],)
    )
