"""Runs the whole: our own evaluations, the peers, one sensor against the other."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from benchmarks.accuracy.compare import OURS, compare_peers
from benchmarks.accuracy.det import plot_curves
from benchmarks.accuracy.sets import cross_sensor, experiments
from benchmarks.real_prints import DEVELOPMENT, REAL_SETS, extractions
from benchmarks.record import RESULTS, record, recorded
from coordinator.evaluate.background import SEED
from coordinator.evaluate.identification import evaluate_identification
from coordinator.evaluate.verification import evaluate_verification
from coordinator.progress import Bars, silent
from workers.matching.parameters import parameters_hash

BACKGROUND = 1000


def main() -> None:
    """Runs every evaluation, records the reports and draws a DET plot for each set.

    Verification on all six sets; identification of the sets that tell persons, among 1,000
    generated subjects. The first run scores the peers, which takes about half an hour on one
    core; later ones find their scores kept in the user's cache folder.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--keep-own", action="store_true", help="keep the recorded evaluations, run the rest"
    )
    reports = _kept() if parser.parse_args().keep_own else _own()
    reports["peers"] = {}
    reports["cross_sensor"] = {}
    for experiment in experiments():
        report, curves = compare_peers(experiment)
        reports["peers"][experiment.name] = report
        plot_curves(experiment.name, curves, RESULTS / f"det-{experiment.name}.png")
        _say(experiment.name, report)
    across = cross_sensor()
    report, curves = compare_peers(across)
    reports["cross_sensor"][across.name] = report
    plot_curves(across.name, curves, RESULTS / "det-cross-sensor.png")
    _say(across.name, report)
    record("accuracy", reports, data=DEVELOPMENT, seed=SEED)


def _kept() -> dict[str, dict[str, Any]]:
    """The evaluations as last recorded, where they are of this matcher."""
    kept = {kind: recorded("accuracy")[kind] for kind in ("verification", "identification")}
    if any(
        r["parameters_hash"] != parameters_hash() for kind in kept.values() for r in kind.values()
    ):
        raise SystemExit("the recorded evaluations are of another matcher")
    return kept


def _own() -> dict[str, dict[str, Any]]:
    track = Bars(Console(stderr=True)) if Console(stderr=True).is_terminal else silent
    reports: dict[str, dict[str, Any]] = {"verification": {}, "identification": {}}
    for real in REAL_SETS:
        reports["verification"][real.name] = evaluate_verification(
            real.path, resolution_ppi=real.resolution_ppi, cache=extractions(), track=track
        ).report
        if real.persons:
            reports["identification"][real.name] = evaluate_identification(
                real.path,
                resolution_ppi=real.resolution_ppi,
                background=BACKGROUND,
                cache=extractions(),
                track=track,
            )
    return reports


def _say(name: str, report: dict[str, Any]) -> None:
    print(name)
    for matcher, of in ((OURS, report["ours"]), *report["matchers"].items()):
        print(
            f"  {matcher:30} EER {of['eer']:.4f}, of {of['genuine']} genuine pairs "
            f"{of['lost_at_eer_threshold']} lost there, {of['lost_at_fmr_0.001']} at FMR 0.1 %"
        )
