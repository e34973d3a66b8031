"""The threads that carry out a shard's schedule, while the callers wait for their answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from workers.batching import Schedule, Ticket
from workers.matching.backend import Checkpoint

Search = TypeVar("Search")
Group = TypeVar("Group", bound=Hashable)
Answer = TypeVar("Answer")

POLL_S: Final = 0.02
"""How often a caller who waits looks for a reason to stop, seconds."""


class _EverybodyLeftError(Exception):
    """Nobody waits for a pass any more."""


@dataclass(frozen=True, eq=False, slots=True)
class _Call(Generic[Search, Answer]):
    """A search with what its caller waits for."""

    search: Search
    check: Checkpoint
    answer: Future[Answer] = field(default_factory=Future)


class SearchPool(Generic[Search, Group, Answer]):
    """Runs searches for callers that each wait in a thread of their own.

    Args:
        compare: a pass for several searches of a group; leaves with each what it found.
        finish: the rest of one search.
        threads: that work, whatever the number of callers.
        name: of the threads.
    """

    def __init__(
        self,
        compare: Callable[[Group, Sequence[Search], Checkpoint], None],
        finish: Callable[[Search, Checkpoint], Answer],
        *,
        threads: int,
        name: str,
    ) -> None:
        self._compare = compare
        self._finish = finish
        self._schedule: Schedule[_Call[Search, Answer], Group] = Schedule()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._idle = threads

    def run(self, search: Search, group: Group | None, check: Checkpoint) -> Answer:
        """Waits for the answer to a search.

        Args:
            group: see `Ticket`.
            check: raises when this search is to stop. The caller leaves at once, wherever its
                search is; work for it alone stops at its next checkpoint, and a pass goes on for
                the others.
        """
        call: _Call[Search, Answer] = _Call(search, check)
        ticket = Ticket(call, group)
        with self._lock:
            self._schedule.add(ticket)
            self._wake()
        try:
            while not wait([call.answer], POLL_S).done:
                check()
        except BaseException:
            with self._lock:
                self._schedule.leave(ticket)
            raise
        return call.answer.result()

    def close(self) -> None:
        """Ends the threads; nobody may wait for an answer any more."""
        self._threads.shutdown()

    def _wake(self) -> None:
        """Sets a thread to work if there is something to do; called with the lock held."""
        if self._idle and self._schedule.waiting:
            self._threads.submit(self._work)
            self._idle -= 1

    def _work(self) -> None:
        """Does jobs until there is none for this thread."""
        while True:
            with self._lock:
                job = self._schedule.next()
                if job is None:
                    self._idle += 1
                    return
            if job.group is None:
                self._rest(*job.tickets)
            else:
                self._pass(job.group, job.tickets)
            with self._lock:
                self._schedule.finished(job)
                self._wake()

    def _pass(self, group: Group, tickets: Sequence[Ticket[_Call[Search, Answer], Group]]) -> None:
        def checkpoint() -> None:
            if all(ticket.left for ticket in tickets):
                raise _EverybodyLeftError

        try:
            self._compare(group, [ticket.search.search for ticket in tickets], checkpoint)
        except _EverybodyLeftError:
            return
        except Exception as error:  # noqa: BLE001 - handed to whose search it is
            if len(tickets) == 1:
                self._fail(tickets[0], error)
                return
            # It may be one search's fault; each has a pass of its own then.
            for ticket in tickets:
                self._pass(group, [ticket])

    def _rest(self, ticket: Ticket[_Call[Search, Answer], Group]) -> None:
        call = ticket.search
        try:
            call.answer.set_result(self._finish(call.search, call.check))
        except Exception as error:  # noqa: BLE001 - handed to whose search it is
            self._fail(ticket, error)

    def _fail(self, ticket: Ticket[_Call[Search, Answer], Group], error: Exception) -> None:
        with self._lock:
            self._schedule.leave(ticket)
        ticket.search.answer.set_exception(error)
