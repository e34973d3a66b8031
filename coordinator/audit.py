"""The audit record: append-only, hash-chained, durable before the answer leaves.

One record for each decision, refused ones too, with what NIST SP 800-53 AU-3 asks for: what
happened, when, where, from which source, with what outcome, and who was behind it. No prints,
no templates and no biographic value goes in.

Each record's digest covers its number, the digest before it and its body, so a changed, moved,
inserted or removed record breaks the chain there. What a chain alone cannot show is that its
newest records were cut off; for that its head has to be kept elsewhere too.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from cluster.store import Database
from coordinator.access import Purpose
from coordinator.group_commit import GroupCommit
from workers.errors import ErrorCode, RidgelineError

GENESIS = "0" * 64
"""Digest before the first record."""

RECORD_VERSION = 1
COMMIT_ATTEMPTS = 3
GROUP_MAX = 256
"""Records in one transaction at most."""

READ_AT_ONCE = 500

_metadata = sa.MetaData()
_records = sa.Table(
    "audit_records",
    _metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
_answers = sa.Table(
    "submission_answers",
    _metadata,
    sa.Column("ori", sa.String(255), primary_key=True),
    sa.Column("tcn", sa.String(255), primary_key=True),
    sa.Column("request_digest", sa.String(64), nullable=False),
    sa.Column("response", sa.LargeBinary, nullable=False),
)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class AuditedCandidate:
    """A candidate that was returned."""

    subject_id: str
    encounter_id: str
    score: float


@dataclass(slots=True)
class AuditRecord:
    """One decision; filled in while a call is handled and written once.

    Attributes:
        event: what was asked for: the method's name, or that of a command's work.
        source: where the request came from: the peer's network address, or ``"local"`` for a
            command that opens the store itself.
        server: where it was handled, host name.
        started: when it arrived, ISO 8601, UTC.
        principal: who asked, by certificate; empty where nobody was recognised. Of a command,
            the user of the operating system.
        certificate: names in the peer's certificate.
        ori: the agency asked for.
        outcome: of the decision: an outcome's or error code's name.
        error_id: leads to the server's log, for internal errors.
        error_field: of the request, for refused ones.
        reason: as stated, for removals.
        replayed: the answer given before to the same (ORI, TCN) was given again.
        sequence: gallery sequence that the answer reflects, or that the change made.
        scope: what an evaluation drew from the gallery.
        searches: that an evaluation made.
    """

    event: str
    source: str
    server: str = field(default_factory=socket.gethostname)
    started: str = field(default_factory=_now)
    principal: str = ""
    certificate: list[str] = field(default_factory=list)
    ori: str = ""
    tcn: str = ""
    purpose: Purpose | None = None
    search_id: str = ""
    outcome: str = ""
    error_id: str = ""
    error_field: str = ""
    subject_id: str = ""
    encounter_id: str = ""
    reason: str = ""
    replayed: bool = False
    sequence: int = 0
    parameters_hash: str = ""
    partitions_searched: int = 0
    partitions_total: int = 0
    candidates: list[AuditedCandidate] = field(default_factory=list)
    scope: str = ""
    searches: int = 0


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer to a submission, kept so that a repeat of it gets the same one.

    Attributes:
        request_digest: hex SHA-256 of what was submitted.
        response: serialised response message.
    """

    ori: str
    tcn: str
    request_digest: str
    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What `verify_chain` found.

    Attributes:
        records: in the log.
        head: digest of the last good record.
        broken_at: number of the first record that does not fit, or None.
    """

    records: int
    head: str
    broken_at: int | None


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it is kept; `body` is canonical JSON."""

    number: int
    body: str
    digest: str


class AuditLog:
    """Writes records in groups: those that arrive during one commit share the next.

    Args:
        database: the store's; the tables are made where they are missing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group = GroupCommit(self.append, group_max=GROUP_MAX)
        with database.transaction() as connection:
            _metadata.create_all(connection)

    async def write(self, record: AuditRecord, answer: StoredAnswer | None = None) -> None:
        """Returns when the record, and the answer with it, are durable.

        Raises:
            RidgelineError: STORE_UNAVAILABLE, or NOT_ACTIVE where another coordinator has taken
                over; nothing was written and no answer may be given.
        """
        await self.submit(record, answer)

    def submit(
        self, record: AuditRecord, answer: StoredAnswer | None = None
    ) -> asyncio.Future[None]:
        """Hands a record over; it is written even if nobody awaits the result."""
        return self._group.submit((record_body(record), answer))

    async def close(self) -> None:
        """Waits until everything handed over is written."""
        await self._group.close()

    def append(self, pairs: Sequence[tuple[str, StoredAnswer | None]]) -> list[None]:
        """Writes record bodies in one transaction; blocks until they are durable.

        Two writers cannot take the same number, so a writer that lost the race tries again
        behind the other.
        """
        for attempt in range(COMMIT_ATTEMPTS):
            try:
                with self._database.transaction() as connection:
                    _append(connection, pairs)
            except (sa.exc.SQLAlchemyError, RidgelineError) as error:
                if isinstance(error, RidgelineError) and error.code is ErrorCode.NOT_ACTIVE:
                    raise
                if attempt == COMMIT_ATTEMPTS - 1:
                    raise RidgelineError(
                        ErrorCode.STORE_UNAVAILABLE, "the audit record could not be written"
                    ) from error
            else:
                break
        return [None] * len(pairs)

    def answer(self, ori: str, tcn: str) -> StoredAnswer | None:
        """The answer given to this submission, if it was answered."""
        query = sa.select(_answers).where(_answers.c.ori == ori, _answers.c.tcn == tcn)
        try:
            with self._database.reading() as connection:
                row = connection.execute(query).one_or_none()
        except sa.exc.SQLAlchemyError as error:
            raise RidgelineError(ErrorCode.STORE_UNAVAILABLE, "") from error
        return None if row is None else StoredAnswer(*row)

    def records(self, after: int = 0) -> Iterator[StoredRecord]:
        """Every record whose number is above `after`, in order."""
        while True:
            query = (
                sa.select(_records)
                .where(_records.c.number > after)
                .order_by(_records.c.number)
                .limit(READ_AT_ONCE)
            )
            with self._database.reading() as connection:
                rows = connection.execute(query).all()
            for row in rows:
                yield StoredRecord(*row)
            if len(rows) < READ_AT_ONCE:
                return
            after = rows[-1].number

    def verify_chain(self) -> ChainReport:
        """Recomputes every digest."""
        head, count = GENESIS, 0
        for record in self.records():
            expected = record_digest(count + 1, head, record.body)
            if record.number != count + 1 or record.digest != expected:
                return ChainReport(count, head, count + 1)
            head, count = expected, count + 1
        return ChainReport(count, head, None)


def record_digest(number: int, previous: str, body: str) -> str:
    """Hex SHA-256 that ties a record to the one before it."""
    return hashlib.sha256(f"{number}\n{previous}\n{body}".encode()).hexdigest()


def record_body(record: AuditRecord) -> str:
    """Canonical JSON: sorted keys, no spaces, nothing empty or zero."""
    values = {key: value for key, value in asdict(record).items() if value}
    values |= {"version": RECORD_VERSION, "decided": _now()}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _append(connection: sa.Connection, pairs: Sequence[tuple[str, StoredAnswer | None]]) -> None:
    newest = sa.select(_records.c.number, _records.c.digest)
    last = connection.execute(newest.order_by(_records.c.number.desc()).limit(1)).one_or_none()
    number, digest = (0, GENESIS) if last is None else (last.number, last.digest)
    rows = []
    for body, _ in pairs:
        number += 1
        digest = record_digest(number, digest, body)
        rows.append({"number": number, "body": body, "digest": digest})
    connection.execute(sa.insert(_records), rows)
    answers = [asdict(answer) for _, answer in pairs if answer is not None]
    if answers:
        connection.execute(sa.insert(_answers), answers)
