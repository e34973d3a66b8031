"""A write transaction under way: its sequences, its journal entries, keys of subjects."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from cluster.store.database import Database
from cluster.store.keys import KeyProvider, new_key
from cluster.store.schema import Operation, counter, journal, memberships, subjects
from workers.errors import ErrorCode, RidgelineError

# Statements of an enrolment take their values apart: to build them anew each time would cost more
# than to run them.
_SUBJECT = sa.select(subjects.c.wrapped_key, subjects.c.removed, subjects.c.merged_into).where(
    subjects.c.subject_id == sa.bindparam("id")
)


class Writing:
    """One write transaction; whoever else writes waits until it ends.

    Args:
        connection: in a transaction that has done nothing yet.
    """

    def __init__(self, connection: sa.Connection, keys: KeyProvider, partitions: int) -> None:
        self.connection = connection
        self.keys = keys
        self.partitions = partitions
        # The lock is PostgreSQL's, and has to come first: what is read after it cannot change.
        # SQLite lets one writer in at a time.
        locked = connection.execute(sa.select(counter.c.value).with_for_update())
        self.sequence = int(locked.scalar_one())
        self.now = datetime.datetime.now(datetime.UTC)

    def record(
        self,
        operation: Operation,
        subject_id: str,
        encounter_id: str = "",
        *,
        digest: str = "",
        other_id: str = "",
    ) -> int:
        """Enters an operation into the journal; its sequence."""
        self.sequence += 1
        entry = {
            "sequence": self.sequence,
            "operation": operation.value,
            "subject_id": subject_id,
            "encounter_id": encounter_id,
            "digest": digest,
            "at": self.now,
            "other_id": other_id,
        }
        self.connection.execute(journal.insert(), entry)
        return self.sequence

    def subject_key(self, subject_id: str) -> bytes | None:
        """The key of a subject that may have encounters; None where there is no subject yet.

        Raises:
            RidgelineError: ENCOUNTER_CONFLICT where there was one.
        """
        row = self.connection.execute(_SUBJECT, {"id": subject_id}).first()
        if row is None:
            return None
        if row.removed is not None:
            what = "removed" if row.merged_into is None else "merged into another"
            raise RidgelineError(
                ErrorCode.ENCOUNTER_CONFLICT,
                f"a subject of this id was {what}; ids are not used again",
                field="subject_id",
            )
        return self.keys.unwrap(row.wrapped_key, subject_id)

    def existing_key(self, subject_id: str) -> bytes:
        """The key of a subject that is known to be in the gallery."""
        statement = sa.select(subjects.c.wrapped_key).where(subjects.c.subject_id == subject_id)
        wrapped = self.connection.execute(statement).scalar_one()
        return self.keys.unwrap(wrapped, subject_id)

    def new_subject(self, subject_id: str, sequence: int) -> bytes:
        """Makes a subject; its key."""
        key = new_key()
        wrapped = self.keys.wrap(key, subject_id)
        made = {"subject_id": subject_id, "added": sequence, "wrapped_key": wrapped}
        self.connection.execute(subjects.insert(), made)
        return key

    def require_subject(self, subject_id: str, field: str = "subject_id") -> None:
        """Raises SUBJECT_NOT_FOUND unless the subject is in the gallery."""
        statement = sa.select(subjects.c.subject_id).where(
            subjects.c.subject_id == subject_id, subjects.c.removed.is_(None)
        )
        if self.connection.execute(statement).first() is None:
            raise no_subject(field)

    def owner(self, encounter_id: str) -> str:
        """Whose an encounter is now.

        Raises:
            RidgelineError: ENCOUNTER_NOT_FOUND.
        """
        row = self.connection.execute(
            sa.select(memberships.c.subject_id).where(
                memberships.c.encounter_id == encounter_id, memberships.c.until.is_(None)
            )
        ).first()
        if row is None:
            raise no_encounter()
        return str(row.subject_id)


@contextmanager
def writing(database: Database, keys: KeyProvider, partitions: int) -> Iterator[Writing]:
    """A write transaction, durable when the block is left; nothing is there if it raises."""
    with database.transaction() as connection:
        under_way = Writing(connection, keys, partitions)
        before = under_way.sequence
        yield under_way
        if under_way.sequence != before:
            connection.execute(counter.update().values(value=under_way.sequence))


def no_subject(field: str = "subject_id") -> RidgelineError:
    """For a subject that is not in the gallery."""
    return RidgelineError(ErrorCode.SUBJECT_NOT_FOUND, "", field=field)


def no_encounter() -> RidgelineError:
    """For an encounter that is not in the gallery."""
    return RidgelineError(ErrorCode.ENCOUNTER_NOT_FOUND, "no such encounter", field="encounter_id")
