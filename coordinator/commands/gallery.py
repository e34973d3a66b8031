"""``ridgeline gallery``: what an operator does to the store itself."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cluster.store import Database, FileKeyProvider, Store
from cluster.store.archive import ArchiveHeader
from cluster.store.reading import Track
from coordinator.access import require_purpose
from coordinator.commands.connection import PurposeConfig, for_a_purpose, server_config
from coordinator.commands.output import bars, json_file_option, say, write_report
from coordinator.commands.recorded import recorded
from coordinator.commands.tables import table
from coordinator.node import load_config
from coordinator.paths import writing_whole


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

    config = load_config(config_file)
    keys = FileKeyProvider(config.store.key_file, create=False)
    store = Store.open_read_only(config.store.url, keys)
    try:
        report = check_gallery(store, _progress())
    finally:
        store.close()
    write_report(asdict(report), json_file, _show_check)
    return 1 if report.damaged else 0


def _archive_options(command: Callable[..., None], *, exists: bool) -> Callable[..., None]:
    """The argument ARCHIVE and the options that exporting and importing share."""
    key = click.option(
        "--archive-key",
        required=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="File with the key that the archive is sealed under; export makes it where missing.",
    )
    kind = click.Path(exists=exists, dir_okay=False, path_type=Path)
    archive = click.argument("archive", type=kind)
    return server_config(for_a_purpose(archive(key(command))))


@command.command("export")
@functools.partial(_archive_options, exists=False)
def export(config_file: Path, purpose: PurposeConfig, archive: Path, archive_key: Path) -> None:
    """Write the gallery to ARCHIVE, which `ridgeline gallery import` reads.

    All that the store knows, with its ids and its history, as of one sequence, also while servers
    run; not the audit log. Templates are sealed under the archive key: keep it apart from the
    archive.
    """
    from cluster.store.exporting import export_gallery

    why = require_purpose(purpose.authority, purpose.case_number, purpose.requester)
    if archive.exists():
        raise click.BadParameter(f"{archive} exists", param_hint="ARCHIVE")
    config = load_config(config_file)
    keys = FileKeyProvider(config.store.key_file, create=False)
    store = Store.open_read_only(config.store.url, keys)
    try:
        with (
            writing_whole(archive, mode=0o600) as file,
            recorded(config.store.url, "ExportGallery", why) as record,
        ):
            header = export_gallery(store, file, FileKeyProvider(archive_key), _progress())
            record.sequence, record.scope = header.sequence, header.archive_id
            record.parameters_hash = header.descriptor_hash
            record.outcome = "EXPORTED"
    finally:
        store.close()
    say(f"exported {_rows(header)} as of sequence {header.sequence:,}")


@command.command("import")
@functools.partial(_archive_options, exists=True)
def import_(config_file: Path, purpose: PurposeConfig, archive: Path, archive_key: Path) -> None:
    """Read the gallery of ARCHIVE into a store that has none.

    The store may be another database than the archive came from. Subjects get new keys, wrapped by
    the key file of the configuration. Called again, it goes on where it was interrupted; until it
    is done no server opens the store.
    """
    from cluster.store.archive import ArchiveReader
    from cluster.store.importing import import_gallery

    why = require_purpose(purpose.authority, purpose.case_number, purpose.requester)
    config = load_config(config_file)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(archive.open("rb"))
        reader = ArchiveReader(file, FileKeyProvider(archive_key, create=False))
        database = Database(config.store.url)
        stack.callback(database.close)
        record = stack.enter_context(recorded(config.store.url, "ImportGallery", why))
        record.sequence, record.scope = reader.header.sequence, reader.header.archive_id
        record.parameters_hash = reader.header.descriptor_hash
        keys = FileKeyProvider(config.store.key_file)
        changed = import_gallery(database, keys, reader, _progress())
        record.outcome = "IMPORTED" if changed else "UNCHANGED"
    done = "imported" if changed else "imported before, nothing changed:"
    say(f"{done} {_rows(reader.header)} as of sequence {reader.header.sequence:,}")


def _rows(header: ArchiveHeader) -> str:
    return f"{header.rows['subjects']:,} subjects, {header.rows['encounters']:,} encounters"


def _progress() -> Track:
    track = bars()
    return lambda items, what, total: track(items, description=what, total=total)


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
