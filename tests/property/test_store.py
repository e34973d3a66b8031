"""Any sequence of operations leaves the store as a trivial model says, at every sequence."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.store import Correction, Enrolled, Enrolment, FileKeyProvider, Store
from cluster.store.check import check
from cluster.store.schema import encounters
from tests import populations
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import encode
from workers.matching.template import EncounterTemplate

SUBJECTS = ("s0", "s1", "s2")
ENCOUNTERS = tuple(f"e{number}" for number in range(7))
FIRST = (("e0", "s0"), ("e1", "s0"), ("e2", "s1"), ("e3", "s1"), ("e4", "s2"))
"""Enrolled before anything else, so that most operations find something to do."""

REFUSALS = {
    ErrorCode.SUBJECT_NOT_FOUND,
    ErrorCode.ENCOUNTER_NOT_FOUND,
    ErrorCode.ENCOUNTER_CONFLICT,
    ErrorCode.INVALID_FIELD,
}


def template(number: int) -> EncounterTemplate:
    return populations.encounter(number % 5).cut(6)


@dataclass
class Model:
    """The gallery as dictionaries.

    Attributes:
        owner: of encounters that are there.
        believed: of whom an encounter's prints are, there or not, until they are expunged.
        earlier: what an encounter corrected.
        ended: subjects that were removed, merged or expunged.
        history: `owner` as of every sequence.
    """

    owner: dict[str, str] = field(default_factory=dict)
    believed: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    earlier: dict[str, str] = field(default_factory=dict)
    subjects: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    merged: set[str] = field(default_factory=set)
    expunged: set[str] = field(default_factory=set)
    history: list[dict[str, str]] = field(default_factory=lambda: [{}])

    def lineage(self, encounter: str) -> list[str]:
        found = [encounter]
        while found[-1] in self.earlier:
            found.append(self.earlier[found[-1]])
        return found

    def lose(self, gone: Callable[[str], bool]) -> None:
        self.owner = {e: s for e, s in self.owner.items() if not gone(e)}

    def enroll(self, subject: str, encounter: str) -> bool:
        if encounter in self.used or subject in self.ended:
            return False
        self.subjects.add(subject)
        self.used.add(encounter)
        self.owner[encounter] = self.believed[encounter] = subject
        return True

    def correct(self, encounter: str, new: str) -> bool:
        if encounter not in self.owner or new in self.used:
            return False
        self.used.add(new)
        self.earlier[new] = encounter
        self.owner[new] = self.believed[new] = self.owner.pop(encounter)
        return True

    def move(self, encounter: str, subject: str) -> bool:
        here = self.owner.get(encounter)
        if here is None or here == subject or subject in self.ended:
            return False
        self.subjects.add(subject)
        self.owner[encounter] = subject
        for each in set(self.lineage(encounter)) & set(self.believed):
            self.believed[each] = subject
        return True

    def merge(self, subject: str, into: str) -> bool:
        there = self.subjects - self.ended
        if subject == into or not {subject, into} <= there:
            return False
        for whose in (self.owner, self.believed):
            whose |= {e: into for e, s in whose.items() if s == subject}
        self.ended.add(subject)
        self.merged.add(subject)
        return True

    def remove_encounter(self, encounter: str) -> bool:
        return self.owner.pop(encounter, None) is not None

    def remove_subject(self, subject: str) -> bool:
        if subject not in self.subjects - self.ended:
            return False
        self.lose(lambda e: self.owner[e] == subject)
        self.ended.add(subject)
        return True

    def expunge_encounter(self, encounter: str) -> bool:
        if encounter not in self.believed:
            return False
        for each in self.lineage(encounter):
            self.believed.pop(each, None)
        self.owner.pop(encounter, None)
        return True

    def expunge_subject(self, subject: str) -> bool:
        if subject not in self.subjects - self.merged - self.expunged:
            return False
        self.believed = {e: s for e, s in self.believed.items() if s != subject}
        self.lose(lambda e: self.owner[e] == subject)
        self.ended.add(subject)
        self.expunged.add(subject)
        return True


def act(store: Store, name: str, one: str, other: str, number: int) -> None:
    if name == "enroll":
        [result] = store.enroll([Enrolment(template(number), one, other)])
        if not isinstance(result, Enrolled):
            raise result
    elif name == "correct":
        store.correct(Correction(one, template(number), other))
    elif name == "move":
        store.move_encounter(one, other)
    elif name == "merge":
        store.merge_subjects(one, other)
    else:
        getattr(store, name)(one)


SUBJECT, ENCOUNTER = st.sampled_from(SUBJECTS), st.sampled_from(ENCOUNTERS)
NEW = st.sampled_from(ENCOUNTERS[len(FIRST) :])
OPERATIONS = st.one_of(
    st.tuples(st.just("enroll"), SUBJECT, ENCOUNTER),
    st.tuples(st.just("correct"), ENCOUNTER, NEW),
    st.tuples(st.just("move"), ENCOUNTER, SUBJECT),
    st.tuples(st.just("move"), ENCOUNTER, SUBJECT),
    st.tuples(st.just("merge"), SUBJECT, SUBJECT),
    st.tuples(st.sampled_from(["remove_encounter", "expunge_encounter"]), ENCOUNTER),
    st.tuples(st.sampled_from(["remove_subject", "expunge_subject"]), SUBJECT),
)


@given(st.lists(OPERATIONS, min_size=5, max_size=12))
@settings(max_examples=25, deadline=None)
def test_the_store_is_as_the_model(operations: list[tuple[str, ...]]) -> None:
    first = [("enroll", subject, encounter) for encounter, subject in FIRST]
    with tempfile.TemporaryDirectory() as folder:
        keys = FileKeyProvider(Path(folder) / "master.key")
        store = Store.open(f"sqlite:///{folder}/gallery.db", keys, partitions=2)
        try:
            compare(store, first + operations)
        finally:
            store.close()


def compare(store: Store, operations: list[tuple[str, ...]]) -> None:
    model, prints = Model(), dict[str, int]()
    for number, (name, *ids) in enumerate(operations):
        done = getattr(model, name)(*ids)
        one, other = (*ids, "")[:2]
        refusal = None
        try:
            act(store, name, one, other, number)
        except RidgelineError as error:
            refusal = error.code
        # An encounter that is enrolled again with the same prints is there already.
        again = name == "enroll" and prints.get(other) == number % 5
        assert (refusal is None) == (done or (again and model.owner.get(other) == one)), refusal
        assert refusal is None or refusal in REFUSALS
        if done:
            model.history.append(dict(model.owner))
            if name in {"enroll", "correct"}:
                prints[other] = number % 5
        assert store.sequence() == len(model.history) - 1
    assert_same(store, model, prints)


def assert_same(store: Store, model: Model, prints: dict[str, int]) -> None:
    for at, owner in enumerate(model.history):
        found = store.subjects_of(ENCOUNTERS, at)
        assert {e: whose.subject_id for e, whose in found.items()} == owner
        counts = store.counts(at)
        assert (counts.subjects, counts.encounters) == (len(set(owner.values())), len(owner))
    # A shard that loaded at any sequence and followed has what is there now.
    now = len(model.history) - 1
    for at in range(now + 1):
        if not set(model.history[at]) <= set(model.believed):
            continue  # expunged since
        has = {
            c.encounter_id: c.template
            for span in itertools.pairwise((0, at, now))
            for c in store.changes(range(2), after=span[0], upto=span[1])
            if span[0] < span[1]
        }
        there = {e: encode(t) for e, t in has.items() if t is not None}
        assert there == {e: encode(template(prints[e])) for e in model.owner}
    with store.database.reading() as connection:
        rows = connection.execute(
            sa.select(encounters.c.encounter_id, encounters.c.sealed_for).where(
                encounters.c.payload.is_not(None)
            )
        ).all()
    assert {row.encounter_id: row.sealed_for for row in rows} == model.believed
    assert check(store).findings == []
