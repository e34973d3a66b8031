"""``ridgeline evaluate operational``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cluster.store import FileKeyProvider, Store
from coordinator.access import Purpose, require_purpose
from coordinator.commands.connection import (
    PurposeConfig,
    for_a_purpose,
    server_config,
    variable,
)
from coordinator.commands.output import bars, json_file_option, plot_option, write_report
from coordinator.commands.recorded import recorded
from coordinator.evaluate.operational.draw import Draw
from coordinator.evaluate.operational.exchange import SearchLog, write_log
from coordinator.evaluate.operational.shadow import Release, find_release, search_as
from coordinator.node import load_config
from workers.biometrics.model import FINGERS, FingerPosition

EVENT = "EvaluateOperational"
"""In the audit record."""


def _positions(
    _ctx: click.Context, _parameter: click.Parameter, value: str
) -> tuple[FingerPosition, ...]:
    """Positions such as ``2,7`` or ``1-5``, in ascending order, each once."""
    chosen: set[int] = set()
    for part in value.split(",") if value else ():
        first, _, last = part.partition("-")
        try:
            span = range(int(first), int(last or first) + 1)
        except ValueError:
            span = range(0)
        if not span or not set(span) <= set(FINGERS):
            raise click.BadParameter("expected positions from 1 to 10, such as 2,7 or 1-5")
        chosen |= set(span)
    return tuple(FingerPosition(position) for position in sorted(chosen))


@click.command("operational")
@server_config
@for_a_purpose
@click.option("--sample", type=click.IntRange(1), help="Subjects to search for; by default all.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the sample.")
@click.option(
    "--fingers",
    default="",
    callback=_positions,
    help="Fingers of a probe to search with, such as 2,7 or 1-5; by default all it has.",
)
@click.option(
    "--sequence",
    type=click.IntRange(1),
    help="State of the gallery to search; by default the newest.",
)
@click.option(
    "--against",
    metavar="RELEASE",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of an environment with another release, to make the same searches.",
)
@click.option(
    "--searches",
    "searches_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for what came of each search, without ids; what --against exchanges.",
)
@json_file_option
@plot_option
def operational(
    config_file: Path,
    purpose: PurposeConfig,
    sample: int | None,
    seed: int,
    fingers: tuple[FingerPosition, ...],
    sequence: int | None,
    against: Path | None,
    searches_file: Path | None,
    json_file: Path | None,
    plot: Path | None,
) -> None:
    """Measure error rates on the gallery itself, from subjects with several encounters.

    The newest encounter of each is searched for twice: with the subject's other encounters in the
    gallery, and with the subject left out. The gallery is only read, into this process, also
    while servers run. Results hold counts and rates, no ids.
    """
    from coordinator.commands.operational_tables import show_operational
    from coordinator.evaluate.plots import check_plot_file

    why = require_purpose(purpose.authority, purpose.case_number, purpose.requester)
    if plot is not None:
        check_plot_file(plot)
    settings = {variable(name): value for name, value in asdict(why).items()}
    other = None if against is None else find_release(against, settings)
    log, report = _evaluate(config_file, why, Draw(sample, seed, fingers), sequence, other)
    if searches_file is not None:
        write_log(log, searches_file)
    if plot is not None:
        _plot(log, plot)
    write_report(report, json_file, show_operational)


def _evaluate(
    config_file: Path, purpose: Purpose, draw: Draw, sequence: int | None, other: Release | None
) -> tuple[SearchLog, dict[str, Any]]:
    """The searches and the report; the audit record is durable when it returns."""
    from coordinator.evaluate.operational.comparison import compare
    from coordinator.evaluate.operational.run import evaluate_operational

    config, track = load_config(config_file), bars()
    keys = FileKeyProvider(config.store.key_file, create=False)
    store = Store.open_read_only(config.store.url, keys)
    try:
        with recorded(config.store.url, EVENT, purpose) as record:
            at = record.sequence = sequence or store.sequence()
            record.scope = str(draw)
            theirs = None
            if other is not None:
                # First: if it cannot, nothing has been spent.
                for _ in track(range(1), description="Searching, other release", total=1):
                    theirs = search_as(other, config_file, draw, at)
            run = evaluate_operational(store, config.cluster, draw, at, track)
            report = run.report()
            if theirs is not None:
                report["against"] = compare(run.log, theirs)
            record.searches = 2 * len(run.log.searches)
            record.parameters_hash = run.log.parameters_hash
            record.outcome = "EVALUATED"
    finally:
        store.close()
    return run.log, report


def _plot(log: SearchLog, path: Path) -> None:
    """False negatives against false positives at every threshold."""
    from coordinator.evaluate.operational.rates import Scores
    from coordinator.evaluate.plots import plot_det

    scores = Scores.of(log)
    title = (
        f"{len(scores):,} of {log.subjects:,} subjects searched for, with their mates there "
        "and left out"
    )
    accepted, lost = "False positive identification rate", "False negative identification rate"
    plot_det(scores.counts(), title, path, accepted=accepted, lost=lost)
