"""``ridgeline status``."""

from __future__ import annotations

import click

from coordinator.client import RidgelineClient
from coordinator.commands.connection import CommandConfig, connected
from coordinator.commands.failures import NOT_NOW
from coordinator.commands.output import json_flag, out, print_json
from coordinator.commands.tables import table
from coordinator.messages import to_plain


@click.command("status")
@json_flag
@connected
def command(as_json: bool, config: CommandConfig) -> int:
    """Show what the cluster holds and whether it can be searched; exit code 3 if it cannot."""
    with RidgelineClient(config.connection) as client:
        status = to_plain(client.status())
    if as_json:
        print_json(status)
    else:
        coverage = status["coverage"]
        console = out()
        console.print(
            f"{'serving' if status['serving'] else 'NOT SERVING'}; ridgeline {status['version']}, "
            f"executor {status['executor']}, {status['extractors']} extractors\n"
            f"{coverage['subjects_total']:,} subjects, {status['encounters']:,} encounters at "
            f"sequence {status['gallery_sequence']:,}; {coverage['partitions_searched']} of "
            f"{coverage['partitions_total']} partitions can be searched",
            soft_wrap=True,
        )
        names = ("shard_id", "node", "backend", "ready", "partitions", "encounters")
        rows = [
            (*(shard[name] for name in names), shard["gallery_sequence"])
            for shard in status["shards"]
        ]
        columns = ("Shard", "Node", "Backend", "Ready", "Partitions ", "Encounters ", "Sequence ")
        console.print(table("", columns, rows))
    return 0 if status["serving"] else NOT_NOW
