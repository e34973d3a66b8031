"""The tables of figures in README and docs, rendered from recorded results.

    python -m benchmarks.figures

prints them; `tests/unit/test_figures.py` checks that the documents hold what is printed.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.accuracy.tables import PEER_TABLES
from benchmarks.markdown import FVC, NONE
from benchmarks.markdown import percent as _percent
from benchmarks.markdown import table as _table
from benchmarks.record import recorded
from benchmarks.robustness_tables import ROBUSTNESS_TABLES


def main() -> None:
    """Prints every table under its name."""
    for name, render in TABLES.items():
        print(f"== {name}\n{render()}\n")


def verification() -> str:
    """Error rates of single fingers."""
    rows = []
    for name, report in recorded("accuracy")["verification"].items():
        low, high = report["intervals"]["eer"]
        rows.append(
            (
                f"FVC2002 {name}{' (synthetic)' if name == 'DB4_B' else ''}"
                if name in FVC
                else f"Neurotechnology {name}",
                f"{report['genuine']:,} / {report['impostor']:,}",
                str(report["at_eer_threshold"]["genuine_lost"]),
                f"{100 * report['eer']:.2f} % ({_percent(low, high)})" if high else NONE,
                f"{round(report['fnmr_at_fmr']['0.001'] * report['genuine'])}",
            )
        )
    head = (
        "single fingers",
        "genuine / impostor pairs",
        "genuine lost at the EER threshold",
        "EER (interval)",
        "lost at FMR 0.1 %",
    )
    return _table(head, rows)


def identification() -> str:
    """Ranks of mates among generated subjects."""
    rows = []
    for name, report in recorded("accuracy")["identification"].items():
        low, high = report["rank1_interval"]
        seconds = report["search_seconds"]
        rows.append(
            (
                f"Neurotechnology {name}, {len(report['fingers'])} fingers",
                f"{report['rank1_count']} of {report['mated_probes']}",
                _percent(low, high),
                f"{report['outcomes']['nonmated'].get('NO_CANDIDATE', 0)} of "
                f"{report['nonmated_probes']}",
                f"{seconds['p50']:.2f} / {seconds['p95']:.2f} s",
            )
        )
    head = (
        "whole persons, among 1,000 generated subjects",
        "mate at rank 1",
        "interval",
        "no candidate when the mate is left out",
        "search, median / 95th",
    )
    return _table(head, rows)


def projection() -> str:
    """A projection learned on generated prints against one learned on real ones."""
    rows = []
    for name, both in recorded("projection_choice").items():
        cells = [
            f"{kind['lost_at_eer_threshold']} / "
            f"{round(kind['fnmr_at_fmr_0.001'] * kind['genuine'])} of {kind['genuine']}"
            for kind in (both["generated"], both["real"])
        ]
        rows.append((name, *cells))
    head = ("genuine pairs lost at the EER threshold / at FMR 0.1 %", "generated", "real")
    return _table(head, rows)


def claims() -> str:
    """False matches at claimed rates."""
    result = recorded("calibration_claims")
    rows = []
    for name, entry in result["sets"].items():
        bounds = [
            f"{100 * rate:.2g} % ({_percent(low, high)})" if rate else NONE
            for rate, (low, high) in zip(entry["measured"], entry["interval"], strict=True)
        ]
        rows.append((name, f"{entry['impostor']:,}", *bounds))
    head = (
        "measured, where claimed is",
        "impostor pairs",
        *(f"{c:.1%}" for c in result["claimed"]),
    )
    return _table(head, rows)


def extraction() -> str:
    """The rebuilt network's time."""
    result = recorded("extraction_speed")
    ratio, found = result["rebuilt_over_shipped"], result["minutiae"]
    return (
        f"takes {ratio['p50']:.2f} of the time ({ratio['p5']:.2f} to {ratio['p95']:.2f} over "
        f"{result['images']} prints) and finds the same {found['both']:,} minutiae"
    )


TABLES: dict[str, Callable[[], str]] = {
    "verification": verification,
    **PEER_TABLES,
    **ROBUSTNESS_TABLES,
    "identification": identification,
    "projection": projection,
    "claims": claims,
    "extraction": extraction,
}


if __name__ == "__main__":
    main()
