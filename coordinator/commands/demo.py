"""``ridgeline demo``."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from coordinator.commands.failures import FAILED
from coordinator.commands.output import bars, json_flag, out, print_json, say
from coordinator.commands.tables import show_answer
from coordinator.demo.run import DemoSettings, run_demo
from coordinator.demo.summary import demo_json
from coordinator.messages import to_plain
from coordinator.paths import cache_directory
from coordinator.progress import silent


@click.command("demo")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("ridgeline-demo"),
    show_default=True,
    help="Folder for the transactions and the report.",
)
@click.option(
    "--persons",
    type=click.IntRange(3, 1000),
    default=8,
    show_default=True,
    help="Persons enrolled with images; about three seconds each.",
)
@click.option(
    "--background",
    type=click.IntRange(0, 100_000),
    default=200,
    show_default=True,
    help="Generated template subjects beside them.",
)
@click.option("--quiet", is_flag=True, help="No progress bars.")
@json_flag
def command(output: Path, persons: int, background: int, quiet: bool, as_json: bool) -> int:
    """Show the whole system at work on generated prints.

    Grows fingerprints of a few persons, starts a Ray cluster and a coordinator with mutual TLS,
    enrols all persons but one, submits one enrolled person's second session and the absent
    person's as ANSI/NIST-ITL transactions, and writes a report of the matched minutiae.
    """
    # An interrupt leaves futures behind that nobody waits for; asyncio would tell of each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    settings = DemoSettings(
        persons=persons, background=background, output=output, cache=cache_directory()
    )
    result = run_demo(settings, silent if quiet else bars())
    if as_json:
        print_json(demo_json(result))
    else:
        console = out()
        show_answer(console, to_plain(result.found), f"Booking of {result.expected}")
        show_answer(console, to_plain(result.absent), "Booking of a person who is not enrolled")
        console.print(f"\nreport: {result.report}", soft_wrap=True)
    if not result.as_expected:
        say("ridgeline: the demonstration did not come out as it should")
        return FAILED
    return 0
