"""A gallery into an archive: all of it but its keys, as of one sequence, in little memory."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import sqlalchemy as sa

from cluster.store.archive import BLOCK_BYTES, BLOCK_ROWS, ArchiveHeader, ArchiveWriter, Block
from cluster.store.enrolling import digest_of
from cluster.store.keys import KeyProvider, unseal
from cluster.store.opening import require_current
from cluster.store.reading import ROWS_AT_ONCE, GalleryReader, Row, Track, untracked, utc
from cluster.store.schema import (
    caller_keys,
    counter,
    encounters,
    journal,
    memberships,
    subjects,
)
from workers.errors import ErrorCode, RidgelineError

TABLES = (subjects, encounters, memberships, journal, caller_keys)
"""In the order in which they travel: encounters are sealed anew for subjects that are there."""

SEALED = frozenset({"wrapped_key", "payload"})
"""Columns that mean something under one master key only and do not travel."""


def columns_of(table: sa.Table) -> list[sa.Column[Any]]:
    """What travels of a table, in the order of an archive's rows."""
    return [column for column in table.columns if column.name not in SEALED]


def export_gallery(
    store: GalleryReader,
    file: BinaryIO,
    archive_keys: KeyProvider,
    track: Track = untracked,
) -> ArchiveHeader:
    """Writes the gallery as an archive; reads in one transaction, also while servers run.

    Raises:
        RidgelineError: STORE_UNAVAILABLE, also for an encounter that is damaged, and for a
            gallery of an older schema.
    """
    require_current(store.facts)
    with store.database.reading() as connection:
        rows = {
            table.name: int(
                connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            )
            for table in TABLES
        }
        writer = ArchiveWriter(
            file,
            archive_keys,
            sequence=int(connection.execute(sa.select(counter.c.value)).scalar_one()),
            partitions=store.partitions,
            descriptor_hash=store.facts.descriptor_hash,
            gaps_until=store.facts.gaps_until,
            rows=rows,
        )
        streaming = connection.execution_options(yield_per=ROWS_AT_ONCE)
        for table in TABLES:
            with streaming.execute(_reading(table)) as found:
                tracked = track(found, table.name, rows[table.name])
                for block in _blocks(table, tracked, store.keys):
                    writer.write(block)
    writer.finish()
    return writer.header


def _reading(table: sa.Table) -> sa.Select[Any]:
    columns = columns_of(table)
    if table is not encounters:
        return sa.select(*columns)
    sealing = subjects.c.subject_id == encounters.c.sealed_for
    return sa.select(*columns, encounters.c.payload, subjects.c.wrapped_key).outerjoin(
        subjects, sealing
    )


def _blocks(table: sa.Table, rows: Iterable[Row], keys: KeyProvider) -> Iterator[Block]:
    kept: list[list[Any]] = []
    contents: list[bytes | None] = []
    size = 0
    width = len(columns_of(table))
    for row in rows:
        kept.append([_plain(value) for value in row[:width]])
        contents.append(_content(row, keys) if table is encounters else None)
        size += len(contents[-1] or b"") + len(json.dumps(kept[-1]))
        if size >= BLOCK_BYTES or len(kept) == BLOCK_ROWS:
            yield Block(table.name, kept, contents)
            kept, contents, size = [], [], 0
    if kept:
        yield Block(table.name, kept, contents)


def _content(row: Row, keys: KeyProvider) -> bytes | None:
    """The template of an encounter as it was sealed; None where it was expunged."""
    if row.expunged is not None:
        return None
    content = b""
    if row.payload is not None and row.wrapped_key is not None:
        key = keys.unwrap(row.wrapped_key, row.sealed_for)
        content = unseal(key, row.payload, row.encounter_id)
    if digest_of(content) != row.digest:
        raise RidgelineError(
            ErrorCode.STORE_UNAVAILABLE,
            f"encounter {row.encounter_id} is damaged (ridgeline gallery check)",
        )
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return utc(value).isoformat()
    return value.isoformat() if isinstance(value, datetime.date) else value
