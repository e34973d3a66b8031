"""Concurrent searches of a shard: each answers as it would alone, or stops alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recombined import FINGERS, LARGE, crowd, person
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.matching.probe import Probe, prepare_probe
from workers.shard import SEARCHES_AT_ONCE, Shard, ShardAnswer, ShardRequest
from workers.shard_gallery import GalleryChange

LOADED = 2 * LARGE
"""Sequence that shards are loaded at; partitions 0 and 1 are worth a sketch, 2 is not."""

LATER = 12
BACKEND = load_backend("numpy")


@cache
def changes() -> list[GalleryChange]:
    """Enrolments, then more of them and removals in turn; change i has sequence i + 1."""
    people = crowd(LOADED + LATER)
    made = [
        GalleryChange(i + 1, 2 if i % 20 == 0 else i % 2, f"e{i}", people[i]) for i in range(LOADED)
    ]
    for i in range(LOADED, LOADED + LATER):
        if i % 2:
            made.append(replace(made[3 * (i - LOADED)], sequence=i + 1, template=None))
        else:
            made.append(GalleryChange(i + 1, i % 3, f"e{i}", people[i]))
    return made


class Source:
    """All changes, without those that cancel out."""

    def changes(
        self, partitions: Collection[int], *, after: int, upto: int
    ) -> Iterator[GalleryChange]:
        span = [c for c in changes()[after:upto] if c.partition in partitions]
        gone = {c.encounter_id for c in span if c.template is None}
        for change in span:
            removal = change.template is None
            if after > 0 if removal else change.encounter_id not in gone:
                yield change

    def sequence(self) -> int:
        return LOADED + LATER

    def history(self, sequence: int) -> str:
        return str(sequence)


@cache
def loaded() -> Shard:
    shard = Shard("loaded", range(3), Source(), BACKEND)
    shard.catch_up(LOADED)
    return shard


def fresh() -> Shard:
    """A shard as it is just after loading, without the work."""
    shard = Shard("shard", range(3), Source(), BACKEND)
    shard._keeper.state = loaded()._keeper.state
    return shard


@cache
def probe(number: int, fingers: int) -> Probe:
    template = person(number, session=1)
    return prepare_probe(replace(template, fingers=template.fingers[:fingers]))


@dataclass(frozen=True, slots=True)
class Asked:
    """One search.

    Attributes:
        checks: reasons to stop that are looked for before there is one; None for never.
    """

    person: int = 0
    fingers: int = len(FINGERS)
    sequence: int = LOADED
    partitions: tuple[int, ...] = (0, 1, 2)
    exhaustive: bool = False
    timeout_s: float = 60.0
    checks: int | None = None

    def request(self) -> ShardRequest:
        return ShardRequest(
            request_id=f"request-{next(NUMBERS)}",
            probe=probe(self.person, self.fingers),
            partitions=self.partitions,
            sequence=self.sequence,
            limit=5,
            exhaustive=self.exhaustive,
            timeout_s=self.timeout_s,
        )

    def cancelled(self) -> Callable[[], bool]:
        looked = count()
        return lambda: self.checks is not None and next(looked) >= self.checks


NUMBERS = count()


@cache
def alone(asked: Asked) -> ShardAnswer:
    return fresh().search(asked.request())


def assert_as_alone(answer: ShardAnswer, asked: Asked) -> None:
    """Everything but how long it took."""
    expected = alone(replace(asked, timeout_s=60.0, checks=None))
    assert replace(answer, stage_seconds={}) == replace(expected, stage_seconds={})
    assert answer.stage_seconds.keys() == expected.stage_seconds.keys()


def searches() -> st.SearchStrategy[Asked]:
    return st.builds(
        Asked,
        person=st.integers(0, 5),
        fingers=st.sampled_from([len(FINGERS), len(FINGERS), 2, 1]),
        sequence=st.integers(LOADED, LOADED + LATER),
        partitions=st.sampled_from([(0, 1, 2), (0, 1, 2), (1,)]),
        exhaustive=st.sampled_from([False, False, False, True]),
        timeout_s=st.sampled_from([60.0, 60.0, 60.0, 0.02]),
        checks=st.none() | st.integers(0, 12),
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(searches(), min_size=2, max_size=8))
def test_concurrent_searches_answer_as_alone_or_stop_alone(asked: list[Asked]) -> None:
    shard = fresh()
    together = threading.Barrier(len(asked))

    def ask(one: Asked) -> ShardAnswer | RidgelineError:
        together.wait()
        try:
            return shard.search(one.request(), one.cancelled())
        except RidgelineError as error:
            return error

    with ThreadPoolExecutor(len(asked)) as callers:
        answers = list(callers.map(ask, asked))
    shard.close()
    for one, answer in zip(asked, answers, strict=True):
        if isinstance(answer, ShardAnswer):
            assert_as_alone(answer, one)
        else:
            reasons = {ErrorCode.CANCELLED} if one.checks is not None else set()
            reasons |= {ErrorCode.DEADLINE_EXCEEDED} if one.timeout_s < 60.0 else set()
            assert answer.code in reasons


class Busy:
    """A shard whose threads are all held up in the midst of searches of their own."""

    def __init__(self) -> None:
        self.shard = fresh()
        self._threads = ThreadPoolExecutor(32)
        self._held = threading.Semaphore(0)
        self._release = threading.Event()
        # One that shares no pass, and one that is past its own.
        self._holders = [
            self._threads.submit(self.shard.search, asked.request(), self._hold)
            for asked in (Asked(fingers=1), Asked())
        ]
        for _ in range(SEARCHES_AT_ONCE):
            assert self._held.acquire(timeout=60.0)

    def _hold(self) -> bool:
        """Never cancelled; holds up the shard's thread that asks, and not the caller's."""
        if threading.current_thread().name.startswith(self.shard.shard_id):
            self._held.release()
            self._release.wait()
        return False

    def ask(self, asked: Asked) -> Future[ShardAnswer]:
        """Returns when the search waits for its pass, or is over."""
        return self.submit(asked.request(), asked.cancelled())

    def submit(
        self, request: ShardRequest, cancelled: Callable[[], bool] = lambda: False
    ) -> Future[ShardAnswer]:
        """The same for a request."""
        looks = count()
        waits = threading.Event()

        def look() -> bool:
            if next(looks):  # the first is before the search is taken in
                waits.set()
            return cancelled()

        answer = self._threads.submit(self.shard.search, request, look)
        while not answer.done() and not waits.wait(0.01):
            pass
        return answer

    def release(self) -> None:
        self._release.set()

    def close(self) -> None:
        self._release.set()
        for holder in self._holders:
            holder.result(60.0)
        self._threads.shutdown()
        self.shard.close()


@pytest.fixture
def busy() -> Iterator[Busy]:
    shard = Busy()
    yield shard
    shard.close()


def test_searches_that_wait_share_a_pass(busy: Busy) -> None:
    """Whatever their sequences; of other levels and other partitions each has its own."""
    before = busy.shard.state()
    asked = [Asked(person=i, sequence=LOADED + i) for i in range(6)]
    asked += [Asked(person=i, fingers=2) for i in range(2)]
    asked += [Asked(person=7, partitions=(1,))]
    answers = [busy.ask(one) for one in asked]
    busy.release()
    for one, answer in zip(asked, answers, strict=True):
        assert_as_alone(answer.result(60.0), one)
    after = busy.shard.state()
    assert after.passed - before.passed == len(asked)
    assert after.passes - before.passes == 3


def test_who_leaves_while_it_waits_does_not_wait_for_the_others(busy: Busy) -> None:
    stays = busy.ask(Asked(person=1))
    cancelled, late = busy.ask(Asked(person=2, checks=3)), busy.ask(Asked(person=3, timeout_s=0.1))
    for leaver, code in ((cancelled, "CANCELLED"), (late, "DEADLINE_EXCEEDED")):
        with pytest.raises(RidgelineError, match=code):
            leaver.result(60.0)
    assert not stays.done()
    passed = busy.shard.state().passed
    busy.release()
    assert_as_alone(stays.result(60.0), Asked(person=1))
    assert busy.shard.state().passed == passed + 1


def test_what_the_newest_state_cannot_show_has_a_pass_of_its_own(
    busy: Busy,
) -> None:
    asked = [Asked(person=1), Asked(person=2, sequence=LOADED + LATER), Asked(person=3)]
    before = busy.shard.state()
    older = busy.ask(asked[0])
    busy.shard.catch_up(LOADED + LATER)
    busy.shard.fold()
    newer = busy.ask(asked[1])
    with pytest.raises(RidgelineError, match="SEQUENCE_UNAVAILABLE"):
        busy.ask(asked[2]).result(60.0)
    busy.release()
    assert_as_alone(older.result(60.0), asked[0])
    assert_as_alone(newer.result(60.0), asked[1])
    assert busy.shard.state().passes == before.passes + 2


def test_an_error_of_one_search_reaches_no_other(busy: Busy) -> None:
    whole = probe(0, len(FINGERS))
    broken = replace(whole, sketch={level: row[:-1] for level, row in whole.sketch.items()})
    good = busy.ask(Asked(person=1))
    request = replace(Asked().request(), probe=broken)
    bad = busy.submit(request)
    busy.release()
    assert_as_alone(good.result(60.0), Asked(person=1))
    with pytest.raises(ValueError, match="mismatch"):
        bad.result(60.0)
