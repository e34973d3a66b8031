"""What a shard does next: a pass that waiting searches share, or the rest of one search.

A state machine without threads or a clock: searches come, leave and are worked on (events in),
and jobs come out. Whatever arrives while a pass runs waits and is taken together into the next,
so an idle shard starts at once and a busy one shares more. After its pass each search is on its
own: it is finished, and answered, without waiting for those that it shared the pass with.

Jobs go by the age of their oldest search, with two exceptions. There is one pass at a time: a
second one beside it would only take half of it away. And of the searches that share no pass,
since they screen everybody and take long, one runs at a time, so that of two threads one is
always left to the others.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

Search = TypeVar("Search")
Group = TypeVar("Group", bound=Hashable)

BATCH_MAX: Final = 64
"""Searches in one pass at most: as many as the GPU kernels take at once."""


@dataclass(eq=False, slots=True)
class Ticket(Generic[Search, Group]):
    """A search on its way through the schedule.

    Attributes:
        group: searches of equal groups may share a pass; None for a search without one.
        left: it was cancelled, or failed; nothing more is done for it.
    """

    search: Search
    group: Group | None
    left: bool = False
    number: int = field(default=-1, init=False)


@dataclass(frozen=True, eq=False, slots=True)
class Job(Generic[Search, Group]):
    """Work for one thread.

    Attributes:
        group: of the tickets, which a pass is for; None for the rest of the only one.
    """

    tickets: tuple[Ticket[Search, Group], ...]
    group: Group | None


class Schedule(Generic[Search, Group]):
    """Decides what is worked on; not thread-safe.

    Args:
        batch_max: searches in one pass at most.
    """

    def __init__(self, batch_max: int = BATCH_MAX) -> None:
        self._batch_max = batch_max
        self._arrived = 0
        # Both in the order of arrival.
        self._for_pass: list[Ticket[Search, Group]] = []
        self._for_rest: list[Ticket[Search, Group]] = []
        self._running: set[Job[Search, Group]] = set()

    def add(self, ticket: Ticket[Search, Group]) -> None:
        """A search arrives."""
        ticket.number = self._arrived
        self._arrived += 1
        (self._for_rest if ticket.group is None else self._for_pass).append(ticket)

    def leave(self, ticket: Ticket[Search, Group]) -> None:
        """A search is given up, wherever it is; a job that it is part of goes on without it."""
        ticket.left = True
        for tickets in (self._for_pass, self._for_rest):
            if ticket in tickets:
                tickets.remove(ticket)

    def next(self) -> Job[Search, Group] | None:
        """What a free thread is to do; None when there is nothing for it now."""
        passing = any(job.group is not None for job in self._running)
        alone = any(ticket.group is None for job in self._running for ticket in job.tickets)
        waiting = None if passing else next(iter(self._for_pass), None)
        ready = next((t for t in self._for_rest if t.group is not None or not alone), None)
        if waiting is not None and (ready is None or waiting.number < ready.number):
            alike = [t for t in self._for_pass if t.group == waiting.group][: self._batch_max]
            self._for_pass = [t for t in self._for_pass if t not in alike]
            job = Job(tuple(alike), waiting.group)
        elif ready is not None:
            self._for_rest.remove(ready)
            job = Job((ready,), None)
        else:
            return None
        self._running.add(job)
        return job

    def finished(self, job: Job[Search, Group]) -> None:
        """A job is done; what is left of the searches that shared it is ready to go on."""
        self._running.remove(job)
        if job.group is not None:
            self._for_rest += [ticket for ticket in job.tickets if not ticket.left]
            self._for_rest.sort(key=lambda ticket: ticket.number)

    @property
    def waiting(self) -> bool:
        """Somebody waits to be worked on."""
        return bool(self._for_pass or self._for_rest)
