"""Connections and transactions, alike on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from workers.errors import ErrorCode, RidgelineError

SQLITE_BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for another one."""

STALLED_WRITER_TIMEOUT_MS = 10_000
"""How long PostgreSQL keeps the locks of a writer that says nothing, frozen or cut off."""


_END_IF_STALLED = sa.text(
    f"SET LOCAL idle_in_transaction_session_timeout = {STALLED_WRITER_TIMEOUT_MS}"
)


class Database:
    """An engine with our transaction discipline.

    Writers take the write lock when they begin, so that a sequence read in a transaction is
    the one it commits. Readers see one consistent state for as long as they read.

    Args:
        read_only: never write, not even an empty database file.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = url
        self.read_only = read_only
        self.guard: Callable[[sa.Connection], None] | None = None
        """Called as each write transaction begins; what it raises undoes the transaction."""
        parsed = sa.make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and read_only:
            parsed = _read_only_file(parsed)
        self.engine = sa.create_engine(parsed, pool_pre_ping=True)
        # SQLite lets one writer in at a time; queueing here is fair, its busy handler is not.
        self._write_lock = threading.Lock()
        if self.is_sqlite:
            _prepare_sqlite(self.engine, read_only=read_only)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A write transaction: committed when the block ends, rolled back when it raises."""
        if self.read_only:
            raise RuntimeError("this database was opened to be read only")
        if self.is_sqlite:
            with self._write_lock, self._begin("IMMEDIATE") as connection:
                self._admit(connection)
                yield connection
        else:
            with self._begin("") as connection:
                connection.execute(_END_IF_STALLED)
                self._admit(connection)
                yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read transaction over one consistent state; keep it short."""
        with self._begin("DEFERRED") as connection:
            if not self.is_sqlite:
                connection.execute(
                    sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                )
            yield connection

    def close(self) -> None:
        """Closes pooled connections."""
        self.engine.dispose()

    def _admit(self, connection: sa.Connection) -> None:
        if self.guard is not None:
            self.guard(connection)

    @contextmanager
    def _begin(self, mode: str) -> Iterator[sa.Connection]:
        try:
            with (
                self.engine.connect().execution_options(ridgeline_begin=mode) as connection,
                connection.begin(),
            ):
                yield connection
        except sa.exc.DBAPIError as error:
            # A session that PostgreSQL has ended counts as an internal error there.
            if not isinstance(error, sa.exc.OperationalError) and not error.connection_invalidated:
                raise
            raise RidgelineError(
                ErrorCode.STORE_UNAVAILABLE, "the store cannot be reached or is busy"
            ) from error


def _read_only_file(url: sa.URL) -> sa.URL:
    """A URL that opens the file without making or changing it (https://sqlite.org/uri.html)."""
    path = quote(url.database or "")
    return url.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})


def _prepare_sqlite(engine: sa.Engine, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # Transactions are begun by us (below), not by the driver at the first write.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}")
        if not read_only:
            cursor.execute("PRAGMA journal_mode = WAL")
            # Acknowledged means durable: FULL syncs the log at every commit.
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("ridgeline_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")
