"""Caller's keys: what is asked for twice is done once, on every database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from cluster.store import Correction, Enrolled, Enrolment, Store
from cluster.store.caller_keys import REMEMBERED
from cluster.store.schema import caller_keys
from tests.populations import encounter
from workers.errors import ErrorCode, RidgelineError

OPERATIONS: dict[str, tuple[Callable[[Store, str], object], Callable[[Store, str], object]]] = {
    "correct": (
        lambda s, key: s.correct(Correction("a-1", encounter(5)), key=key),
        lambda s, key: s.correct(Correction("a-1", encounter(6)), key=key),
    ),
    "move_encounter": (
        lambda s, key: s.move_encounter("a-1", key=key),
        lambda s, key: s.move_encounter("a-1", "bob", key=key),
    ),
    "merge_subjects": (
        lambda s, key: s.merge_subjects("alice", "bob", key=key),
        lambda s, key: s.merge_subjects("bob", "alice", key=key),
    ),
    "remove_encounter": (
        lambda s, key: s.remove_encounter("a-1", key=key),
        lambda s, key: s.remove_encounter("b-1", key=key),
    ),
    "remove_subject": (
        lambda s, key: s.remove_subject("alice", key=key),
        lambda s, key: s.remove_subject("bob", key=key),
    ),
    "expunge_encounter": (
        lambda s, key: s.expunge_encounter("a-1", key=key),
        lambda s, key: s.remove_encounter("a-1", key=key),
    ),
    "expunge_subject": (
        lambda s, key: s.expunge_subject("alice", key=key),
        lambda s, key: s.expunge_subject("bob", key=key),
    ),
}
"""An operation, and another one that the same key must not name."""


@pytest.fixture
def gallery(store: Store) -> Store:
    store.enroll([Enrolment(encounter(0), "alice", "a-1"), Enrolment(encounter(1), "bob", "b-1")])
    return store


def set_age(store: Store, key: str, **age: object) -> None:
    with store.database.transaction() as connection:
        connection.execute(caller_keys.update().where(caller_keys.c.key == key).values(**age))


def known(store: Store) -> set[str]:
    with store.database.reading() as connection:
        return set(connection.scalars(sa.select(caller_keys.c.key)))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_done_once_for_its_key(gallery: Store, name: str) -> None:
    act, other = OPERATIONS[name]
    first = act(gallery, "k")
    assert act(gallery, "k") == first
    assert gallery.sequence() == 3
    with pytest.raises(RidgelineError) as caught:
        other(gallery, "k")
    assert (caught.value.code, caught.value.field) == (ErrorCode.OPERATION_CONFLICT, "key")
    assert gallery.sequence() == 3


def test_an_enrolment_without_ids_is_made_once_for_its_key(store: Store) -> None:
    enrolment = Enrolment(encounter(0), key="k")
    first, second = store.enroll([enrolment, enrolment])
    assert isinstance(first, Enrolled)
    assert second == first
    store.remove_encounter(first.encounter_id)
    assert store.enroll([enrolment]) == [first]
    others = [
        replace(enrolment, template=encounter(1)),
        replace(enrolment, subject_id="alice"),
        replace(enrolment, encounter_id="a-1"),
    ]
    for result in store.enroll(others):
        assert isinstance(result, RidgelineError)
        assert result.code is ErrorCode.OPERATION_CONFLICT
    assert store.sequence() == 2


def test_what_failed_may_be_asked_for_again(gallery: Store) -> None:
    with pytest.raises(RidgelineError, match="SUBJECT_NOT_FOUND"):
        gallery.remove_subject("carol", key="k")
    gallery.enroll([Enrolment(encounter(2), "carol", "c-1")])
    assert gallery.remove_subject("carol", key="k").encounters == 1


def test_a_key_is_remembered_for_its_time(gallery: Store) -> None:
    first = gallery.remove_encounter("a-1", key="old")
    gallery.remove_encounter("b-1", key="young")
    with gallery.database.reading() as connection:
        at = connection.execute(
            sa.select(caller_keys.c.at).where(caller_keys.c.key == "old")
        ).scalar_one()
    # Not quite forgotten: some seconds are left, and nothing has been written since.
    set_age(gallery, "young", at=at - REMEMBERED * 0.99)
    set_age(gallery, "old", at=at - REMEMBERED * 1.01)
    assert known(gallery) == {"old", "young"}
    gallery.remove_subject("bob", key="new")
    assert known(gallery) == {"young", "new"}
    with pytest.raises(RidgelineError, match="ENCOUNTER_NOT_FOUND"):
        gallery.remove_encounter("a-1", key="old")
    assert first.sequence == 3


def test_a_key_has_a_length(gallery: Store) -> None:
    assert gallery.remove_encounter("a-1", key="k" * 128).encounters == 1
    with pytest.raises(RidgelineError) as caught:
        gallery.remove_encounter("b-1", key="k" * 129)
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "key")
