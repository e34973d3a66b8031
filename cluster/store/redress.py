"""What turns out to be wrong: whose an encounter is, who is whom, who should not be there.

A template is sealed for the subject that it is believed to be of. Wherever it goes, what it
corrected goes with it, so that expunging a subject erases all its prints and nobody else's.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection

import sqlalchemy as sa

from cluster.store.enrolling import begin_membership, end_membership, hide
from cluster.store.keys import seal, unseal
from cluster.store.records import Moved, Removed
from cluster.store.schema import Operation, encounters, memberships, subjects
from cluster.store.writing import Writing, no_encounter, no_subject
from workers.errors import ErrorCode, RidgelineError


def move_encounter(writing: Writing, encounter_id: str, subject_id: str) -> Moved:
    """Moves an encounter to another subject, which is made if it is new.

    Raises:
        RidgelineError: ENCOUNTER_NOT_FOUND; ENCOUNTER_CONFLICT where the subject was removed;
            INVALID_FIELD where it is its subject already.
    """
    subject_id = subject_id or uuid.uuid4().hex
    before = writing.owner(encounter_id)
    if before == subject_id:
        raise _same("the encounter is of this subject already")
    key = writing.subject_key(subject_id)
    sequence = writing.record(Operation.MOVE_ENCOUNTER, before, encounter_id, other_id=subject_id)
    key = key or writing.new_subject(subject_id, sequence)
    _reseal(writing, _lineage(writing, encounter_id), before, subject_id, key)
    end_membership(writing, encounter_id, sequence)
    begin_membership(writing, encounter_id, subject_id, sequence)
    return Moved(sequence, subject_id, 1)


def merge_subjects(writing: Writing, subject_id: str, into: str) -> Moved:
    """Gives all encounters of a subject to another one; the first is no more, its key neither.

    Raises:
        RidgelineError: SUBJECT_NOT_FOUND; INVALID_FIELD for a subject and itself.
    """
    if subject_id == into:
        raise _same("a subject cannot be merged into itself")
    writing.require_subject(subject_id)
    writing.require_subject(into, "into_subject_id")
    key = writing.existing_key(into)
    moving = _current(writing, subject_id)
    sequence = writing.record(Operation.MERGE_SUBJECTS, subject_id, other_id=into)
    _reseal(writing, _sealed_for(writing, subject_id), subject_id, into, key)
    for encounter_id in moving:
        end_membership(writing, encounter_id, sequence)
        begin_membership(writing, encounter_id, into, sequence)
    _change_subject(writing, subject_id, removed=sequence, merged_into=into, wrapped_key=None)
    return Moved(sequence, into, len(moving))


def remove_encounter(writing: Writing, encounter_id: str) -> Removed:
    """Takes an encounter out of the gallery; its template stays, sealed, until it is expunged.

    Raises:
        RidgelineError: ENCOUNTER_NOT_FOUND.
    """
    subject_id = writing.owner(encounter_id)
    sequence = writing.record(Operation.REMOVE_ENCOUNTER, subject_id, encounter_id)
    hide(writing, encounter_id, sequence)
    return Removed(sequence, 1)


def remove_subject(writing: Writing, subject_id: str) -> Removed:
    """Takes a subject out of the gallery with all its encounters.

    Raises:
        RidgelineError: SUBJECT_NOT_FOUND.
    """
    writing.require_subject(subject_id)
    leaving = _current(writing, subject_id)
    sequence = writing.record(Operation.REMOVE_SUBJECT, subject_id)
    for encounter_id in leaving:
        hide(writing, encounter_id, sequence)
    _change_subject(writing, subject_id, removed=sequence)
    return Removed(sequence, len(leaving))


def expunge_encounter(writing: Writing, encounter_id: str) -> Removed:
    """Erases the template of an encounter, in the gallery or removed, and what it corrected.

    Raises:
        RidgelineError: ENCOUNTER_NOT_FOUND, also where it was expunged.
    """
    row = writing.connection.execute(
        sa.select(encounters.c.sealed_for, encounters.c.removed).where(
            encounters.c.encounter_id == encounter_id, encounters.c.expunged.is_(None)
        )
    ).first()
    if row is None:
        raise no_encounter()
    erased = _lineage(writing, encounter_id)
    sequence = writing.record(Operation.EXPUNGE_ENCOUNTER, row.sealed_for, encounter_id)
    if row.removed is None:
        hide(writing, encounter_id, sequence)
    _erase(writing, erased, sequence)
    return Removed(sequence, len(erased))


def expunge_subject(writing: Writing, subject_id: str) -> Removed:
    """Destroys the key of a subject, in the gallery or removed, and erases all sealed under it.

    Raises:
        RidgelineError: SUBJECT_NOT_FOUND, also where it was expunged or merged into another.
    """
    row = writing.connection.execute(
        sa.select(subjects.c.removed).where(
            subjects.c.subject_id == subject_id, subjects.c.wrapped_key.is_not(None)
        )
    ).first()
    if row is None:
        raise no_subject()
    leaving, erased = _current(writing, subject_id), _sealed_for(writing, subject_id)
    sequence = writing.record(Operation.EXPUNGE_SUBJECT, subject_id)
    for encounter_id in leaving:
        hide(writing, encounter_id, sequence)
    _erase(writing, erased, sequence)
    _change_subject(
        writing,
        subject_id,
        removed=sequence if row.removed is None else row.removed,
        expunged=sequence,
        wrapped_key=None,
    )
    return Removed(sequence, len(erased))


def _current(writing: Writing, subject_id: str) -> list[str]:
    """Encounters of a subject that are in the gallery."""
    statement = sa.select(memberships.c.encounter_id).where(
        memberships.c.subject_id == subject_id, memberships.c.until.is_(None)
    )
    return list(writing.connection.scalars(statement))


def _sealed_for(writing: Writing, subject_id: str) -> list[str]:
    """Encounters, in the gallery or not, whose templates a subject's key opens."""
    statement = sa.select(encounters.c.encounter_id).where(
        encounters.c.sealed_for == subject_id, encounters.c.expunged.is_(None)
    )
    return list(writing.connection.scalars(statement))


def _lineage(writing: Writing, encounter_id: str) -> list[str]:
    """An encounter and what it corrected, newest first, as far as their templates are there."""
    found: list[str] = []
    older: str | None = encounter_id
    while older is not None:
        row = writing.connection.execute(
            sa.select(encounters.c.supersedes, encounters.c.expunged).where(
                encounters.c.encounter_id == older
            )
        ).one()
        if row.expunged is None:
            found.append(older)
        older = row.supersedes
    return found


def _reseal(
    writing: Writing, encounter_ids: Collection[str], before: str, subject_id: str, key: bytes
) -> None:
    """Seals templates of one subject under the key of another."""
    opening = writing.existing_key(before)
    for encounter_id in encounter_ids:
        this = encounters.c.encounter_id == encounter_id
        payload = writing.connection.execute(sa.select(encounters.c.payload).where(this))
        content = unseal(opening, payload.scalar_one(), encounter_id)
        writing.connection.execute(
            encounters.update()
            .where(this)
            .values(sealed_for=subject_id, payload=seal(key, content, encounter_id))
        )


def _erase(writing: Writing, encounter_ids: Collection[str], sequence: int) -> None:
    for encounter_id in encounter_ids:
        writing.connection.execute(
            encounters.update()
            .where(encounters.c.encounter_id == encounter_id)
            .values(expunged=sequence, payload=None, captured_on=None, sensor=None)
        )


def _change_subject(writing: Writing, subject_id: str, **values: str | int | None) -> None:
    writing.connection.execute(
        subjects.update().where(subjects.c.subject_id == subject_id).values(**values)
    )


def _same(detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field="subject_id")
