"""``ridgeline rebalance``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console

from coordinator.client import RidgelineClient
from coordinator.commands.connection import CommandConfig, connected
from coordinator.commands.output import json_flag, out, print_json
from coordinator.commands.tables import table
from coordinator.messages import to_plain


@click.command("rebalance")
@click.option("--dry-run", is_flag=True, help="Only show what would move.")
@json_flag
@connected
def command(dry_run: bool, as_json: bool, config: CommandConfig) -> None:
    """Spread the gallery over the nodes that are there now; searches go on and stay whole.

    Returns when the new map is in force and everything is loaded. It goes on in the server if
    that takes longer than the deadline.
    """
    with RidgelineClient(config.connection) as client:
        answer = to_plain(client.rebalance(dry_run=dry_run))
    if as_json:
        print_json(answer)
    else:
        _show(out(), answer, dry_run=dry_run)


def _show(console: Console, answer: Mapping[str, Any], *, dry_run: bool) -> None:
    moves = answer["moves"]
    total = sum(move["bytes"] for move in moves)
    subjects = sum(move["subjects"] for move in moves)
    console.print(
        f"{len(moves)} partitions {'would move' if dry_run else 'moved'}: {subjects:,} subjects, "
        f"about {total / 2**20:,.1f} MiB; map of generation {answer['placement_generation']}",
        soft_wrap=True,
    )
    if answer["lost_partitions"]:
        lost = ", ".join(str(partition) for partition in answer["lost_partitions"])
        console.print(f"without a live holder: {lost}", soft_wrap=True)
    if moves:
        rows = [
            (
                move["partition"],
                move["from_shard_id"] or "-",
                move["to_shard_id"],
                move["to_node"],
                f"{move['subjects']:,}",
                f"{move['bytes'] / 2**20:,.1f}",
            )
            for move in moves
        ]
        columns = ("Partition ", "From", "To", "Node", "Subjects ", "MiB ")
        console.print(table("Moves", columns, rows))
    names = ("shard_id", "node", "before", "after")
    loads = [tuple(load[name] for name in names) for load in answer["loads"]]
    console.print(table("Partitions", ("Shard", "Node", "Before ", "After "), loads))
