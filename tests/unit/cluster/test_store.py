"""The store: conformance of every database it runs on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.store import Enrolled, Enrolment, FileKeyProvider, Store
from cluster.store.enrolling import Content, enroll
from cluster.store.schema import encounters, journal
from cluster.store.writing import writing
from tests.populations import encounter
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import encode


def enrol(store: Store, person: int, subject: str = "", encounter_id: str = "") -> Enrolled:
    [result] = store.enroll([Enrolment(encounter(person), subject, encounter_id)])
    assert isinstance(result, Enrolled)
    return result


def code_of(result: Enrolled | RidgelineError) -> ErrorCode:
    assert isinstance(result, RidgelineError)
    return result.code


def test_an_enrolment_is_there_from_its_sequence_on(store: Store) -> None:
    first = enrol(store, 0, "alice", "a-1")
    second = enrol(store, 1, "bob", "b-1")
    assert (first.sequence, second.sequence, store.sequence()) == (1, 2, 2)
    assert store.counts(0).encounters == 0
    assert store.counts(1).encounters == 1
    assert [e.encounter_id for e in store.subject("alice", 1)] == ["a-1"]
    with pytest.raises(RidgelineError, match="SUBJECT_NOT_FOUND"):
        store.subject("bob", 1)
    [stored] = store.subject("bob", 2)
    assert encode(stored.template) == encode(encounter(1))


def test_a_repeated_enrolment_changes_nothing(store: Store) -> None:
    first = enrol(store, 0, "alice", "a-1")
    again = enrol(store, 0, "alice", "a-1")
    assert (again.created, again.sequence, again.subject_id) == (False, first.sequence, "alice")
    assert store.sequence() == 1


def test_an_encounter_id_is_used_once(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    conflicts = [
        Enrolment(encounter(1), "alice", "a-1"),
        Enrolment(encounter(0), "bob", "a-1"),
    ]
    assert [code_of(r) for r in store.enroll(conflicts)] == [ErrorCode.ENCOUNTER_CONFLICT] * 2
    store.remove_encounter("a-1")
    [result] = store.enroll([Enrolment(encounter(0), "alice", "a-1")])
    assert code_of(result) is ErrorCode.ENCOUNTER_CONFLICT
    assert store.counts(store.sequence()).encounters == 0


def test_one_bad_enrolment_does_not_hinder_the_others(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    results = store.enroll(
        [
            Enrolment(encounter(1), "alice", "a-1"),
            Enrolment(encounter(2), "carol", "c-1"),
        ]
    )
    assert code_of(results[0]) is ErrorCode.ENCOUNTER_CONFLICT
    assert isinstance(results[1], Enrolled)
    assert store.sequence() == 2


def test_removal_keeps_history(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "a-2")
    removed = store.remove_encounter("a-1")
    assert removed.sequence == 3
    assert store.counts(2).encounters == 2
    assert store.counts(3).encounters == 1
    assert store.subjects_of(["a-1", "a-2"], 2)["a-1"].encounters == 2
    assert set(store.subjects_of(["a-1", "a-2"], 3)) == {"a-2"}
    with pytest.raises(RidgelineError, match="ENCOUNTER_NOT_FOUND"):
        store.remove_encounter("a-1")


def test_a_removed_subject_is_not_enrolled_again(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    enrol(store, 1, "alice", "a-2")
    assert store.remove_subject("alice").encounters == 2
    with pytest.raises(RidgelineError, match="SUBJECT_NOT_FOUND"):
        store.remove_subject("alice")
    [result] = store.enroll([Enrolment(encounter(2), "alice", "a-3")])
    assert code_of(result) is ErrorCode.ENCOUNTER_CONFLICT


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def enrol_and_fail() -> None:
        with writing(store.database, store.keys, store.partitions) as under_way:
            enrolment = Enrolment(encounter(0), "alice", "a-1")
            enroll(under_way, enrolment, Content.of(enrolment.template))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enrol_and_fail()
    assert store.sequence() == 0
    assert list(store.changes(range(8), after=0, upto=10)) == []


def test_a_refused_enrolment_uses_no_sequence_up(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    store.remove_subject("alice")
    [refused] = store.enroll([Enrolment(encounter(1), "alice", "a-2")])
    assert code_of(refused) is ErrorCode.ENCOUNTER_CONFLICT
    assert store.sequence() == 2


def test_one_encounter_enrolled_by_many_at_once_is_there_once(store: Store) -> None:
    results: list[Enrolled | RidgelineError] = []

    def work() -> None:
        results.extend(store.enroll([Enrolment(encounter(0), "alice", "a-1")]))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [r.created for r in results if isinstance(r, Enrolled)]
    assert sorted(made) == [False] * 5 + [True]
    assert store.sequence() == 1


def test_commit_order_is_sequence_order(store: Store) -> None:
    persons = 24

    def work(first: int) -> None:
        for person in range(first, persons, 4):
            enrol(store, person, f"s{person}", f"e{person}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.database.reading() as connection:
        sequences = connection.scalars(sa.select(journal.c.sequence)).all()
    assert sorted(sequences) == list(range(1, persons + 1))
    assert store.counts(persons).subjects == persons


def test_the_journal_holds_no_biometrics(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    with store.database.reading() as connection:
        row = connection.execute(sa.select(journal)).mappings().one()
    columns = {"sequence", "operation", "subject_id", "encounter_id", "digest", "at", "other_id"}
    assert set(row) == columns
    assert len(row["digest"]) == 64


def test_payloads_are_sealed(store: Store) -> None:
    enrol(store, 0, "alice", "a-1")
    with store.database.reading() as connection:
        payload = connection.execute(sa.select(encounters.c.payload)).scalar_one()
    assert encode(encounter(0))[:64] not in payload


def test_another_master_key_opens_nothing(store: Store, url: str, tmp_path: Path) -> None:
    enrol(store, 0, "alice", "a-1")
    stranger = Store.open(url, FileKeyProvider(tmp_path / "other.key"))
    with pytest.raises(RidgelineError, match="STORE_UNAVAILABLE"):
        stranger.subject("alice", 1)
    stranger.close()


def test_a_gallery_keeps_its_partitions(store: Store, url: str, keys: FileKeyProvider) -> None:
    again = Store.open(url, keys, partitions=99)
    assert again.partitions == 8
    again.close()


def test_changes_tell_what_a_shard_needs(store: Store) -> None:
    for person in range(4):
        enrol(store, person, f"s{person}", f"e{person}")
    store.remove_encounter("e1")
    every = range(store.partitions)
    now = list(store.changes(every, after=0, upto=5))
    assert [(c.sequence, c.encounter_id) for c in now] == [(1, "e0"), (3, "e2"), (4, "e3")]
    later = list(store.changes(every, after=4, upto=5))
    assert [(c.sequence, c.encounter_id, c.template) for c in later] == [(5, "e1", None)]
    enrol(store, 5, "s5", "e5")
    store.remove_encounter("e5")
    passing = list(store.changes(every, after=5, upto=7))
    assert [(c.sequence, c.encounter_id, c.template) for c in passing] == [(7, "e5", None)]
    by_partition = [c for p in every for c in store.changes([p], after=0, upto=5)]
    assert sorted(c.encounter_id for c in by_partition) == ["e0", "e2", "e3"]
    before = list(store.changes(every, after=0, upto=4))
    assert [c.encounter_id for c in before] == ["e0", "e1", "e2", "e3"]
    store.expunge_encounter("e1")
    with pytest.raises(RidgelineError, match="SEQUENCE_UNAVAILABLE"):
        list(store.changes(every, after=0, upto=4))


def test_key_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    FileKeyProvider(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"short")
    with pytest.raises(RidgelineError, match="key_file"):
        FileKeyProvider(path)
