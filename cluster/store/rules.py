"""What the rows of each table have to say for a gallery to be whole; see `cluster.store.check`.

Each table is read once, each row with those that it depends on: by primary key, so that a row costs
the same in a gallery of any size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import sqlalchemy as sa

from cluster.partitions import partition_of
from cluster.store.enrolling import digest_of
from cluster.store.keys import KeyProvider, unseal
from cluster.store.reading import Row
from cluster.store.schema import Operation, encounters, journal, memberships, subjects
from workers.errors import RidgelineError
from workers.matching.codec import decode

Problems = Iterator[tuple[str, str]]
"""Ids and what is wrong with them."""

_came, _left, _erased = (journal.alias(name) for name in ("came", "left_at", "erased"))
_REMOVALS = {
    Operation.REMOVE_ENCOUNTER,
    Operation.REMOVE_SUBJECT,
    Operation.EXPUNGE_ENCOUNTER,
    Operation.EXPUNGE_SUBJECT,
}


JOURNAL = (
    sa.select(
        journal,
        encounters.c.added,
        encounters.c.removed,
        encounters.c.expunged,
        encounters.c.digest.label("row_digest"),
        encounters.c.supersedes,
        subjects.c.removed.label("subject_removed"),
        subjects.c.expunged.label("subject_expunged"),
        subjects.c.merged_into,
        memberships.c.subject_id.label("moved_to"),
    )
    .outerjoin(encounters, encounters.c.encounter_id == journal.c.encounter_id)
    .outerjoin(subjects, subjects.c.subject_id == journal.c.subject_id)
    .outerjoin(
        memberships,
        sa.and_(
            memberships.c.encounter_id == journal.c.encounter_id,
            memberships.c.since == journal.c.sequence,
        ),
    )
    .order_by(journal.c.sequence)
)


def check_journal(rows: Iterable[Row], newest: int, gaps_until: int) -> Problems:
    """That no entry is missing, and that each was carried out."""
    last = 0
    for row in rows:
        # Long gaps are one finding: their ends say it all.
        if row.sequence != last + 1 and row.sequence - 1 > gaps_until:
            yield str(max(last, gaps_until) + 1), f"entries are missing before {row.sequence}"
        last = row.sequence
        if row.operation not in set(Operation):
            yield str(row.sequence), "an unknown operation"
        elif not _done(row):
            yield str(row.sequence), f"rows do not show it: {_named(row)}"
    if last != newest and newest > gaps_until:
        yield str(last + 1), f"entries are missing up to {newest}"


def _named(entry: Row) -> str:
    what = f"encounter {entry.encounter_id}" if entry.encounter_id else ""
    return f"{entry.operation} {what or f'subject {entry.subject_id}'}"


def _done(row: Row) -> bool:
    at = row.sequence
    came = (row.added, row.row_digest, row.supersedes or "") == (at, row.digest, row.other_id)
    shown = {
        Operation.ENROLL: came,
        Operation.CORRECT: came,
        Operation.MOVE_ENCOUNTER: row.moved_to == row.other_id,
        Operation.MERGE_SUBJECTS: (row.subject_removed, row.merged_into) == (at, row.other_id),
        Operation.REMOVE_ENCOUNTER: row.removed == at,
        Operation.REMOVE_SUBJECT: row.subject_removed == at,
        Operation.EXPUNGE_ENCOUNTER: row.expunged == at,
        Operation.EXPUNGE_SUBJECT: row.subject_expunged == at,
    }
    return bool(shown[Operation(row.operation)])


SUBJECTS = (
    sa.select(
        subjects,
        sa.or_(
            _came.c.subject_id == subjects.c.subject_id, _came.c.other_id == subjects.c.subject_id
        ).label("came"),
        _left.c.operation.label("left_by"),
        _left.c.subject_id.label("left_subject"),
        _erased.c.operation.label("erased_by"),
        _erased.c.subject_id.label("erased_subject"),
    )
    .outerjoin(_came, _came.c.sequence == subjects.c.added)
    .outerjoin(_left, _left.c.sequence == subjects.c.removed)
    .outerjoin(_erased, _erased.c.sequence == subjects.c.expunged)
    .order_by(subjects.c.subject_id)
)


def check_subjects(rows: Iterable[Row], keys: KeyProvider) -> Problems:
    """That each came and left as the journal says, and that its key opens or is destroyed."""
    for row in rows:
        for problem in _subject(keys, row):
            yield row.subject_id, problem


def _subject(keys: KeyProvider, row: Row) -> Iterator[str]:
    if not row.came:
        yield "the journal does not say that it came"
    ended = Operation.MERGE_SUBJECTS if row.merged_into else None
    allowed = {ended} if ended else {Operation.REMOVE_SUBJECT, Operation.EXPUNGE_SUBJECT}
    if row.removed is None and (row.expunged is not None or ended):
        yield "it was expunged or merged and yet is there"
    if row.removed is not None and (
        row.left_subject != row.subject_id or row.left_by not in allowed
    ):
        yield "the journal does not say that it left"
    if row.expunged is not None and (
        row.erased_subject != row.subject_id or row.erased_by != Operation.EXPUNGE_SUBJECT
    ):
        yield "the journal does not say that it was expunged"
    if row.expunged is not None or ended:
        if row.wrapped_key is not None:
            yield "its key was not destroyed"
    elif row.wrapped_key is None:
        yield "its key is missing"
    else:
        try:
            keys.unwrap(row.wrapped_key, row.subject_id)
        except RidgelineError:
            yield "its key cannot be unwrapped"


ENCOUNTERS = (
    sa.select(
        encounters,
        subjects.c.wrapped_key,
        _came.c.operation.label("came_by"),
        _came.c.encounter_id.label("came_encounter"),
        _came.c.digest.label("came_digest"),
        _left.c.operation.label("left_by"),
        _left.c.encounter_id.label("left_encounter"),
        _left.c.other_id.label("left_other"),
        _erased.c.operation.label("erased_by"),
        _erased.c.encounter_id.label("erased_encounter"),
        _erased.c.subject_id.label("erased_subject"),
        sa.exists()
        .where(memberships.c.encounter_id == encounters.c.encounter_id)
        .label("has_subject"),
    )
    .outerjoin(subjects, subjects.c.subject_id == encounters.c.sealed_for)
    .outerjoin(_came, _came.c.sequence == encounters.c.added)
    .outerjoin(_left, _left.c.sequence == encounters.c.removed)
    .outerjoin(_erased, _erased.c.sequence == encounters.c.expunged)
    .order_by(encounters.c.encounter_id)
)


def check_encounters(rows: Iterable[Row], keys: KeyProvider, partitions: int) -> Problems:
    """That each came and left as the journal says, with the template that it says."""
    for row in rows:
        for problem in _encounter(keys, partitions, row):
            yield row.encounter_id, problem


def _encounter(keys: KeyProvider, partitions: int, row: Row) -> Iterator[str]:
    if row.came_by not in {Operation.ENROLL, Operation.CORRECT} or (
        row.came_encounter != row.encounter_id
    ):
        yield "the journal does not say that it came"
    elif row.came_digest != row.digest:
        yield "its digest is not the journal's"
    if row.partition != partition_of(row.encounter_id, partitions):
        yield "it is in another partition than its id"
    if not row.has_subject:
        yield "it is nobody's"
    if row.removed is not None and not _left_by_journal(row):
        yield "the journal does not say that it left"
    if row.expunged is None:
        yield from _template(keys, row)
        return
    if row.removed is None:
        yield "it was expunged and yet is there"
    if not _erased_by_journal(row):
        yield "the journal does not say that it was expunged"
    if row.payload is not None:
        yield "its template was not erased"


def _left_by_journal(row: Row) -> bool:
    if row.left_by == Operation.CORRECT:
        return bool(row.left_other == row.encounter_id)
    return row.left_by in _REMOVALS and row.left_encounter in {"", row.encounter_id}


def _erased_by_journal(row: Row) -> bool:
    if row.erased_by == Operation.EXPUNGE_SUBJECT:
        return bool(row.erased_subject == row.sealed_for)
    # What an encounter corrected is expunged with it.
    own = row.erased_encounter == row.encounter_id or row.left_by == Operation.CORRECT
    return bool(row.erased_by == Operation.EXPUNGE_ENCOUNTER and own)


def _template(keys: KeyProvider, row: Row) -> Iterator[str]:
    if row.payload is None:
        yield "its template is missing"
    elif row.wrapped_key is None:
        yield "the key of its template is missing"
    else:
        try:
            key = keys.unwrap(row.wrapped_key, row.sealed_for)
            content = unseal(key, row.payload, row.encounter_id)
        except RidgelineError:
            yield "its template cannot be opened"
            return
        if digest_of(content) != row.digest:
            yield "its template is not the one of its digest"
            return
        try:
            decode(content)
        except RidgelineError as error:
            yield f"its template is malformed: {error.detail}"


MEMBERSHIPS = (
    sa.select(
        memberships,
        encounters.c.added,
        encounters.c.removed,
        subjects.c.subject_id.label("subject_there"),
        _came.c.operation.label("came_by"),
        _came.c.subject_id.label("came_subject"),
        _came.c.encounter_id.label("came_encounter"),
        _came.c.other_id.label("came_other"),
        _left.c.operation.label("left_by"),
        _left.c.subject_id.label("left_subject"),
        _left.c.encounter_id.label("left_encounter"),
        _left.c.other_id.label("left_other"),
    )
    .outerjoin(encounters, encounters.c.encounter_id == memberships.c.encounter_id)
    .outerjoin(subjects, subjects.c.subject_id == memberships.c.subject_id)
    .outerjoin(_came, _came.c.sequence == memberships.c.since)
    .outerjoin(_left, _left.c.sequence == memberships.c.until)
    .order_by(memberships.c.encounter_id, memberships.c.since)
)


def check_memberships(rows: Iterable[Row]) -> Problems:
    """That each encounter is somebody's from its coming to its leaving, as the journal says."""
    for encounter_id, grouped in groupby(rows, key=lambda row: row.encounter_id):
        theirs = list(grouped)
        first, last = theirs[0], theirs[-1]
        if first.added is None:
            yield encounter_id, "there is no such encounter"
            continue
        ends = [first.added, *(row.until for row in theirs)]
        begins = [*(row.since for row in theirs), last.removed]
        if ends != begins:
            yield encounter_id, "it is not one subject's after the other, from its coming on"
        for row in theirs:
            if row.subject_there is None:
                yield encounter_id, "it is of a subject that is missing"
            if not _begun_by_journal(row):
                yield encounter_id, f"the journal does not say whose it is from {row.since} on"
            if row.until is not None and not _ended_by_journal(row):
                yield encounter_id, f"the journal does not say whose it is until {row.until}"


def _begun_by_journal(row: Row) -> bool:
    if row.came_by in {Operation.ENROLL, Operation.CORRECT}:
        return (row.came_encounter, row.came_subject) == (row.encounter_id, row.subject_id)
    moved = row.came_by == Operation.MOVE_ENCOUNTER and row.came_encounter == row.encounter_id
    merged = row.came_by == Operation.MERGE_SUBJECTS
    return bool((moved or merged) and row.came_other == row.subject_id)


def _ended_by_journal(row: Row) -> bool:
    if row.left_by == Operation.CORRECT:
        return bool(row.left_other == row.encounter_id)
    known = row.left_by in _REMOVALS | {Operation.MOVE_ENCOUNTER, Operation.MERGE_SUBJECTS}
    return bool(
        known
        and row.left_encounter in {"", row.encounter_id}
        and row.left_subject == row.subject_id
    )
