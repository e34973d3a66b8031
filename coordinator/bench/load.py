"""Load on a search: a closed loop of callers, or arrivals that wait for nobody."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from workers.errors import RidgelineError

Search = Callable[[int], Awaitable[None]]
"""Runs the n-th search. A RidgelineError is counted; anything else ends the load."""


@dataclass(slots=True)
class Served:
    """What a load was answered.

    Attributes:
        seconds: from the load's begin to its last answer.
        latency_s: of each answered search, in the order of their ends.
        ended_s: when each of those ended, from the load's begin.
        failed: searches that ended in an error, by its code.
    """

    seconds: float = 0.0
    latency_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)


async def closed_loop(search: Search, *, callers: int, go_on: Callable[[float], bool]) -> Served:
    """Callers that search again as soon as they are answered.

    Args:
        callers: concurrent searches, at all times.
        go_on: asked before each search with the seconds since the begin; a search begun is
            waited for.
    """
    served = Served()
    numbers = itertools.count()
    begun = time.perf_counter()

    async def caller() -> None:
        while go_on(time.perf_counter() - begun):
            await _timed(search, next(numbers), served, begun, time.perf_counter())

    async with _one_failure(), asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    served.seconds = time.perf_counter() - begun
    return served


async def open_loop(search: Search, *, rate_per_s: float, seconds: float, seed: int) -> Served:
    """Searches that arrive at random (Poisson), however many are waiting.

    Latency counts from when a search was due, so that a stall is felt by all that arrive in it
    (G. Tene, "How NOT to Measure Latency", 2013: coordinated omission).

    Args:
        rate_per_s: arrivals a second, on average.
    """
    served = Served()
    gaps = np.random.default_rng(seed).exponential(
        1.0 / rate_per_s, size=round(2 * rate_per_s * seconds) + 20
    )
    due = [at for at in np.cumsum(gaps).tolist() if at < seconds]
    begun = time.perf_counter()
    async with _one_failure(), asyncio.TaskGroup() as group:
        for number, at in enumerate(due):
            await asyncio.sleep(begun + at - time.perf_counter())
            group.create_task(_timed(search, number, served, begun, begun + at))
    served.seconds = time.perf_counter() - begun
    return served


@asynccontextmanager
async def _one_failure() -> AsyncIterator[None]:
    """What stopped a group of tasks, the first of it where there is more, by its own type."""
    try:
        yield
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several


async def _timed(search: Search, number: int, served: Served, begun: float, since: float) -> None:
    try:
        await search(number)
    except RidgelineError as error:
        served.failed[error.code.value] += 1
        return
    ended = time.perf_counter()
    served.latency_s.append(ended - since)
    served.ended_s.append(ended - begun)
