"""Error rates on real prints: `ridgeline evaluate` over every development set.

    python -m benchmarks.accuracy

Verification on all six sets; identification of the sets that tell persons, among 1,000
generated subjects. Writes ``benchmarks/results/accuracy.json`` and a DET plot for each set.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console

from benchmarks.real_prints import DEVELOPMENT, REAL_SETS, extractions
from benchmarks.record import RESULTS, record
from coordinator.evaluate.background import SEED
from coordinator.evaluate.identification import evaluate_identification
from coordinator.evaluate.plots import plot_det, verification_title
from coordinator.evaluate.verification import evaluate_verification
from coordinator.progress import Bars, silent

BACKGROUND = 1000


def main() -> None:
    """Runs every evaluation and records the reports."""
    track = Bars(Console(stderr=True)) if Console(stderr=True).is_terminal else silent
    reports: dict[str, dict[str, Any]] = {"verification": {}, "identification": {}}
    for real in REAL_SETS:
        verification = evaluate_verification(
            real.path, resolution_ppi=real.resolution_ppi, cache=extractions(), track=track
        )
        reports["verification"][real.name] = verification.report
        title = verification_title(verification.report)
        plot_det(verification.counts, title, RESULTS / f"det-{real.name}.png")
        print(_line(verification.report))
        if real.persons:
            report = evaluate_identification(
                real.path,
                resolution_ppi=real.resolution_ppi,
                background=BACKGROUND,
                cache=extractions(),
                track=track,
            )
            reports["identification"][real.name] = report
            print(f"  rank 1: {report['rank1_count']} of {report['mated_probes']}")
    record("accuracy", reports, data=DEVELOPMENT, seed=SEED)


def _line(report: dict[str, Any]) -> str:
    lost = report["at_eer_threshold"]["genuine_lost"]
    return (
        f"{report['dataset']}: {lost} of {report['genuine']} genuine pairs lost at the EER "
        f"threshold, EER {report['eer']:.4f}, FNMR at FMR 0.1 % {report['fnmr_at_fmr']['0.001']}"
    )


if __name__ == "__main__":
    main()
