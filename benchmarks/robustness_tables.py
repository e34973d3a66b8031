"""The tables of worse prints, from what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.markdown import FVC, NONE, counted, table
from benchmarks.record import recorded


def robustness_lost() -> str:
    """Genuine pairs lost at FMR 0.1 %, by condition and set."""
    return _matrix("conditions", "lost at FMR 0.1 %", _lost)


def robustness_eer() -> str:
    """Equal error rates, by condition and set."""
    return _matrix("conditions", "EER (genuine pairs lost there)", _eer)


def robustness_images() -> str:
    """Genuine pairs lost at FMR 0.1 % when images are turned and extracted anew."""
    return _matrix("turned_images", "lost at FMR 0.1 %, first impressions turned", _lost)


ROBUSTNESS_TABLES: dict[str, Callable[[], str]] = {
    "robustness lost": robustness_lost,
    "robustness eer": robustness_eer,
    "robustness images": robustness_images,
}


def _matrix(key: str, what: str, cell: Callable[[dict[str, Any]], str]) -> str:
    conditions = recorded("robustness")[key]
    of_sets = next(iter(conditions.values()))
    head = [what]
    for name, of in of_sets.items():
        synthetic = " (synthetic)" if name == FVC[-1] else ""
        head.append(f"{name}{synthetic}, {of['genuine']:,} / {of['impostor']:,}")
    rows = [(name, *(cell(of) for of in sets.values())) for name, sets in conditions.items()]
    return table(head, rows)


def _lost(of: dict[str, Any]) -> str:
    lost, rate = of["lost_at_fmr_0.001"], of["fnmr_at_fmr_0.001"]
    if lost is None:
        return "not resolved"
    return (f"{lost} ({100 * rate:.2g} %)" if lost else NONE) + _refused(of)


def _eer(of: dict[str, Any]) -> str:
    rate, lost = of["eer"], of["lost_at_eer_threshold"]
    if rate and not lost and rate >= _TIED:
        return "not resolved"
    return counted(rate, lost)


_TIED = 0.25
"""An EER as high without a genuine pair lost is that of accepting everybody: so many prints are
refused, and tie at the lowest score, that no threshold comes near the crossing."""


def _refused(of: dict[str, Any]) -> str:
    return f"; {of['refused']} prints refused" if of["refused"] else ""
