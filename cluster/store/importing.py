"""An archive into a store that holds no gallery yet: same ids, sequences and journal, new keys.

Each block is written in one transaction with the note that it was, so an import that was
interrupted goes on where it stopped, and one that was finished changes nothing. Until it is
finished the store cannot be opened as a gallery.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from cluster.store.archive import ArchiveHeader, ArchiveReader, Block
from cluster.store.database import Database
from cluster.store.exporting import TABLES, columns_of
from cluster.store.keys import KeyProvider, new_key, seal
from cluster.store.opening import IMPORTING, new_facts, read_values
from cluster.store.reading import Track, batches, untracked
from cluster.store.schema import counter, encounters, meta, metadata, subjects
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import descriptor_hash

IMPORTED = "imported"
"""Fact of a gallery that came from an archive: which."""

_IS_IMPORTING = meta.c.name == IMPORTING


def import_gallery(
    database: Database, keys: KeyProvider, archive: ArchiveReader, track: Track = untracked
) -> bool:
    """Imports an archive, or what an interrupted import left of it.

    Returns:
        False where it was imported before, whatever has happened to the gallery since.

    Raises:
        RidgelineError: PARAMETERS_MISMATCH for templates that another release described;
            INVALID_FIELD for a store with another gallery; MALFORMED_ARCHIVE, of which the
            blocks before the damage are written, and the store is no gallery.
    """
    header = archive.header
    if header.descriptor_hash != descriptor_hash():
        raise RidgelineError(
            ErrorCode.PARAMETERS_MISMATCH, "the archive's templates have other parameters"
        )
    done = _begin(database, header)
    if done is None:
        return False

    def rows() -> Iterator[Any]:
        for number, block in enumerate(archive.blocks(), start=1):
            if number > done:
                with _noting(database, header, number) as connection:
                    _write(connection, keys, block)
            yield from block.rows

    for _ in track(rows(), "rows", sum(header.rows.values())):
        pass
    _finish(database, header)
    return True


def _begin(database: Database, header: ArchiveHeader) -> int | None:
    """Blocks that are written; None where the whole archive is."""
    with database.reading() as connection:
        is_new = not sa.inspect(connection).has_table(meta.name)
    if is_new:
        metadata.create_all(database.engine)
    with database.transaction() as connection:
        values = read_values(connection)
        if not values:
            connection.execute(counter.insert().values(id=1, value=0))
            facts = new_facts(header.partitions, header.descriptor_hash, header.gaps_until)
            facts[IMPORTING] = f"{header.archive_id} 0"
            connection.execute(meta.insert(), [{"name": k, "value": v} for k, v in facts.items()])
            return 0
    archive_id, _, done = values.get(IMPORTING, "").partition(" ")
    if archive_id == header.archive_id:
        return int(done)
    if not archive_id and values.get(IMPORTED) == header.archive_id:
        return None
    raise RidgelineError(
        ErrorCode.INVALID_FIELD, "the store holds another gallery already", field="store.url"
    )


@contextmanager
def _noting(database: Database, header: ArchiveHeader, number: int) -> Iterator[sa.Connection]:
    """A transaction that writes a block, and that it did; one importer does, if there are two."""
    with database.transaction() as connection:
        noted = connection.execute(sa.select(meta.c.value).where(_IS_IMPORTING).with_for_update())
        if noted.scalar_one_or_none() != f"{header.archive_id} {number - 1}":
            raise RidgelineError(
                ErrorCode.STORE_UNAVAILABLE, "another process imports into this store"
            )
        yield connection
        note = meta.update().where(_IS_IMPORTING)
        connection.execute(note.values(value=f"{header.archive_id} {number}"))


def _write(connection: sa.Connection, keys: KeyProvider, block: Block) -> None:
    table = next(table for table in TABLES if table.name == block.table)
    columns = columns_of(table)
    rows = [
        {c.name: _typed(c, value) for c, value in zip(columns, row, strict=True)}
        for row in block.rows
    ]
    if table is subjects:
        for row in rows:
            has_key = row["expunged"] is None and row["merged_into"] is None
            subject_id = row["subject_id"]
            row["wrapped_key"] = keys.wrap(new_key(), subject_id) if has_key else None
    if table is encounters:
        subject_keys = _keys_of(connection, keys, {row["sealed_for"] for row in rows})
        for row, content in zip(rows, block.contents, strict=True):
            row["payload"] = None
            if content is not None:
                key = subject_keys[row["sealed_for"]]
                row["payload"] = seal(key, content, row["encounter_id"])
    connection.execute(table.insert(), rows)


def _keys_of(
    connection: sa.Connection, keys: KeyProvider, subject_ids: set[str]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for ids in batches(subject_ids):
        statement = sa.select(subjects.c.subject_id, subjects.c.wrapped_key).where(
            subjects.c.subject_id.in_(ids), subjects.c.wrapped_key.is_not(None)
        )
        for subject_id, wrapped in connection.execute(statement):
            found[subject_id] = keys.unwrap(wrapped, subject_id)
    return found


def _typed(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, sa.DateTime):
        return datetime.datetime.fromisoformat(value)
    return datetime.date.fromisoformat(value) if isinstance(column.type, sa.Date) else value


def _finish(database: Database, header: ArchiveHeader) -> None:
    """Makes the store a gallery."""
    with database.transaction() as connection:
        for table in TABLES:
            count = sa.select(sa.func.count()).select_from(table)
            there = int(connection.execute(count).scalar_one())
            if there != header.rows[table.name]:
                raise RidgelineError(
                    ErrorCode.MALFORMED_ARCHIVE,
                    f"{there} rows of {table.name} instead of {header.rows[table.name]}",
                    field="archive",
                )
        connection.execute(counter.update().values(value=header.sequence))
        connection.execute(meta.delete().where(_IS_IMPORTING))
        connection.execute(meta.insert().values(name=IMPORTED, value=header.archive_id))
