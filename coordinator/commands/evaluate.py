"""``ridgeline evaluate verification`` and ``ridgeline evaluate identification``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from coordinator.commands.evaluate_operational import operational
from coordinator.commands.output import bars, json_file_option, plot_option, write_report
from coordinator.commands.tables import percent, table
from coordinator.evaluate.extractions import ExtractionCache
from coordinator.paths import cache_directory

Report = dict[str, Any]


@click.group("evaluate")
def command() -> None:
    """Measure the matcher on a folder of prints or on a gallery."""


command.add_command(operational)


def _set_options(evaluate: Callable[..., None]) -> Callable[..., None]:
    """Options of both evaluations; the command gets `dataset`, `dpi`, `json_file`, `cache`."""

    @functools.wraps(evaluate)
    def wrapped(*, cache: Path | None, **others: Any) -> None:
        folder = cache or cache_directory() / "extractions"
        evaluate(cache=ExtractionCache(folder), **others)

    for option in (
        click.option(
            "--cache",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder for extracted minutiae; by default in the user's cache folder.",
        ),
        json_file_option,
        click.option("--dpi", type=float, help="Resolution; overrides what the files state."),
        click.option(
            "--dataset",
            required=True,
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Folder of FINGER_IMPRESSION or PERSON_FINGER_SCAN images.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


@command.command("verification")
@_set_options
@plot_option
def verification(
    dataset: Path,
    dpi: float | None,
    json_file: Path | None,
    cache: ExtractionCache,
    plot: Path | None,
) -> None:
    """Compare every print of a set with every other one.

    Genuine are all pairs of prints of one finger, impostor all pairs of prints of two. A print
    that fails to extract scores lowest in all its pairs.
    """
    from coordinator.evaluate.plots import check_plot_file, plot_det, verification_title
    from coordinator.evaluate.verification import evaluate_verification

    if plot is not None:
        check_plot_file(plot)
    result = evaluate_verification(dataset, resolution_ppi=dpi, cache=cache, track=bars())
    if plot is not None:
        plot_det(result.counts, verification_title(result.report), plot)
    write_report(result.report, json_file, _show_verification)


@command.command("identification")
@_set_options
@click.option(
    "--background",
    type=click.IntRange(0, 1_000_000),
    default=1000,
    show_default=True,
    help="Generated subjects that fill the gallery up.",
)
def identification(
    dataset: Path,
    dpi: float | None,
    json_file: Path | None,
    cache: ExtractionCache,
    background: int,
) -> None:
    """Search for the persons of a set in a gallery filled up with generated ones.

    Scan 1 of every finger is enrolled; every other scan number is a probe of all its fingers,
    searched with its person enrolled and once more with that person removed.
    """
    from coordinator.evaluate.identification import evaluate_identification

    report = evaluate_identification(
        dataset, resolution_ppi=dpi, background=background, cache=cache, track=bars()
    )
    write_report(report, json_file, _show_identification)


def _show_verification(console: Console, report: Report) -> None:
    console.print(
        f"{report['dataset']}: {report['images']} images of {report['fingers']} fingers, "
        f"{report['failures_to_extract']} failures to extract",
        soft_wrap=True,
    )
    intervals = report["intervals"]
    first = report["first_impression_impostors"]
    rows = [
        ("EER", percent(report["eer"]), _interval(intervals["eer"]), percent(first["eer"])),
        *(
            (
                f"FNMR at FMR {100 * float(fmr):g} %",
                percent(rate),
                _interval(intervals["fnmr_at_fmr"][fmr]),
                percent(first["fnmr_at_fmr"][fmr]),
            )
            for fmr, rate in report["fnmr_at_fmr"].items()
        ),
        ("Genuine pairs", f"{report['genuine']:,}", "", f"{first['genuine']:,}"),
        ("Impostor pairs", f"{report['impostor']:,}", "", f"{first['impostor']:,}"),
    ]
    columns = ("", "All impostors ", "95 % interval ", "First impressions ")
    console.print(table("", columns, rows))
    at = report["at_eer_threshold"]
    console.print(
        f"at the EER threshold {at['genuine_lost']} genuine pairs are lost and "
        f"{at['impostors_accepted']} impostor pairs accepted; intervals: {intervals['method']}",
        soft_wrap=True,
    )


def _show_identification(console: Console, report: Report) -> None:
    console.print(
        f"{report['dataset']}: {report['enrolled_persons']} persons among {report['subjects']:,} "
        f"subjects, {report['failures_to_extract']} failures to extract",
        soft_wrap=True,
    )
    low, high = report["rank1_interval"]
    seconds = report["search_seconds"]
    rows = [
        ("Mate at rank 1", f"{report['rank1_count']} of {report['mated_probes']}"),
        ("", f"{percent(report['rank1'])} ({100 * low:.1f} to {100 * high:.1f} %)"),
        *(
            (f"FNIR at FPIR {100 * float(fpir):g} %", percent(rate))
            for fpir, rate in report["fnir_at_fpir"].items()
        ),
        ("Outcomes, person enrolled", _counts(report["outcomes"]["mated"])),
        ("Outcomes, person left out", _counts(report["outcomes"]["nonmated"])),
        ("Lowest score of a mate", _score(report["scores"]["mates"]["p0"])),
        ("Highest score without a mate", _score(report["scores"]["best_nonmates"]["p100"])),
        ("Search, median and 95th", f"{seconds['p50']:.3f} s, {seconds['p95']:.3f} s"),
    ]
    console.print(table("", ("", ""), rows))
    console.print(f"interval: {report['rank1_interval_method']}", soft_wrap=True)


def _interval(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return ""
    # Resampling what has no errors gives none: that is no bound.
    return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f} %" if bounds[1] else "no error seen"


def _score(score: float | None) -> str:
    return "not found" if score is None else f"{score:.1f}"


def _counts(outcomes: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in outcomes.items())
