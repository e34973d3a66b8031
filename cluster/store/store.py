"""The store: who is in the gallery, as of any sequence, and every change to it."""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cluster.partitions import DEFAULT_PARTITIONS, partition_of
from cluster.store.database import Database
from cluster.store.keys import KeyProvider, new_key, seal, unseal
from cluster.store.opening import prepare, read_facts
from cluster.store.records import (
    Counts,
    Enrolled,
    Enrolment,
    Removed,
    StoredEncounter,
    SubjectOf,
)
from cluster.store.schema import (
    CAPTURE_SCHEMA,
    counter,
    encounters,
    journal,
    memberships,
    subjects,
)
from workers.biometrics.model import Capture
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import decode, encode
from workers.matching.descriptor import redescribe
from workers.matching.parameters import descriptor_hash
from workers.matching.template import EncounterTemplate
from workers.shard_gallery import GalleryChange

IDS_AT_ONCE = 500
"""Ids in one IN list; SQLite allows 32,766 parameters, older ones 999."""

ROWS_AT_ONCE = 256
"""Rows fetched at a time when a shard loads."""


class Store:
    """The gallery on a database; thread-safe, one a process.

    Writes are durable when they return. Reads that take `at` answer exactly as of that
    sequence.
    """

    def __init__(self, database: Database, keys: KeyProvider) -> None:
        self.database = database
        self._keys = keys
        try:
            self._facts = read_facts(database)
        except RidgelineError:
            database.close()
            raise
        self.partitions = self._facts.partitions
        # Committed history never changes, so neither does what was counted at a sequence.
        self.counts = lru_cache(maxsize=64)(self._counts)

    @staticmethod
    def open(url: str, keys: KeyProvider, *, partitions: int = DEFAULT_PARTITIONS) -> Store:
        """Opens a gallery, creating it where there is none and upgrading an older one.

        Args:
            url: SQLAlchemy URL, ``sqlite:///PATH`` or ``postgresql+psycopg://…``.
            partitions: of a new gallery; an existing one keeps its own.

        Raises:
            RidgelineError: STORE_UNAVAILABLE for a gallery of a later schema;
                PARAMETERS_MISMATCH for one that was described with other parameters.
        """
        database = Database(url)
        prepare(database, partitions)
        return Store(database, keys)

    @staticmethod
    def open_read_only(url: str, keys: KeyProvider) -> Store:
        """Opens a gallery to be read; it is left as it is, beside whoever else has it open.

        An older schema is read as it is, and templates described with other parameters are
        described again as they are read (see `redescribed`).

        Raises:
            RidgelineError: STORE_UNAVAILABLE where there is no gallery, or one of a later schema.
        """
        return Store(Database(url, read_only=True), keys)

    @property
    def redescribed(self) -> bool:
        """Whether templates come with descriptors other than the stored ones."""
        return self._facts.descriptor_hash != descriptor_hash()

    def close(self) -> None:
        """Closes connections."""
        self.database.close()

    # Writing

    def enroll(self, enrolments: Sequence[Enrolment]) -> list[Enrolled | RidgelineError]:
        """Adds encounters in one durable transaction; each has its own sequence.

        Idempotent by encounter id: the same template again answers as the first time did; an
        encounter that cannot be added yields its error (ENCOUNTER_CONFLICT,
        PARAMETERS_MISMATCH) and does not hinder the others.
        """
        with self.database.transaction() as connection:
            return [self._enroll_one(connection, enrolment) for enrolment in enrolments]

    def remove_encounter(self, encounter_id: str) -> Removed:
        """Removes an encounter and erases its payload.

        Raises:
            RidgelineError: ENCOUNTER_NOT_FOUND.
        """
        with self.database.transaction() as connection:
            row = connection.execute(
                sa.select(memberships.c.subject_id).where(
                    memberships.c.encounter_id == encounter_id, memberships.c.until.is_(None)
                )
            ).first()
            if row is None:
                raise RidgelineError(
                    ErrorCode.ENCOUNTER_NOT_FOUND, "no such encounter", field="encounter_id"
                )
            sequence = self._next(connection)
            self._erase(connection, encounter_id, sequence)
            self._record(connection, sequence, "remove_encounter", row.subject_id, encounter_id)
            return Removed(sequence, 1)

    def remove_subject(self, subject_id: str) -> Removed:
        """Removes a subject with all encounters, and destroys its key.

        Raises:
            RidgelineError: SUBJECT_NOT_FOUND.
        """
        with self.database.transaction() as connection:
            if not self._subject_exists(connection, subject_id):
                raise _no_subject()
            theirs = connection.scalars(
                sa.select(memberships.c.encounter_id).where(
                    memberships.c.subject_id == subject_id, memberships.c.until.is_(None)
                )
            ).all()
            sequence = self._next(connection)
            for encounter_id in theirs:
                self._erase(connection, encounter_id, sequence)
            connection.execute(
                subjects.update()
                .where(subjects.c.subject_id == subject_id)
                .values(removed=sequence, wrapped_key=None)
            )
            self._record(connection, sequence, "remove_subject", subject_id, "")
            return Removed(sequence, len(theirs))

    def _enroll_one(
        self, connection: sa.Connection, enrolment: Enrolment
    ) -> Enrolled | RidgelineError:
        template = enrolment.template
        if template.parameters_hash != descriptor_hash():
            return RidgelineError(
                ErrorCode.PARAMETERS_MISMATCH, "the template was built with other parameters"
            )
        content = encode(template)
        digest = hashlib.sha256(content).hexdigest()
        encounter_id = enrolment.encounter_id or uuid.uuid4().hex
        there = self._existing(connection, encounter_id, enrolment, digest)
        if there is not None:
            return there
        subject_id = enrolment.subject_id or uuid.uuid4().hex
        sequence = self._next(connection)
        key = self._subject_key(connection, subject_id, sequence)
        if isinstance(key, RidgelineError):
            return key
        connection.execute(
            encounters.insert().values(
                encounter_id=encounter_id,
                partition=partition_of(encounter_id, self.partitions),
                added=sequence,
                enrolled_at=_now(),
                digest=digest,
                sealed_for=subject_id,
                payload=seal(key, content, encounter_id),
                captured_on=enrolment.capture.day,
                sensor=enrolment.capture.sensor or None,
            )
        )
        connection.execute(
            memberships.insert().values(
                encounter_id=encounter_id, since=sequence, subject_id=subject_id
            )
        )
        self._record(connection, sequence, "enroll", subject_id, encounter_id, digest)
        return Enrolled(subject_id, encounter_id, sequence, created=True)

    def _existing(
        self, connection: sa.Connection, encounter_id: str, enrolment: Enrolment, digest: str
    ) -> Enrolled | RidgelineError | None:
        """The answer to an encounter id that was seen before, None for a new one."""
        row = connection.execute(
            sa.select(encounters, memberships.c.subject_id)
            .join(memberships, memberships.c.encounter_id == encounters.c.encounter_id)
            .where(encounters.c.encounter_id == encounter_id)
            .where(encounters.c.removed.is_(None), memberships.c.until.is_(None))
        ).first()
        if row is None:
            used = connection.execute(
                sa.select(encounters.c.added).where(encounters.c.encounter_id == encounter_id)
            ).first()
            if used is None:
                return None
            return _conflict("an encounter of this id was removed; ids are not used again")
        if row.digest != digest:
            return _conflict("an encounter of this id has other prints")
        if enrolment.subject_id and row.subject_id != enrolment.subject_id:
            return _conflict("an encounter of this id belongs to another subject")
        known = Capture(row.captured_on, row.sensor or "")
        if enrolment.capture.over(known) != known.over(enrolment.capture):
            return _conflict("an encounter of this id was taken on another day or otherwise")
        return Enrolled(row.subject_id, encounter_id, row.added, created=False)

    def _subject_key(
        self, connection: sa.Connection, subject_id: str, sequence: int
    ) -> bytes | RidgelineError:
        """The key of a subject, made with the subject where there is none."""
        row = connection.execute(
            sa.select(subjects.c.wrapped_key, subjects.c.removed).where(
                subjects.c.subject_id == subject_id
            )
        ).first()
        if row is not None:
            if row.removed is not None:
                return RidgelineError(
                    ErrorCode.ENCOUNTER_CONFLICT,
                    "a subject of this id was removed; ids are not used again",
                    field="subject_id",
                )
            return self._keys.unwrap(row.wrapped_key, subject_id)
        key = new_key()
        connection.execute(
            subjects.insert().values(
                subject_id=subject_id, added=sequence, wrapped_key=self._keys.wrap(key, subject_id)
            )
        )
        return key

    def _erase(self, connection: sa.Connection, encounter_id: str, sequence: int) -> None:
        connection.execute(
            encounters.update()
            .where(encounters.c.encounter_id == encounter_id)
            .values(removed=sequence, payload=None, captured_on=None, sensor=None)
        )
        connection.execute(
            memberships.update()
            .where(memberships.c.encounter_id == encounter_id, memberships.c.until.is_(None))
            .values(until=sequence)
        )

    def _next(self, connection: sa.Connection) -> int:
        connection.execute(counter.update().values(value=counter.c.value + 1))
        return int(connection.execute(sa.select(counter.c.value)).scalar_one())

    def _record(
        self,
        connection: sa.Connection,
        sequence: int,
        operation: str,
        subject_id: str,
        encounter_id: str,
        digest: str = "",
    ) -> None:
        connection.execute(
            journal.insert().values(
                sequence=sequence,
                operation=operation,
                subject_id=subject_id,
                encounter_id=encounter_id,
                digest=digest,
                at=_now(),
            )
        )

    # Reading

    def sequence(self) -> int:
        """The newest committed sequence."""
        with self.database.reading() as connection:
            return int(connection.execute(sa.select(counter.c.value)).scalar_one())

    def _counts(self, at: int) -> Counts:
        """Size of the gallery as of a sequence."""
        statement = sa.select(
            sa.func.count(sa.distinct(memberships.c.subject_id)), sa.func.count()
        ).where(*_holding(at))
        with self.database.reading() as connection:
            subject_count, encounter_count = connection.execute(statement).one()
        return Counts(subject_count, encounter_count)

    def subjects_in(self, partitions: Collection[int], at: int) -> int:
        """Subjects with an encounter in one of the partitions, as of a sequence."""
        statement = (
            sa.select(sa.func.count(sa.distinct(memberships.c.subject_id)))
            .join(encounters, encounters.c.encounter_id == memberships.c.encounter_id)
            .where(*_holding(at), encounters.c.partition.in_(list(partitions)))
        )
        with self.database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def subjects_of(self, encounter_ids: Collection[str], at: int) -> dict[str, SubjectOf]:
        """Whose each encounter is, as of a sequence; encounters that are not there are left out."""
        owner: dict[str, str] = {}
        size: dict[str, int] = {}
        with self.database.reading() as connection:
            for ids in _batches(encounter_ids):
                statement = sa.select(memberships.c.encounter_id, memberships.c.subject_id).where(
                    *_holding(at), memberships.c.encounter_id.in_(ids)
                )
                owner |= {row.encounter_id: row.subject_id for row in connection.execute(statement)}
            for ids in _batches(set(owner.values())):
                counted = (
                    sa.select(memberships.c.subject_id, sa.func.count())
                    .where(*_holding(at), memberships.c.subject_id.in_(ids))
                    .group_by(memberships.c.subject_id)
                )
                size |= {row[0]: row[1] for row in connection.execute(counted)}
        return {e: SubjectOf(subject, size[subject]) for e, subject in owner.items()}

    def repeated_subjects(self, at: int) -> dict[str, int]:
        """Subjects with several encounters as of a sequence, and how many each has."""
        count = sa.func.count()
        statement = (
            sa.select(memberships.c.subject_id, count)
            .where(*_holding(at))
            .group_by(memberships.c.subject_id)
            .having(count > 1)
        )
        with self.database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def subject(self, subject_id: str, at: int) -> list[StoredEncounter]:
        """Encounters of a subject as of a sequence, oldest first.

        Raises:
            RidgelineError: SUBJECT_NOT_FOUND.
        """
        statement = (
            sa.select(*_SEALED, encounters.c.enrolled_at, *self._capture_columns())
            .join(memberships, memberships.c.encounter_id == encounters.c.encounter_id)
            .join(subjects, subjects.c.subject_id == encounters.c.sealed_for)
            .where(*_holding(at), memberships.c.subject_id == subject_id)
            .order_by(encounters.c.added)
        )
        with self.database.reading() as connection:
            known = connection.execute(
                sa.select(subjects.c.subject_id).where(
                    subjects.c.subject_id == subject_id,
                    subjects.c.added <= at,
                    sa.or_(subjects.c.removed.is_(None), subjects.c.removed > at),
                )
            ).first()
            rows = connection.execute(statement).all()
        if known is None:
            raise _no_subject()
        return [
            StoredEncounter(
                row.encounter_id,
                _utc(row.enrolled_at),
                template,
                Capture(row.captured_on, row.sensor or ""),
            )
            for row in rows
            if (template := self._open(row)) is not None
        ]

    def changes(
        self, partitions: Collection[int], *, after: int, upto: int
    ) -> Iterator[GalleryChange]:
        """Changes of partitions for a shard; see `workers.shard_gallery.GallerySource`.

        Raises:
            RidgelineError: SEQUENCE_UNAVAILABLE when an encounter that was visible at `upto`
                has been erased since, so that the state of `upto` cannot be told any more.
        """
        added = encounters.c.added
        removed = encounters.c.removed
        appeared = sa.and_(added > after, added <= upto, sa.or_(removed.is_(None), removed > upto))
        went = sa.and_(sa.literal(after > 0), removed > after, removed <= upto)
        order = sa.case((went, removed), else_=added)
        statement = (
            sa.select(*_SEALED, encounters.c.partition, added, removed)
            .join(subjects, subjects.c.subject_id == encounters.c.sealed_for)
            .where(encounters.c.partition.in_(list(partitions)), sa.or_(appeared, went))
            .order_by(order, encounters.c.encounter_id)
        )
        with self.database.reading() as connection:
            # Closed here however the reader leaves: PostgreSQL keeps a cursor open for it.
            streaming = connection.execution_options(yield_per=ROWS_AT_ONCE)
            with streaming.execute(statement) as rows:
                for row in rows:
                    yield self._change(row, upto)

    def _change(self, row: sa.Row[*tuple[Any, ...]], upto: int) -> GalleryChange:
        if row.removed is not None and row.removed <= upto:
            return GalleryChange(row.removed, row.partition, row.encounter_id, None)
        template = self._open(row)
        if template is None:
            raise RidgelineError(
                ErrorCode.SEQUENCE_UNAVAILABLE,
                f"the gallery as of sequence {upto} has been erased in part",
            )
        return GalleryChange(row.added, row.partition, row.encounter_id, template)

    def _open(self, row: sa.Row[*tuple[Any, ...]]) -> EncounterTemplate | None:
        """The template of an encounter row; None once it was erased."""
        if row.payload is None or row.wrapped_key is None:
            return None
        key = self._keys.unwrap(row.wrapped_key, row.sealed_for)
        template = decode(unseal(key, row.payload, row.encounter_id))
        return redescribe(template) if self.redescribed else template

    def _capture_columns(self) -> tuple[sa.ColumnElement[Any], ...]:
        """Of an encounter; null in a gallery whose schema is older than they are."""
        if self._facts.schema_version < CAPTURE_SCHEMA:
            return sa.null().label("captured_on"), sa.null().label("sensor")
        return encounters.c.captured_on, encounters.c.sensor

    def _subject_exists(self, connection: sa.Connection, subject_id: str) -> bool:
        statement = sa.select(subjects.c.subject_id).where(
            subjects.c.subject_id == subject_id, subjects.c.removed.is_(None)
        )
        return connection.execute(statement).first() is not None


_SEALED = (
    encounters.c.encounter_id,
    encounters.c.sealed_for,
    encounters.c.payload,
    subjects.c.wrapped_key,
)
"""What an encounter's template is opened from."""


def _holding(at: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Memberships that hold as of a sequence."""
    until = memberships.c.until
    return memberships.c.since <= at, sa.or_(until.is_(None), until > at)


def _batches(ids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(ids)
    for first in range(0, len(ordered), IDS_AT_ONCE):
        yield ordered[first : first + IDS_AT_ONCE]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _utc(moment: datetime.datetime) -> datetime.datetime:
    """SQLite forgets the zone, which is always UTC."""
    return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment


def _conflict(detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.ENCOUNTER_CONFLICT, detail, field="encounter_id")


def _no_subject() -> RidgelineError:
    return RidgelineError(ErrorCode.SUBJECT_NOT_FOUND, "", field="subject_id")
