"""The tables of the calibration, from what was recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.calibration_claims import ALL_SETS
from benchmarks.curve_fit import DECADE
from benchmarks.impostors import NEUROTECHNOLOGY
from benchmarks.markdown import NONE, set_name, table
from benchmarks.record import recorded

TAILS_SHOWN = (0, 1, 2, 4, 10)
"""Curves whose tails are shown: that of one print, and of persons by common fingers."""

FINGER_UNITS = 1000.0
"""Raw scores of a finger are shown in thousandths."""


def tails() -> str:
    """The fitted tails."""
    result = recorded("fit_calibration")
    rows = []
    for number in TAILS_SHOWN:
        tail = result["tails"][number]
        unit = 1.0 if number else FINGER_UNITS
        low, high = tail["free_shape_interval"]
        rows.append(
            (
                f"persons, {number} common fingers" if number else "one print, thousandths",
                f"{tail['impostors']:,}",
                f"{tail['exceedances']:,}",
                f"{unit * tail['threshold']:.1f}",
                f"{unit * tail['scale']:.2f}",
                f"{tail['free_shape']:.2f} ({low:.2f} to {high:.2f})",
                f"{tail['shape']:.2f}",
                f"{DECADE * math.log10(tail['impostors']):.0f}",
            )
        )
    head = (
        f"tail above the highest {result['threshold_share']:.0%}",
        "impostors",
        "above",
        "threshold",
        "scale",
        "shape as estimated",
        "as used",
        "evidence to",
    )
    return table(head, rows)


def stretches() -> str:
    """The stretch that each set needs, and that chosen without it."""
    fit, claims = recorded("fit_calibration"), recorded("calibration_claims")
    rows = [
        (
            "Neurotechnology, both sensors" if name == NEUROTECHNOLOGY else set_name(name),
            f"{needed:.2f}",
            f"{claims['factors_left_out'][name]:.2f}",
        )
        for name, needed in fit["factor_needed"].items()
    ]
    rows.append(("all, as shipped", f"{fit['factor']:.2f}", ""))
    return table(("stretch", "needed", "chosen without it"), rows)


def claims_of_sets() -> str:
    """False matches of single fingers at claimed rates."""
    result = recorded("calibration_claims")
    rows = [
        (
            set_name(name),
            f"{entry['impostors']:,}",
            *_rates(entry),
            f"{entry['highest']:.0f}",
            f"{DECADE * math.log10(entry['impostors']):.0f}",
        )
        for name, entry in result["sets"].items()
    ]
    head = ("single fingers, where claimed is", "impostor pairs", *_shares(result["claimed"]))
    return table((*head, "highest score", "claimed for it"), rows)


def claims_of_persons() -> str:
    """False matches of composed and real persons; of one set alone, of the most fingers only."""
    result = recorded("calibration_claims")
    most = {entry["of"]: entry["fingers"] for entry in result["composed"]}
    rows = [
        (
            f"composed of {_source(entry['of'])}, {entry['fingers']}",
            f"{entry['impostors']:,}",
            *_rates(entry),
        )
        for entry in result["composed"]
        if entry["of"] == ALL_SETS or entry["fingers"] == most[entry["of"]]
    ]
    rows += [
        (
            f"the {entry['persons']} real ones of {entry['of']}, {entry['fingers']}",
            f"{entry['impostors']:,}",
            *_rates(entry),
        )
        for entry in result["persons"]
    ]
    head = ("persons and common fingers, where claimed is", "comparisons")
    return table((*head, *_shares(result["claimed"])), rows)


def claims_of_generated() -> str:
    """False matches of fresh generated persons at claimed rates."""
    result = recorded("calibration_claims")
    rows = [
        (str(entry["fingers"]), f"{entry['impostors']:,}", *_rates(entry))
        for entry in result["generated"]
    ]
    head = ("generated persons, common fingers, where claimed is", "comparisons")
    return table((*head, *_shares(result["claimed_of_generated"])), rows)


def impressions() -> str:
    """False matches of generated persons by how their prints were taken."""
    result = recorded("calibration_classes")
    rows = []
    for name, by_count in result["taken"].items():
        rows.append((name, *(_rates(entry)[0] for entry in by_count.values())))
    counts = next(iter(result["taken"].values()))
    (claimed,) = _shares(result["taken_claimed"])
    head = (f"where claimed is {claimed}", *(f"common fingers: {count}" for count in counts))
    return table(head, rows)


def finger_sets() -> str:
    """False matches by the fingers that both sides have."""
    result = recorded("calibration_classes")
    rows = [
        (f"generated, {name}", f"{entry['impostors']:,}", *_rates(entry))
        for name, entry in result["fingers"].items()
    ]
    rows += [
        (f"Neurotechnology, single {name}", f"{entry['impostors']:,}", *_rates(entry))
        for name, entry in result["real"].items()
    ]
    head = ("where claimed is", "comparisons", *_shares(result["claimed"]))
    return table(head, rows)


CALIBRATION_TABLES: dict[str, Callable[[], str]] = {
    "calibration tails": tails,
    "calibration stretches": stretches,
    "calibration sets": claims_of_sets,
    "calibration persons": claims_of_persons,
    "calibration generated": claims_of_generated,
    "calibration impressions": impressions,
    "calibration fingers": finger_sets,
}


def _source(name: str) -> str:
    return name if name in (ALL_SETS, NEUROTECHNOLOGY) else set_name(name)


def _shares(claimed: Iterable[float]) -> list[str]:
    return [f"{_percent(rate)} %" for rate in claimed]


def _rates(entry: dict[str, Any]) -> list[str]:
    """Each measured rate, with its interval where it has one."""
    bounds = entry.get("interval", [None] * len(entry["measured"]))
    return [_rate(rate, of) for rate, of in zip(entry["measured"], bounds, strict=True)]


def _rate(rate: float, bounds: list[float] | None) -> str:
    if not rate:
        return NONE
    if bounds is None:
        return f"{_percent(rate)} %"
    low, high = bounds
    return f"{_percent(rate)} % ({_percent(low)} to {_percent(high)})"


def _percent(rate: float) -> str:
    """Two significant figures; what these sets measure has no more."""
    return f"{100.0 * rate:.2g}"
