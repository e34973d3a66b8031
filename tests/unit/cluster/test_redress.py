"""Corrections, moves, merges, removals and expungements, on every database."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa

from cluster.store import Correction, Enrolled, Enrolment, Store
from cluster.store.schema import encounters, journal, subjects
from tests.populations import encounter
from workers.biometrics.model import Capture
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import encode
from workers.shard_gallery import GalleryChange

TAKEN = Capture(datetime.date(2019, 3, 7), "Example LS-110")


def enrol(store: Store, person: int, subject: str, encounter_id: str) -> int:
    [result] = store.enroll([Enrolment(encounter(person), subject, encounter_id, TAKEN)])
    assert isinstance(result, Enrolled), result
    return result.sequence


def refused(act: Callable[[], object]) -> tuple[ErrorCode, str]:
    with pytest.raises(RidgelineError) as caught:
        act()
    return caught.value.code, caught.value.field


def holds(store: Store, subject: str, at: int) -> list[str]:
    """Encounters of a subject; a subject that is not there has none."""
    try:
        return [e.encounter_id for e in store.subject(subject, at)]
    except RidgelineError as error:
        if error.code is not ErrorCode.SUBJECT_NOT_FOUND:
            raise
        return []


def payloads(store: Store) -> set[str]:
    """Encounters whose templates are there."""
    with store.database.reading() as connection:
        statement = sa.select(encounters.c.encounter_id).where(encounters.c.payload.is_not(None))
        return set(connection.scalars(statement))


def last_entry(store: Store) -> tuple[str, str, str, str]:
    with store.database.reading() as connection:
        row = connection.execute(sa.select(journal).order_by(journal.c.sequence.desc())).first()
    assert row is not None
    assert row.sequence == store.sequence()
    return row.operation, row.subject_id, row.encounter_id, row.other_id


def told(store: Store, *, after: int, upto: int) -> list[GalleryChange]:
    return list(store.changes(range(store.partitions), after=after, upto=upto))


def test_a_correction_takes_the_place_of_what_was_wrong(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "bob", "b-1")
    done = store.correct(Correction("a-1", encounter(2), "a-2"))
    assert (done.subject_id, done.encounter_id, done.sequence) == ("alice", "a-2", 3)
    assert last_entry(store) == ("correct", "alice", "a-2", "a-1")
    assert holds(store, "alice", 2) == ["a-1"]
    [right] = store.subject("alice", 3)
    assert (right.encounter_id, encode(right.template)) == ("a-2", encode(encounter(2)))
    assert right.capture == TAKEN
    assert store.counts(2) == store.counts(3)
    gone, come = told(store, after=2, upto=3)
    assert (gone.sequence, gone.encounter_id, gone.template) == (3, "a-1", None)
    assert (come.sequence, come.encounter_id) == (3, "a-2")
    # Read from the start, at either side of it, there is one and never both.
    assert {c.encounter_id for c in told(store, after=0, upto=2)} == {"a-1", "b-1"}
    assert {c.encounter_id for c in told(store, after=0, upto=3)} == {"a-2", "b-1"}


def test_a_correction_of_the_capture_keeps_the_prints(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    other = Capture(datetime.date(2020, 1, 1))
    done = store.correct(Correction("a-1", capture=other))
    [right] = store.subject("alice", 2)
    assert right.encounter_id == done.encounter_id != "a-1"
    assert encode(right.template) == encode(encounter(0))
    assert right.capture == Capture(other.day, TAKEN.sensor)


def test_only_what_is_there_is_corrected_and_under_a_new_id(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "bob", "b-1")
    conflict = (ErrorCode.ENCOUNTER_CONFLICT, "new_encounter_id")
    for used in ("a-1", "b-1"):
        assert refused(partial(store.correct, Correction("a-1", None, used))) == conflict
    missing = (ErrorCode.ENCOUNTER_NOT_FOUND, "encounter_id")
    assert refused(lambda: store.correct(Correction("none"))) == missing
    store.correct(Correction("a-1", None, "a-2"))
    assert refused(lambda: store.correct(Correction("a-1"))) == missing
    assert store.sequence() == 3


def test_a_move_is_seen_from_its_sequence_on(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "x")
    enrol(store, 2, "bob", "b-1")
    moved = store.move_encounter("x", "bob")
    assert (moved.sequence, moved.subject_id, moved.encounters) == (4, "bob", 1)
    assert last_entry(store) == ("move_encounter", "alice", "x", "bob")
    assert (holds(store, "alice", 3), holds(store, "bob", 3)) == (["a-1", "x"], ["b-1"])
    assert (holds(store, "alice", 4), holds(store, "bob", 4)) == (["a-1"], ["x", "b-1"])
    assert store.subjects_of(["x"], 3)["x"].subject_id == "alice"
    assert store.subjects_of(["x"], 4)["x"].subject_id == "bob"
    # Partitions are of encounters: shards have nothing to do.
    assert told(store, after=3, upto=4) == []
    assert store.counts(3) == store.counts(4)
    back = store.move_encounter("x", "alice")
    assert [holds(store, "alice", at) for at in (3, 4, back.sequence)] == [
        ["a-1", "x"],
        ["a-1"],
        ["a-1", "x"],
    ]


def test_a_move_may_make_its_subject(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "a-2")
    assert store.move_encounter("a-2", "carol").subject_id == "carol"
    assert holds(store, "carol", 3) == ["a-2"]
    moved = store.move_encounter("a-1")
    assert holds(store, moved.subject_id, 4) == ["a-1"]
    # The subject that is left has no encounters, and may get some again.
    assert store.subject("alice", 4) == []
    enrol(store, 2, "alice", "a-3")


def test_a_move_goes_somewhere_else_and_to_somebody_there(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "bob", "b-1")
    store.remove_subject("bob")
    same = (ErrorCode.INVALID_FIELD, "subject_id")
    assert refused(lambda: store.move_encounter("a-1", "alice")) == same
    gone = (ErrorCode.ENCOUNTER_CONFLICT, "subject_id")
    assert refused(lambda: store.move_encounter("a-1", "bob")) == gone
    for encounter_id in ("b-1", "none"):
        missing = (ErrorCode.ENCOUNTER_NOT_FOUND, "encounter_id")
        assert refused(partial(store.move_encounter, encounter_id, "alice")) == missing
    assert store.sequence() == 3


@pytest.mark.parametrize("expunged", ["alice", "bob"])
def test_expunging_either_subject_of_a_move_erases_its_own(store: Store, expunged: str) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "wrong")
    store.correct(Correction("wrong", encounter(3), "right"))
    enrol(store, 2, "bob", "b-1")
    store.move_encounter("right", "bob")
    assert payloads(store) == {"a-1", "wrong", "right", "b-1"}
    store.expunge_subject(expunged)
    # What was corrected is of the same person, wherever the encounter went.
    assert payloads(store) == ({"wrong", "right", "b-1"} if expunged == "alice" else {"a-1"})
    at = store.sequence()
    left = "bob" if expunged == "alice" else "alice"
    assert holds(store, left, at) == (["right", "b-1"] if left == "bob" else ["a-1"])


def test_a_merge_leaves_one_subject(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "a-2")
    enrol(store, 2, "alice", "a-3")
    store.remove_encounter("a-3")
    enrol(store, 3, "bob", "b-1")
    merged = store.merge_subjects("alice", "bob")
    assert (merged.sequence, merged.subject_id, merged.encounters) == (6, "bob", 2)
    assert last_entry(store) == ("merge_subjects", "alice", "", "bob")
    assert holds(store, "alice", 5) == ["a-1", "a-2"]
    assert holds(store, "bob", 5) == ["b-1"]
    assert holds(store, "alice", 6) == []
    assert holds(store, "bob", 6) == ["a-1", "a-2", "b-1"]
    assert (store.counts(5).subjects, store.counts(6).subjects) == (2, 1)
    assert store.repeated_subjects(6) == {"bob": 3}
    assert told(store, after=5, upto=6) == []
    with store.database.reading() as connection:
        row = connection.execute(sa.select(subjects).where(subjects.c.subject_id == "alice")).one()
    assert (row.removed, row.merged_into, row.wrapped_key) == (6, "bob", None)
    # Also what was removed of her opens with his key only.
    assert store.expunge_encounter("a-3").encounters == 1
    assert store.expunge_subject("bob").encounters == 3
    assert payloads(store) == set()


def test_a_merged_subject_is_no_more(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "bob", "b-1")
    itself = (ErrorCode.INVALID_FIELD, "subject_id")
    assert refused(lambda: store.merge_subjects("alice", "alice")) == itself
    nobody = (ErrorCode.SUBJECT_NOT_FOUND, "into_subject_id")
    assert refused(lambda: store.merge_subjects("alice", "none")) == nobody
    store.merge_subjects("alice", "bob")
    gone = (ErrorCode.SUBJECT_NOT_FOUND, "subject_id")
    assert refused(lambda: store.merge_subjects("alice", "bob")) == gone
    assert refused(lambda: store.remove_subject("alice")) == gone
    assert refused(lambda: store.expunge_subject("alice")) == gone
    [result] = store.enroll([Enrolment(encounter(2), "alice", "a-2")])
    assert isinstance(result, RidgelineError)
    assert "merged into another" in result.detail
    assert store.sequence() == 3


def test_removal_hides_and_expunging_erases(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "a-2")
    store.remove_encounter("a-1")
    assert payloads(store) == {"a-1", "a-2"}
    [shown] = [e for e in store.subject("alice", 2) if e.encounter_id == "a-1"]
    assert encode(shown.template) == encode(encounter(0))
    done = store.expunge_encounter("a-1")
    assert (done.sequence, done.encounters) == (4, 1)
    assert last_entry(store) == ("expunge_encounter", "alice", "a-1", "")
    assert payloads(store) == {"a-2"}
    assert [e.encounter_id for e in store.subject("alice", 2)] == ["a-2"]
    missing = (ErrorCode.ENCOUNTER_NOT_FOUND, "encounter_id")
    assert refused(lambda: store.expunge_encounter("a-1")) == missing
    assert store.counts(2).encounters == 2, "that it was there is not forgotten"


def test_expunging_an_encounter_erases_what_it_corrected(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    store.correct(Correction("a-1", encounter(1), "a-2"))
    store.correct(Correction("a-2", encounter(2), "a-3"))
    enrol(store, 3, "alice", "other")
    store.expunge_encounter("a-2")
    assert payloads(store) == {"a-3", "other"}
    assert holds(store, "alice", 5) == ["a-3", "other"]
    done = store.expunge_encounter("a-3")
    assert (done.encounters, holds(store, "alice", done.sequence)) == (1, ["other"])


@pytest.mark.parametrize("removed_before", [False, True])
def test_expunging_a_subject_destroys_its_key(store: Store, removed_before: bool) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "a-2")
    store.remove_encounter("a-2")
    if removed_before:
        store.remove_subject("alice")
    done = store.expunge_subject("alice")
    assert done.encounters == 2
    assert last_entry(store) == ("expunge_subject", "alice", "", "")
    with store.database.reading() as connection:
        row = connection.execute(sa.select(subjects)).one()
    assert (row.wrapped_key, row.expunged) == (None, done.sequence)
    assert row.removed == (4 if removed_before else done.sequence)
    assert payloads(store) == set()
    gone = (ErrorCode.SUBJECT_NOT_FOUND, "subject_id")
    assert refused(lambda: store.expunge_subject("alice")) == gone
    [again] = store.enroll([Enrolment(encounter(0), "alice", "a-3")])
    assert isinstance(again, RidgelineError)
