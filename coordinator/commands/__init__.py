"""One module a command; each is imported when it is called, since some bring heavy libraries."""

from __future__ import annotations

import importlib
import os
from importlib import metadata

import click

from coordinator.commands.failures import run

__all__ = ["cli", "run"]

_COMMANDS = {
    "bench": "Measure the speed of this machine, or of a cluster.",
    "certificates": "Make throw-away certificates and configuration for a first try.",
    "demo": "Show the whole system at work on generated prints.",
    "enroll": "Add transactions, templates or folders of images to the gallery.",
    "evaluate": "Measure the matcher on a folder of prints or on a gallery.",
    "gallery": "Check, export and import the gallery's store.",
    "health": "Ask a server for its gRPC health.",
    "identify": "Search the gallery for whose prints these are.",
    "inspect": "Show what a transaction, template or image holds.",
    "rebalance": "Spread the gallery over the nodes that are there now.",
    "status": "Show the state of the cluster.",
    "up": "Start a coordinator and its cluster.",
    "verify": "Compare prints with one subject.",
}


class _Commands(click.Group):
    """Knows its commands by name; the module of one is imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"coordinator.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 something failed; 2 wrong input or usage; 3 not now, try again "
    "later; 4 not permitted; 130 interrupted.",
)
@click.version_option(metadata.version("ridgeline"), prog_name="ridgeline")
def cli() -> None:
    """Ten-print fingerprint identification over a sharded gallery.

    A candidate is a lead for an examiner, never a status.
    """
    # gRPC's own log lines would mix with ours; errors come back as errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
