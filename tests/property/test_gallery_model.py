"""The whole gallery against a dictionary: any sequence of changes, searches and restarts.

The model knows whose each encounter is and what its prints are, nothing else. What it expects of
a search is what the matcher finds in them when they are packed at once: without a store, without
shards, segments and changes.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.executors.interface import GallerySearch
from cluster.partitions import partition_of
from cluster.store import Correction, Enrolment, FileKeyProvider, Store
from coordinator.gallery import Gallery
from coordinator.search.decide import Band, band
from coordinator.search.plan import SearchOptions
from coordinator.search.run import Searcher
from tests.populations import encounter, smudged
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.matching.calibration import calibrate
from workers.matching.columns import Columns
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import Probe, prepare_probe
from workers.matching.search import search_partitions
from workers.matching.template import EncounterTemplate
from workers.shard import EncounterHit, partition_answer

PERSONS = 5
TAKES = 3
PARTITIONS = 4
HELD = range(PARTITIONS)
BACKEND = load_backend("numpy")
EVERYTHING = 1000

Prints = tuple[int, int]
"""Person and take."""

PRINTS = st.tuples(st.integers(0, PERSONS - 1), st.integers(0, TAKES - 1))
SUBJECTS = st.sampled_from([f"s{number}" for number in range(10)])

Model = dict[str, tuple[str, Prints]]
"""Subject and prints of each encounter."""


@cache
def template(prints: Prints) -> EncounterTemplate:
    person, take = prints
    return smudged(encounter(person, session=take % 2), 2.0, seed=10 * person + take)


@cache
def probe(person: int) -> Probe:
    return prepare_probe(encounter(person, session=7))


def expected_hits(model: Model, person: int) -> dict[str, EncounterHit]:
    """What a search finds in a gallery that is packed at once and never changed."""
    names = sorted(model)
    rows_of = [[i for i, e in enumerate(names) if partition_of(e, PARTITIONS) == p] for p in HELD]
    found = search_partitions(
        BACKEND,
        probe(person),
        BACKEND.pack(Columns.of([template(model[e][1]) for e in names])),
        [np.array(rows, np.intp) for rows in rows_of],
        limit=EVERYTHING,
    )
    answers = [
        partition_answer(p, of, names.__getitem__)
        for p, of in zip(HELD, found.partitions, strict=True)
    ]
    return {hit.encounter_id: hit for answer in answers for hit in answer.hits}


def expected_leads(model: Model, person: int) -> list[tuple[str, str, float]]:
    """Subject, its best encounter and its calibrated score, in rank order."""
    hits = expected_hits(model, person)
    owned = Counter(subject for subject, _ in model.values())
    best: dict[str, EncounterHit] = {}
    for hit in sorted(hits.values(), key=lambda hit: (-hit.fused_score, hit.encounter_id)):
        best.setdefault(model[hit.encounter_id][0], hit)
    leads = []
    for subject, hit in sorted(best.items(), key=lambda of: (-of[1].fused_score, of[0])):
        fingers = list(hit.finger_scores)
        score = calibrate(hit.fused_score, fingers, encounters=owned[subject]).score
        if band(score, PARAMETERS.thresholds) is not Band.BELOW:
            leads.append((subject, hit.encounter_id, score))
    return leads


class GalleryMachine(RuleBasedStateMachine):
    """Drives store, shards and search; the model is changed in the same way."""

    encounters: Bundle[str] = Bundle("encounters")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ridgeline-model-"))
        self.runner = asyncio.Runner()
        self.model: Model = {}
        self.past: dict[int, Model] = {}
        self.made = 0
        self.there: set[str] = set()
        self.gone: set[str] = set()
        self.store: Store | None = None
        self.executor: InProcessExecutor | None = None

    def teardown(self) -> None:
        self._stop()
        self.runner.close()
        shutil.rmtree(self.folder)

    # Changes

    @rule(target=encounters, subject=SUBJECTS, prints=PRINTS)
    def enroll(self, subject: str, prints: Prints) -> str:
        return self._enroll(subject, prints)

    def _enroll(self, subject: str, prints: Prints) -> str:
        name = self._new()
        wanted = Enrolment(template(prints), subject, name)
        (done,) = self._store.enroll([wanted])
        if subject in self.gone:
            assert isinstance(done, RidgelineError)
            assert done.code is ErrorCode.ENCOUNTER_CONFLICT
            return name
        assert not isinstance(done, RidgelineError)
        (again,) = self._store.enroll([wanted])
        assert again == replace(done, created=False)
        self.there.add(subject)
        self.model[name] = subject, prints
        self._happened(done.sequence)
        return name

    @rule(target=encounters, wrong=encounters, prints=PRINTS)
    def correct(self, wrong: str, prints: Prints) -> str:
        name = self._new()
        change = Correction(wrong, template(prints), name)
        with self._refused(wrong not in self.model) as may:
            done = self._store.correct(change, key=name)
        if may:
            assert self._store.correct(change, key=name) == done
            self.model[name] = self.model.pop(wrong)[0], prints
            self._happened(done.sequence)
        return name

    @rule(name=encounters, subject=SUBJECTS)
    def move(self, name: str, subject: str) -> None:
        refused = name not in self.model or subject in {*self.gone, self.model[name][0]}
        with self._refused(refused) as may:
            done = self._store.move_encounter(name, subject)
        if may:
            self.there.add(subject)
            self.model[name] = subject, self.model[name][1]
            self._happened(done.sequence)

    @rule(subject=SUBJECTS, into=SUBJECTS)
    def merge(self, subject: str, into: str) -> None:
        with self._refused(subject == into or not {subject, into} <= self.there) as may:
            done = self._store.merge_subjects(subject, into)
        if may:
            self._leaves(subject)
            for name, (owner, prints) in self.model.items():
                if owner == subject:
                    self.model[name] = into, prints
            self._happened(done.sequence)

    @rule(name=encounters, expunge=st.booleans())
    def remove_encounter(self, name: str, expunge: bool) -> None:
        if expunge and name not in self.model:
            return  # also what was removed may be expunged: the store's own tests
        act = self._store.expunge_encounter if expunge else self._store.remove_encounter
        with self._refused(name not in self.model) as may:
            done = act(name)
        if may:
            del self.model[name]
            self._happened(done.sequence)

    @rule(subject=SUBJECTS, expunge=st.booleans())
    def remove_subject(self, subject: str, expunge: bool) -> None:
        if expunge and subject not in self.there:
            return
        act = self._store.expunge_subject if expunge else self._store.remove_subject
        with self._refused(subject not in self.there) as may:
            done = act(subject)
        if may:
            self._leaves(subject)
            self.model = {e: of for e, of in self.model.items() if of[0] != subject}
            self._happened(done.sequence)

    # Searches and restarts

    @rule(person=st.integers(0, PERSONS), exhaustive=st.booleans())
    def search(self, person: int, exhaustive: bool) -> None:
        searcher = Searcher(self._executor, Gallery(self._store), required_coverage=1.0)
        options = SearchOptions(max_candidates=EVERYTHING, exhaustive=exhaustive)
        result = self.runner.run(
            searcher.search("search", probe(person).template, options, lambda: 60.0)
        )
        found = [(hit.subject_id, hit.encounter_id, hit.score) for hit in result.leads]
        assert found == expected_leads(self.model, person)
        assert result.share.subjects_searched == len({s for s, _ in self.model.values()})
        assert result.share.partitions_searched == PARTITIONS

    @precondition(lambda self: self.past)
    @rule(data=st.data(), person=st.integers(0, PERSONS - 1))
    def search_the_past(self, data: st.DataObject, person: int) -> None:
        """An earlier sequence is shown as it was, or refused."""
        sequence = data.draw(st.sampled_from(sorted(self.past)))
        wanted = GallerySearch(
            "past", probe(person), sequence, EVERYTHING, exhaustive=False, timeout_s=60.0
        )
        try:
            answer = self.runner.run(self._executor.search(wanted))
        except RidgelineError as error:
            if error.code is not ErrorCode.SEQUENCE_UNAVAILABLE:
                raise
            return
        hits = {hit.encounter_id: hit for p in answer.partitions for hit in p.hits}
        assert hits == expected_hits(self.past[sequence], person)

    @initialize(
        target=encounters,
        shards=st.integers(1, 3),
        first=st.lists(st.tuples(SUBJECTS, PRINTS), min_size=3, max_size=12),
    )
    def start(self, shards: int, first: list[tuple[str, Prints]]) -> MultipleResults[str]:
        """With a gallery that holds something already when the shards load."""
        self._start(ClusterConfig(shards=shards, backend="numpy"))
        return multiple(*(self._enroll(subject, prints) for subject, prints in first))

    @rule(
        shards=st.integers(1, 4),
        replicas=st.integers(1, 3),
        segments=st.booleans(),
        codec=st.sampled_from(["sealed", "plain"]),
        on_disk=st.booleans(),
    )
    def restart(
        self,
        shards: int,
        replicas: int,
        segments: bool,
        codec: Literal["sealed", "plain"],
        on_disk: bool,
    ) -> None:
        """With another layout, from segments that were left behind earlier, or without any."""
        self._stop()
        self._start(
            ClusterConfig(
                shards=shards,
                replicas=replicas,
                segments=self.folder / "segments" if segments else None,
                segment_codec=codec,
                descriptors="disk" if segments and on_disk else "memory",
                backend="numpy",
            )
        )

    @invariant()
    def counts_agree(self) -> None:
        if self.store is None:
            return
        counts = self.store.counts(self.store.sequence())
        assert counts.encounters == len(self.model)
        assert counts.subjects == len({subject for subject, _ in self.model.values()})

    @property
    def _store(self) -> Store:
        assert self.store is not None
        return self.store

    @property
    def _executor(self) -> InProcessExecutor:
        assert self.executor is not None
        return self.executor

    def _start(self, config: ClusterConfig) -> None:
        keys = FileKeyProvider(self.folder / "master.key")
        url = f"sqlite:///{self.folder}/gallery.db"
        self.store = Store.open(url, keys, partitions=PARTITIONS)
        self.executor = InProcessExecutor(config, self.store, keys)
        self.runner.run(self.executor.start())

    def _stop(self) -> None:
        if self.executor is not None:
            self.runner.run(self.executor.stop())
        if self.store is not None:
            self.store.close()

    def _new(self) -> str:
        self.made += 1
        return f"e{self.made}"

    def _leaves(self, subject: str) -> None:
        self.there.remove(subject)
        self.gone.add(subject)

    def _happened(self, sequence: int) -> None:
        assert sequence == len(self.past) + 1, "one change, one sequence"
        self.past[sequence] = dict(self.model)

    @contextmanager
    def _refused(self, expected: bool) -> Iterator[bool]:
        """Whether what happens in it may happen; what may not has to be refused."""
        if not expected:
            yield True
            return
        with pytest.raises(RidgelineError):
            yield False


TestGallery = pytest.mark.slow(GalleryMachine.TestCase)
TestGallery.settings = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
