"""Questions to the gallery, each answered exactly as of a sequence."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cluster.store.database import Database
from cluster.store.keys import KeyProvider, unseal
from cluster.store.opening import read_facts
from cluster.store.records import Counts, StoredEncounter, SubjectOf
from cluster.store.schema import CAPTURE_SCHEMA, counter, encounters, memberships, subjects
from cluster.store.writing import no_subject
from workers.biometrics.model import Capture
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import decode
from workers.matching.descriptor import redescribe
from workers.matching.parameters import descriptor_hash
from workers.matching.template import EncounterTemplate
from workers.shard_gallery import GalleryChange

Row = sa.Row[*tuple[Any, ...]]

Track = Callable[[Iterable[Any], str, int], Iterable[Any]]
"""Passes items through and shows how far it is, given what they are and about how many."""

IDS_AT_ONCE = 500
"""Ids in one IN list; SQLite allows 32,766 parameters, older ones 999."""

ROWS_AT_ONCE = 256
"""Rows fetched at a time when a shard loads."""


class GalleryReader:
    """An opened gallery; thread-safe. Closes the database where it cannot be used."""

    def __init__(self, database: Database, keys: KeyProvider) -> None:
        self.database = database
        self.keys = keys
        try:
            self.facts = read_facts(database)
        except RidgelineError:
            database.close()
            raise
        self.partitions = self.facts.partitions
        # Committed history never changes, so neither does what was counted at a sequence.
        self.counts = lru_cache(maxsize=64)(self._counts)

    @property
    def redescribed(self) -> bool:
        """Whether templates come with descriptors other than the stored ones."""
        return self.facts.descriptor_hash != descriptor_hash()

    def close(self) -> None:
        """Closes connections."""
        self.database.close()

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
            for ids in batches(encounter_ids):
                statement = sa.select(memberships.c.encounter_id, memberships.c.subject_id).where(
                    *_holding(at), memberships.c.encounter_id.in_(ids)
                )
                owner |= {row.encounter_id: row.subject_id for row in connection.execute(statement)}
            for ids in batches(set(owner.values())):
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
            raise no_subject()
        return [
            StoredEncounter(
                row.encounter_id,
                utc(row.enrolled_at),
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
                has been expunged since, so that the state of `upto` cannot be told any more.
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

    def _change(self, row: Row, upto: int) -> GalleryChange:
        if row.removed is not None and row.removed <= upto:
            return GalleryChange(row.removed, row.partition, row.encounter_id, None)
        template = self._open(row)
        if template is None:
            raise RidgelineError(
                ErrorCode.SEQUENCE_UNAVAILABLE,
                f"the gallery as of sequence {upto} has been expunged in part",
            )
        return GalleryChange(row.added, row.partition, row.encounter_id, template)

    def _open(self, row: Row) -> EncounterTemplate | None:
        """The template of an encounter row; None once it was expunged."""
        if row.payload is None or row.wrapped_key is None:
            return None
        key = self.keys.unwrap(row.wrapped_key, row.sealed_for)
        template = decode(unseal(key, row.payload, row.encounter_id))
        return redescribe(template) if self.redescribed else template

    def _capture_columns(self) -> tuple[sa.ColumnElement[Any], ...]:
        """Of an encounter; null in a gallery whose schema is older than they are."""
        if self.facts.schema_version < CAPTURE_SCHEMA:
            return sa.null().label("captured_on"), sa.null().label("sensor")
        return encounters.c.captured_on, encounters.c.sensor


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


def untracked(items: Iterable[Any], _what: str, _total: int) -> Iterable[Any]:
    """A `Track` that shows nothing."""
    return items


def batches(ids: Collection[str]) -> Iterator[list[str]]:
    """Ids, sorted, as many at a time as one query takes."""
    ordered = sorted(ids)
    for first in range(0, len(ordered), IDS_AT_ONCE):
        yield ordered[first : first + IDS_AT_ONCE]


def utc(moment: datetime.datetime) -> datetime.datetime:
    """A moment of the store; SQLite forgets the zone, PostgreSQL shows the session's."""
    zoned = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment
    return zoned.astimezone(datetime.UTC)
