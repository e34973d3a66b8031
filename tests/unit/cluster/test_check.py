"""`check` finds damage of every kind, and none where there is none, on every database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cluster.store import Correction, Enrolment, FileKeyProvider, Store
from cluster.store.check import FINDINGS_MAX, check
from cluster.store.keys import seal
from cluster.store.schema import counter, encounters, journal, memberships, subjects
from tests.populations import encounter
from tests.unit.cluster.older import VERSIONS, key_of_older, place
from workers.errors import RidgelineError
from workers.matching.codec import encode


@pytest.fixture
def gallery(store: Store) -> Store:
    """One of everything.

    1-6 enrol a1, a2 of alice, b1, b2 of bob, c1 of carol, d1 of dan; 7 b1 is corrected to b3;
    8 a2 moves to carol; 9 dan is merged into carol; 10 b2 is removed; 11 a1 is expunged; 12 b3
    moves to erin; 13 erin is expunged, with b1; 14 bob is removed; 15 f1 of fay.
    """
    people = {"a1": "alice", "a2": "alice", "b1": "bob", "b2": "bob", "c1": "carol", "d1": "dan"}
    store.enroll([Enrolment(encounter(i), s, e) for i, (e, s) in enumerate(people.items())])
    store.correct(Correction("b1", encounter(7), "b3"))
    store.move_encounter("a2", "carol")
    store.merge_subjects("dan", "carol")
    store.remove_encounter("b2")
    store.expunge_encounter("a1")
    store.move_encounter("b3", "erin")
    store.expunge_subject("erin")
    store.remove_subject("bob")
    store.enroll([Enrolment(encounter(8), "fay", "f1")])
    return store


def findings(store: Store) -> set[tuple[str, str]]:
    report = check(store)
    assert report.damaged == len(report.findings)
    return {(finding.table, finding.id) for finding in report.findings}


def change(store: Store, table: sa.Table, row: str | int, **values: Any) -> None:
    [key, *_] = table.primary_key.columns
    with store.database.transaction() as connection:
        done = connection.execute(table.update().where(key == row).values(**values))
        assert done.rowcount >= 1


def delete(store: Store, table: sa.Table, row: str | int) -> None:
    [key, *_] = table.primary_key.columns
    with store.database.transaction() as connection:
        assert connection.execute(table.delete().where(key == row)).rowcount >= 1


def test_a_whole_gallery_has_no_findings(gallery: Store) -> None:
    report = check(gallery)
    assert (report.findings, report.damaged, report.sequence) == ([], 0, 15)
    assert report.counts == {"journal": 15, "subjects": 6, "encounters": 8, "memberships": 11}


def test_an_empty_gallery_has_no_findings(store: Store) -> None:
    assert findings(store) == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_upgraded_gallery_has_no_findings(url: str, version: int, tmp_path: Path) -> None:
    place(version, url)
    keys = key_of_older(tmp_path)
    reader = Store.open_read_only(url, keys)
    with pytest.raises(RidgelineError, match="STORE_UNAVAILABLE"):
        check(reader)
    reader.close()
    store = Store.open(url, keys)
    # Sequence 8 was used up by an enrolment that was refused.
    assert findings(store) == set()
    delete(store, journal, 9)
    assert findings(store) == {("encounters", "g"), ("memberships", "g")} | {("subjects", "s4")}
    store.close()


@pytest.mark.parametrize("bit", [0, 1, 17])
def test_a_flipped_bit_of_a_template_is_found(gallery: Store, bit: int) -> None:
    with gallery.database.reading() as connection:
        payload = connection.execute(
            sa.select(encounters.c.payload).where(encounters.c.encounter_id == "c1")
        ).scalar_one()
    where = (bit * 7919) % len(payload)
    damaged = bytearray(payload)
    damaged[where] ^= 1 << bit % 8
    change(gallery, encounters, "c1", payload=bytes(damaged))
    assert findings(gallery) == {("encounters", "c1")}


def test_another_template_under_the_right_key_is_found(gallery: Store) -> None:
    with gallery.database.reading() as connection:
        statement = sa.select(subjects.c.wrapped_key).where(subjects.c.subject_id == "carol")
        key = gallery.keys.unwrap(connection.execute(statement).scalar_one(), "carol")
    change(gallery, encounters, "c1", payload=seal(key, encode(encounter(30)), "c1"))
    assert findings(gallery) == {("encounters", "c1")}
    change(gallery, encounters, "c1", payload=seal(key, encode(encounter(4)), "c1"))
    assert findings(gallery) == set()


def test_templates_exchanged_between_encounters_are_found(gallery: Store) -> None:
    with gallery.database.reading() as connection:
        rows = connection.execute(sa.select(encounters.c.encounter_id, encounters.c.payload))
        payloads = {row.encounter_id: row.payload for row in rows}
    change(gallery, encounters, "c1", payload=payloads["d1"])
    change(gallery, encounters, "d1", payload=payloads["c1"])
    assert findings(gallery) == {("encounters", "c1"), ("encounters", "d1")}


@pytest.mark.parametrize(
    ("row", "values", "also"),
    [
        ("c1", {"payload": None}, set()),
        ("c1", {"digest": "0" * 64}, {("journal", "5")}),
        ("c1", {"partition": 99}, set()),
        ("c1", {"added": 4}, {("journal", "5"), ("memberships", "c1")}),
        ("c1", {"removed": 6}, {("memberships", "c1")}),
        ("c1", {"removed": 99}, {("memberships", "c1")}),
        ("c1", {"expunged": 11}, set()),
        ("c1", {"sealed_for": "fay"}, set()),
        ("c1", {"sealed_for": "nobody"}, set()),
        ("a1", {"payload": b"left over"}, set()),
        ("a1", {"expunged": None}, {("journal", "11")}),
        ("b1", {"removed": 10}, {("memberships", "b1")}),
    ],
)
def test_a_changed_encounter_is_named(
    gallery: Store, row: str, values: dict[str, Any], also: set[tuple[str, str]]
) -> None:
    change(gallery, encounters, row, **values)
    assert findings(gallery) == {("encounters", row)} | also


def test_a_lost_supersession_is_found(gallery: Store) -> None:
    change(gallery, encounters, "b3", supersedes=None)
    assert findings(gallery) == {("journal", "7")}


@pytest.mark.parametrize(
    ("row", "values", "also"),
    [
        ("carol", {"wrapped_key": None}, {("encounters", e) for e in ("c1", "d1", "a2")}),
        ("carol", {"wrapped_key": b"x" * 60}, {("encounters", e) for e in ("c1", "d1", "a2")}),
        ("carol", {"added": 1}, set()),
        ("carol", {"removed": 14}, set()),
        ("dan", {"merged_into": None}, {("journal", "9")}),
        ("dan", {"removed": None}, {("journal", "9")}),
        ("bob", {"expunged": 13}, {("encounters", "b2")}),
        ("erin", {"wrapped_key": b"x" * 60}, set()),
        ("erin", {"expunged": None}, {("journal", "13")}),
    ],
)
def test_a_changed_subject_is_named(
    gallery: Store, row: str, values: dict[str, Any], also: set[tuple[str, str]]
) -> None:
    change(gallery, subjects, row, **values)
    found = findings(gallery)
    assert ("subjects", row) in found
    assert found - {("subjects", row)} <= also


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("c1", {"subject_id": "fay"}),
        ("c1", {"subject_id": "nobody"}),
        ("c1", {"since": 6}),
        ("c1", {"until": 9}),
        ("b2", {"until": None}),
    ],
)
def test_a_changed_membership_is_named(gallery: Store, row: str, values: dict[str, Any]) -> None:
    change(gallery, memberships, row, **values)
    assert findings(gallery) == {("memberships", row)}


def test_what_did_not_leave_is_found(gallery: Store) -> None:
    change(gallery, encounters, "b2", removed=None)
    assert findings(gallery) == {("journal", "10"), ("memberships", "b2")}
    change(gallery, subjects, "bob", removed=None)
    assert findings(gallery) == {("journal", "10"), ("memberships", "b2"), ("journal", "14")}
    named = " ".join(finding.problem for finding in check(gallery).findings)
    assert "encounter b2" in named
    assert "subject bob" in named


def test_an_expungement_that_was_a_removal_is_found(gallery: Store) -> None:
    change(gallery, journal, 11, operation="remove_encounter")
    assert findings(gallery) == {("encounters", "a1")}


def test_a_lost_move_is_found(gallery: Store) -> None:
    with gallery.database.transaction() as connection:
        moved = sa.and_(memberships.c.encounter_id == "a2", memberships.c.since == 8)
        connection.execute(memberships.delete().where(moved))
    assert findings(gallery) == {("memberships", "a2"), ("journal", "8")}


@pytest.mark.parametrize(
    ("table", "row", "expected"),
    [
        (encounters, "c1", {("journal", "5"), ("memberships", "c1")}),
        (memberships, "c1", {("encounters", "c1")}),
        (subjects, "fay", {("encounters", "f1"), ("memberships", "f1")}),
        (
            journal,
            15,
            {("journal", "15"), ("encounters", "f1"), ("memberships", "f1")}
            | {("subjects", "fay")},
        ),
        (journal, 10, {("journal", "10"), ("encounters", "b2"), ("memberships", "b2")}),
        (journal, 14, {("journal", "14"), ("subjects", "bob")}),
    ],
)
def test_a_missing_row_is_missed(
    gallery: Store, table: sa.Table, row: str | int, expected: set[tuple[str, str]]
) -> None:
    delete(gallery, table, row)
    assert findings(gallery) == expected


@pytest.mark.parametrize(
    ("row", "values"),
    [
        (5, {"digest": "0" * 64}),
        (5, {"encounter_id": "c9"}),
        (5, {"operation": "remove_encounter"}),
        (5, {"operation": "made_up"}),
        (8, {"other_id": "fay"}),
        (9, {"other_id": "fay"}),
        (10, {"encounter_id": "c1"}),
        (13, {"subject_id": "fay"}),
        (14, {"subject_id": "fay"}),
    ],
)
def test_a_changed_entry_is_named(gallery: Store, row: int, values: dict[str, Any]) -> None:
    change(gallery, journal, row, **values)
    assert ("journal", str(row)) in findings(gallery)


@pytest.mark.parametrize("value", [14, 16, 20])
def test_a_sequence_that_is_not_the_journals_is_found(gallery: Store, value: int) -> None:
    change(gallery, counter, 1, value=value)
    assert {table for table, _ in findings(gallery)} == {"journal"}


def test_another_master_key_opens_nothing(gallery: Store, url: str, tmp_path: Path) -> None:
    stranger = Store.open(url, FileKeyProvider(tmp_path / "other.key"))
    found = findings(stranger)
    assert {("subjects", s) for s in ("alice", "bob", "carol", "fay")} <= found
    assert {("encounters", e) for e in ("a2", "b2", "c1", "d1", "f1")} <= found
    stranger.close()


def test_a_report_lists_so_many(gallery: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FINDINGS_MAX > 2
    monkeypatch.setattr("cluster.store.check.FINDINGS_MAX", 2)
    for row in ("a2", "c1", "d1"):
        change(gallery, encounters, row, partition=99)
    report = check(gallery)
    assert (report.damaged, len(report.findings)) == (3, 2)
