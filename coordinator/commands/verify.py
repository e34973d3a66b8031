"""``ridgeline verify``."""

from __future__ import annotations

from pathlib import Path

import click

from coordinator.client import RidgelineClient
from coordinator.commands.connection import CommandConfig, connected_for_a_purpose
from coordinator.commands.encounters import one_encounter
from coordinator.commands.output import json_flag, out, print_json
from coordinator.commands.probe_options import ProbeOptions, probe_options
from coordinator.commands.tables import candidates_table, finger_table
from coordinator.messages import to_plain


@click.command("verify")
@probe_options
@click.option("--subject", required=True, help="Subject to compare with.")
@json_flag
@connected_for_a_purpose
def command(
    files: tuple[Path, ...],
    probe: ProbeOptions,
    subject: str,
    as_json: bool,
    config: CommandConfig,
) -> None:
    """Compare the prints in FILES with one subject of the gallery."""
    prints, _ = one_encounter(files, probe).read()
    with RidgelineClient(config.connection) as client:
        answer = client.verify(prints, subject, purpose=config.purpose.message())
    plain = to_plain(answer)
    if as_json:
        print_json(plain)
        return
    console = out()
    console.print(f"[bold]{subject}: {plain['outcome']}[/bold]", soft_wrap=True)
    if plain["candidate"]:
        compared = plain["candidate"]
        # The score of a comparison below the thresholds is shown too: the subject was named.
        compared["band"] = compared["band"].replace("UNSPECIFIED", "below")
        console.print(candidates_table([compared]))
        console.print(finger_table([compared]))
    for unused in plain["unused"]:
        console.print(f"not used: {unused['source']}: {unused['reason']}", soft_wrap=True)
    console.print(f"[italic]{plain['caveat']}[/italic]")
