"""Which coordinator is the active one: a lease, and the token that fences its writes.

Whoever takes the lease raises its token. Every write transaction of a coordinator reads the token
under a lock that a take-over has to wait for, and is refused unless the token is its own; so after
a take-over nothing of the one before is written, whatever either's clock says. Clocks only decide
when a standby tries: once the lease has ended by the database's clock, or has not been renewed for
its whole length by the standby's own (a clock set back would otherwise make a lease last).
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import sqlalchemy as sa

from cluster.store.database import Database
from cluster.store.schema import lease
from workers.errors import ErrorCode, RidgelineError

_ADVISORY_KEY = 0x52_49_44_47
"""Of PostgreSQL's advisory lock while the table is made: ``RIDG``."""

_RELEASED = -1
"""A token that no take-over gives."""


@dataclass(frozen=True, slots=True)
class LeaseState:
    """The lease as it is in the store.

    Attributes:
        holder: name of the coordinator that took it last; empty before the first.
        token: raised at every take-over.
        expires_ms: when it ends unless renewed, by the database's clock, since 1970.
        left_s: until then; not above 0 where it has ended.
    """

    holder: str
    token: int
    expires_ms: int
    left_s: float


class Lease:
    """One process's way to the lease of a gallery; thread-safe once it is held.

    Args:
        database: of the gallery. Once the lease is taken, its every write transaction checks it.
        lasts_s: how long it lasts unless renewed.
        holder: this process's name, for operators; made where none is given.
    """

    def __init__(self, database: Database, *, lasts_s: float, holder: str = "") -> None:
        self.holder = holder or f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self.lasts_s = lasts_s
        self.on_lost: Callable[[], None] = lambda: None
        """Called, by whichever thread, each time that a write is refused."""
        self._database = database
        self._token = _RELEASED
        self._renewed = 0.0
        self._seen: LeaseState | None = None
        self._seen_at = 0.0

    @property
    def token(self) -> int:
        """With which this process took it; meaningless before."""
        return self._token

    def prepare(self) -> None:
        """Makes the lease where the gallery has none yet; nobody holds it then."""
        with self._database.reading() as connection:
            if sa.inspect(connection).has_table(lease.name) and _is_there(connection):
                return
        with self._database.transaction() as connection:
            if not self._database.is_sqlite:  # which lets in one writer at a time anyhow
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_KEY)))
            lease.create(connection, checkfirst=True)
            if not _is_there(connection):
                first = lease.insert().values(id=1, holder="", token=0, expires_ms=0)
                connection.execute(first)

    def state(self) -> LeaseState:
        """Who holds it; reads only, so never waits for a writer."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(lease, self._now_ms().label("now_ms"))).one()
        return LeaseState(
            row.holder, row.token, row.expires_ms, (row.expires_ms - row.now_ms) / 1e3
        )

    def try_acquire(self) -> bool:
        """Takes the lease if nobody holds it; waits for a write that is being committed.

        From the first call on the lease is watched: one that is not renewed between calls for
        its whole length has ended, too.

        Raises:
            RidgelineError: STORE_UNAVAILABLE.
        """
        state, now = self.state(), time.monotonic()
        if self._seen is None or _version(self._seen) != _version(state):
            self._seen, self._seen_at = state, now
        if state.left_s > 0 and now - self._seen_at < self.lasts_s:
            return False
        with self._database.transaction() as connection:
            row = connection.execute(sa.select(lease).with_for_update()).one()
            if (row.token, row.expires_ms) != _version(state):
                return False  # renewed, or taken by another
            taken = {"token": row.token + 1, "holder": self.holder, **self._extended()}
            connection.execute(lease.update().values(taken))
        self._token, self._renewed = row.token + 1, now
        self._database.guard = self._check
        return True

    def renew(self) -> None:
        """Makes it last anew.

        Raises:
            RidgelineError: NOT_ACTIVE when another has taken it; STORE_UNAVAILABLE.
        """
        now = time.monotonic()
        with self._database.transaction() as connection:
            connection.execute(lease.update().values(self._extended()))
        self._renewed = now

    def release(self) -> None:
        """Ends it, so that a standby need not wait; nothing can be written any more.

        Raises:
            RidgelineError: NOT_ACTIVE when another has taken it; STORE_UNAVAILABLE.
        """
        try:
            with self._database.transaction() as connection:
                connection.execute(lease.update().values(expires_ms=0))
        finally:
            self._token = _RELEASED

    def is_fresh(self) -> bool:
        """Whether it was renewed in time, by this process's own clock."""
        return time.monotonic() - self._renewed < self.lasts_s

    def _check(self, connection: sa.Connection) -> None:
        """Refuses to write unless the token is still ours.

        A take-over locks the row against this lock and so waits until what is written here is
        committed; a renewal does not (PostgreSQL 13.3.2, row-level locks).
        """
        current = sa.select(lease.c.token).with_for_update(read=True, key_share=True)
        if connection.execute(current).scalar_one() != self._token:
            self._lose()

    def _lose(self) -> NoReturn:
        self.on_lost()
        raise RidgelineError(ErrorCode.NOT_ACTIVE, "another coordinator has taken over")

    def _extended(self) -> dict[str, sa.ColumnElement[int]]:
        return {"expires_ms": self._now_ms() + round(self.lasts_s * 1000)}

    def _now_ms(self) -> sa.ColumnElement[int]:
        """Milliseconds since 1970 by the database's clock, which is SQLite's host's."""
        if self._database.is_sqlite:
            days = sa.func.julianday("now") - 2_440_587.5
            return sa.cast(days * 86_400_000.0, sa.BigInteger)
        seconds = sa.extract("epoch", sa.func.clock_timestamp())
        return sa.cast(seconds * 1000, sa.BigInteger)


def _is_there(connection: sa.Connection) -> bool:
    return connection.execute(sa.select(lease.c.id)).first() is not None


def _version(state: LeaseState) -> tuple[int, int]:
    return state.token, state.expires_ms
