"""``ridgeline identify``."""

from __future__ import annotations

from pathlib import Path

import click

from coordinator.client import RidgelineClient
from coordinator.commands.connection import CommandConfig, connected_for_a_purpose
from coordinator.commands.encounters import one_encounter
from coordinator.commands.output import json_flag, out, print_json
from coordinator.commands.probe_options import ProbeOptions, probe_options
from coordinator.commands.tables import show_answer
from coordinator.messages import to_plain


@click.command("identify")
@probe_options
@click.option(
    "--max-candidates", type=click.IntRange(0), default=0, help="Candidates to return at most."
)
@click.option(
    "--allow-partial", is_flag=True, help="Answer even if part of the gallery cannot be searched."
)
@click.option("--exhaustive", is_flag=True, help="Leave the sketch out: screen everybody.")
@json_flag
@connected_for_a_purpose
def command(
    files: tuple[Path, ...],
    probe: ProbeOptions,
    max_candidates: int,
    allow_partial: bool,
    exhaustive: bool,
    as_json: bool,
    config: CommandConfig,
) -> None:
    """Search the gallery for whose prints are in FILES.

    FILES is an ANSI/NIST-ITL transaction, a minutiae template, or images of one person's fingers
    named PERSON_FINGER_SCAN (or one image, with --finger).
    """
    encounter = one_encounter(files, probe)
    prints, _ = encounter.read()
    with RidgelineClient(config.connection) as client:
        answer = client.identify(
            prints,
            purpose=config.purpose.message(),
            max_candidates=max_candidates,
            allow_partial=allow_partial,
            exhaustive=exhaustive,
        )
    plain = to_plain(answer)
    if as_json:
        print_json(plain)
    else:
        show_answer(out(), plain, encounter.name)
