"""The threads of a shard: each caller gets its own answer or its own error, in its own time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Checkpoint
from workers.search_pool import SearchPool

SECONDS = 30.0
"""Within which anything happens; only a failing test waits so long."""


def go_on() -> None:
    """A checkpoint of a search that nobody stops."""


@dataclass(slots=True)
class Works:
    """What the pool is given to do: passes that end when they may, and searches that can fail."""

    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_end: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    looked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    passes: list[list[str]] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)
    stopped: list[list[str]] = field(default_factory=list)
    pair: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))

    def compare(self, group: str, searches: Sequence[str], checkpoint: Checkpoint) -> None:
        self.passes.append(list(searches))
        self.begun.release()
        while not self.may_end.acquire(timeout=0.001):
            try:
                checkpoint()
            except Exception:
                self.stopped.append(list(searches))
                raise
            self.looked.release()
        if "bad in a pass" in searches:
            raise ValueError("bad in a pass")
        self.compared.update(searches)

    def finish(self, search: str, checkpoint: Checkpoint) -> str:
        assert search in self.compared
        if search.startswith("pair"):
            self.pair.wait(SECONDS)
        if search == "bad at the end":
            raise ValueError(search)
        return search.upper()


@dataclass(slots=True)
class Callers:
    """Callers in threads of their own."""

    works: Works
    pool: SearchPool[str, str, str]
    threads: ThreadPoolExecutor

    def ask(self, search: str, check: Checkpoint = go_on) -> Future[str]:
        """Returns once the search is in the pool's hands."""
        known = threading.Event()

        def polled() -> None:
            known.set()
            check()

        answer = self.threads.submit(self.pool.run, search, "group", polled)
        while not answer.done() and not known.wait(0.01):
            pass
        return answer

    def pass_begins(self) -> None:
        assert self.works.begun.acquire(timeout=SECONDS)

    def pass_looks_again(self) -> None:
        """A checkpoint that began after now."""
        while self.works.looked.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self.works.looked.acquire(timeout=SECONDS)

    def passes_end(self, count: int = 1) -> None:
        self.works.may_end.release(count)


@pytest.fixture
def callers() -> Iterator[Callers]:
    works = Works()
    pool: SearchPool[str, str, str] = SearchPool(
        works.compare, works.finish, threads=2, name="test"
    )
    with ThreadPoolExecutor(16) as threads:
        yield Callers(works, pool, threads)
        works.may_end.release(100)
    pool.close()


def cancelled_after(event: threading.Event) -> Callable[[], None]:
    def check() -> None:
        if event.is_set():
            raise RidgelineError(ErrorCode.CANCELLED, "the search was cancelled")

    return check


def test_callers_who_come_during_a_pass_share_the_next(callers: Callers) -> None:
    first = callers.ask("a")
    callers.pass_begins()
    others = [callers.ask(search) for search in "bcd"]
    callers.passes_end(2)
    assert [answer.result(SECONDS) for answer in (first, *others)] == ["A", "B", "C", "D"]
    assert callers.works.passes == [["a"], ["b", "c", "d"]]


def test_both_threads_finish_searches_after_a_pass(callers: Callers) -> None:
    pair = [callers.ask("pair 1")]
    callers.pass_begins()
    pair += [callers.ask("pair 2"), callers.ask("pair 3"), callers.ask("pair 4")]
    callers.passes_end(2)
    assert [answer.result(SECONDS) for answer in pair] == [f"PAIR {i}" for i in (1, 2, 3, 4)]


def test_a_caller_leaves_a_pass_that_goes_on_for_the_others(callers: Callers) -> None:
    first = callers.ask("first")
    callers.pass_begins()
    stop = threading.Event()
    leaver, stayer = callers.ask("leaver", cancelled_after(stop)), callers.ask("stayer")
    callers.passes_end()
    assert first.result(SECONDS) == "FIRST"
    callers.pass_begins()
    stop.set()
    with pytest.raises(RidgelineError, match="CANCELLED"):
        leaver.result(SECONDS)
    callers.pass_looks_again()
    assert not stayer.done()
    callers.passes_end()
    assert stayer.result(SECONDS) == "STAYER"
    assert callers.works.passes == [["first"], ["leaver", "stayer"]]
    assert not callers.works.stopped


def test_a_pass_that_everybody_left_stops(callers: Callers) -> None:
    stop = threading.Event()
    leaver = callers.ask("leaver", cancelled_after(stop))
    callers.pass_begins()
    stop.set()
    with pytest.raises(RidgelineError, match="CANCELLED"):
        leaver.result(SECONDS)
    next_one = callers.ask("next")
    callers.pass_begins()  # which it can only when the other has ended
    callers.passes_end()
    assert next_one.result(SECONDS) == "NEXT"
    assert callers.works.stopped == [["leaver"]]


def test_a_caller_leaves_while_it_waits_for_a_thread(callers: Callers) -> None:
    held = callers.ask("held")
    callers.pass_begins()
    stop = threading.Event()
    leaver = callers.ask("leaver", cancelled_after(stop))
    stop.set()
    with pytest.raises(RidgelineError, match="CANCELLED"):
        leaver.result(SECONDS)
    callers.passes_end(2)
    assert held.result(SECONDS) == "HELD"
    assert callers.ask("last").result(SECONDS) == "LAST"
    assert callers.works.passes == [["held"], ["last"]]


def test_an_error_reaches_nobody_else(callers: Callers) -> None:
    first = callers.ask("first")
    callers.pass_begins()
    searches = ("bad in a pass", "good", "bad at the end")
    answers = {search: callers.ask(search) for search in searches}
    callers.passes_end(5)
    assert first.result(SECONDS) == "FIRST"
    assert answers["good"].result(SECONDS) == "GOOD"
    for bad in ("bad in a pass", "bad at the end"):
        with pytest.raises(ValueError, match=bad):
            answers[bad].result(SECONDS)
    alone = [[search] for search in searches]
    assert callers.works.passes == [["first"], list(searches), *alone]
