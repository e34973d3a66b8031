"""``ridgeline status``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from coordinator.client import RidgelineClient
from coordinator.commands.connection import CommandConfig, connected
from coordinator.commands.failures import NOT_NOW
from coordinator.commands.output import json_flag, out, print_json
from coordinator.commands.tables import table
from coordinator.messages import to_plain
from protos.ridgeline.v1 import operations_pb2
from workers.errors import RidgelineError

_STANDBY = "STANDBY"

Answer = tuple[str, operations_pb2.GetStatusResponse | RidgelineError]


@click.command("status")
@json_flag
@connected
def command(as_json: bool, config: CommandConfig) -> int:
    """Show what the cluster holds and whether it can be searched; exit code 3 if it cannot.

    With several addresses every coordinator is asked, and the active one's answer shown.
    """
    with RidgelineClient(config.connection) as client:
        answers = client.coordinators()
    status = _most_telling(answers)
    coordinators = [_coordinator(address, answer) for address, answer in answers]
    if as_json:
        print_json({**status, "coordinators": coordinators})
    else:
        console = out()
        if len(coordinators) > 1:
            columns = ("Coordinator", "Role", "Name")
            rows = [(c["address"], c["role"], c["name"]) for c in coordinators]
            console.print(table("", columns, rows))
        if _role(status) != _STANDBY:
            _show(status)
        else:
            active = status["coordinator"]["active"] or "nobody"
            console.print(f"NOT SERVING; standing by while {active} is active", soft_wrap=True)
    return 0 if status["serving"] else NOT_NOW


def _most_telling(answers: Sequence[Answer]) -> dict[str, Any]:
    """The active coordinator's status, else a standby's; raises the first error for want of one."""
    statuses: list[dict[str, Any]] = [
        to_plain(answer) for _, answer in answers if not isinstance(answer, RidgelineError)
    ]
    for status in statuses:
        if _role(status) != _STANDBY:
            return status
    if statuses:
        return statuses[0]
    raise next(answer for _, answer in answers if isinstance(answer, RidgelineError))


def _coordinator(
    address: str, answer: operations_pb2.GetStatusResponse | RidgelineError
) -> dict[str, str]:
    if isinstance(answer, RidgelineError):
        return {"address": address, "role": answer.code.value, "name": ""}
    status = to_plain(answer)
    return {"address": address, "role": _role(status), "name": status["coordinator"]["name"]}


def _role(status: dict[str, Any]) -> str:
    return str(status["coordinator"]["role"])


def _show(status: dict[str, Any]) -> None:
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
        (*(shard[name] for name in names), shard["gallery_sequence"]) for shard in status["shards"]
    ]
    columns = ("Shard", "Node", "Backend", "Ready", "Partitions ", "Encounters ", "Sequence ")
    console.print(table("", columns, rows))
