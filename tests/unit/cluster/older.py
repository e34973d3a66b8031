"""Galleries as older releases wrote them, `galleries/schema-N.db`, placed on any database.

Each holds encounters a and b of s0, c of s1, d of s2, e of s3 and g of s4, twelve generated
minutiae a finger. b was removed at sequence 6 and s2 at 7, when that erased them; 8 was used up
by an enrolment that was refused; g came at 9.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from cluster.store import FileKeyProvider
from cluster.store.schema import meta
from workers.matching.parameters import descriptor_hash

GALLERIES = Path(__file__).parent / "galleries"
VERSIONS = (1, 2)


def place(version: int, url: str) -> None:
    """Puts an older gallery where there is none; on PostgreSQL, column by column."""
    file = GALLERIES / f"schema-{version}.db"
    target = sa.create_engine(url)
    if target.dialect.name == "sqlite":
        shutil.copy(file, str(target.url.database))
    else:
        _copy(file, target)
    with target.begin() as connection:
        # As if it had been described with the parameters of today, which change.
        row = meta.c.name == "descriptor_hash"
        connection.execute(meta.update().where(row).values(value=descriptor_hash()))
    target.dispose()


def key_of_older(folder: Path) -> FileKeyProvider:
    """The master key of the older galleries."""
    path = folder / "older.key"
    path.write_bytes(bytes(range(32)))
    return FileKeyProvider(path)


def _copy(file: Path, target: sa.Engine) -> None:
    source = sa.create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    tables = sa.MetaData()

    @event.listens_for(tables, "column_reflect")
    def on_column(_inspector: Any, _table: Any, column: Any) -> None:
        generic = column["type"].as_generic()
        zoned = isinstance(generic, sa.DateTime)
        column["type"] = sa.DateTime(timezone=True) if zoned else generic

    tables.reflect(source)
    tables.create_all(target)
    with source.connect() as reading, target.begin() as writing:
        for table in tables.sorted_tables:
            rows = reading.execute(sa.select(table)).mappings().all()
            writing.execute(table.insert(), [dict(row) for row in rows])
    source.dispose()
