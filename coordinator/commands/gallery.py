"""``ridgeline gallery``: what an operator does to the store itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cluster.store import FileKeyProvider, Store
from coordinator.commands.connection import server_config
from coordinator.commands.output import bars, json_file_option, write_report
from coordinator.commands.tables import table
from coordinator.node import load_config


@click.group("gallery")
def command() -> None:
    """Check, export and import the gallery, on a machine that reaches its store and key file."""


@command.command("check")
@server_config
@json_file_option
def check(config_file: Path, json_file: Path | None) -> int:
    """Check that the gallery is whole.

    Every row is held against the journal, every key unwrapped, every template opened and held
    against its digest. The gallery is only read, also while servers run. Damage is named by the ids
    of encounters and subjects; the exit code is 1 if there is any.
    """
    from cluster.store.check import check as check_gallery

    config, track = load_config(config_file), bars()
    keys = FileKeyProvider(config.store.key_file, create=False)
    store = Store.open_read_only(config.store.url, keys)
    try:
        report = check_gallery(
            store, lambda rows, what, total: track(rows, description=what, total=total)
        )
    finally:
        store.close()
    write_report(asdict(report), json_file, _show_check)
    return 1 if report.damaged else 0


def _show_check(console: Console, report: dict[str, Any]) -> None:
    counts = ", ".join(f"{count:,} {what}" for what, count in report["counts"].items())
    console.print(f"checked at sequence {report['sequence']:,}: {counts}", soft_wrap=True)
    if not report["damaged"]:
        console.print("no damage")
        return
    rows = [(f["table"], f["id"], f["problem"]) for f in report["findings"]]
    console.print(table("Damage", ("table", "id", "what"), rows))
    if left := report["damaged"] - len(rows):
        console.print(f"and {left:,} more")
