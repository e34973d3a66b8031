"""Carries out a router's instructions: attempts side by side, each with a time of its own."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping

from cluster.executors.interface import GalleryAnswer, GallerySearch
from cluster.placement import Placement
from cluster.routing import Attempt, Router
from cluster.shard_health import ShardHealth
from workers.errors import ErrorCode, RidgelineError
from workers.shard import PartitionAnswer, ShardAnswer, ShardRequest

_log = logging.getLogger(__name__)

Ask = Callable[[str, ShardRequest], Awaitable[ShardAnswer]]
"""Sends a request to a shard. Cancelling the awaitable must stop the shard's work."""


async def fan_out(
    search: GallerySearch,
    placement: Placement,
    health: ShardHealth,
    ask: Ask,
    *,
    attempt_s: float,
) -> GalleryAnswer:
    """Searches every partition through `ask`, failing over by a router's instructions.

    Args:
        attempt_s: that an attempt may take at most while another replica could follow.

    Raises:
        RidgelineError: CANCELLED passes through; SEQUENCE_UNAVAILABLE when that is why a
            partition has no answer, since a newer sequence may have; DEADLINE_EXCEEDED when
            nothing was answered in time; the last failure when nothing was answered for
            another reason.
    """
    return await _FanOut(search, placement, health, ask, attempt_s).run()


class _FanOut:
    """One search on its way."""

    def __init__(
        self,
        search: GallerySearch,
        placement: Placement,
        health: ShardHealth,
        ask: Ask,
        attempt_s: float,
    ) -> None:
        now = time.monotonic()
        ranks = health.ranks({s for held in placement.replicas for s in held}, now)
        self._search = search
        self._health = health
        self._ask = ask
        self._router = Router(
            placement, ranks.__getitem__, deadline=now + search.timeout_s, attempt_s=attempt_s
        )
        self._pending: dict[asyncio.Task[ShardAnswer], tuple[Attempt, float]] = {}
        self._tasks: dict[int, asyncio.Task[ShardAnswer]] = {}
        self._answers: list[ShardAnswer] = []
        self._seconds: list[float] = []
        self._failure: RidgelineError | None = None
        self._superseded: RidgelineError | None = None

    async def run(self) -> GalleryAnswer:
        try:
            self._begin(self._router.start(time.monotonic()))
            while not self._router.done:
                await self._next_event()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        unsearched = self._router.unsearched
        if unsearched and self._superseded is not None:
            raise self._superseded
        if unsearched and self._failure is not None and not self._answers:
            raise self._failure
        return _together(self._search, self._answers, unsearched)

    def _begin(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            now = time.monotonic()
            request = self._request(attempt, max(attempt.expires - now, 0.0))
            task = asyncio.ensure_future(_answer(self._ask(attempt.shard_id, request)))
            self._pending[task] = attempt, now
            self._tasks[attempt.number] = task

    def _request(self, attempt: Attempt, budget_s: float) -> ShardRequest:
        search = self._search
        return ShardRequest(
            # A shard may be asked twice in one search, and cancelled once.
            request_id=f"{search.search_id}-{uuid.uuid4().hex[:8]}",
            probe=search.probe,
            partitions=attempt.partitions,
            sequence=search.sequence,
            limit=search.limit,
            exhaustive=search.exhaustive,
            timeout_s=budget_s,
            hidden=search.hidden,
        )

    async def _next_event(self) -> None:
        wait = max(self._router.next_expiry - time.monotonic(), 0.0)
        done, _ = await asyncio.wait(
            self._pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            self._finished(task)
        now = time.monotonic()
        over, following = self._router.expire(now)
        for attempt in over:
            self._give_up(attempt, now)
        self._begin(following)

    def _finished(self, task: asyncio.Task[ShardAnswer]) -> None:
        attempt, started = self._pending.pop(task)
        now = time.monotonic()
        error = task.exception()
        if error is not None:
            self._failed(attempt, _failure(error), now - started, now)
            self._begin(self._router.failed(attempt.number, now))
        elif self._router.answered(attempt.number, now):
            self._answers.append(task.result())
            self._health.answered(attempt.shard_id, now - started, self._seconds, now)
            self._seconds.append(now - started)
        else:
            self._failed(attempt, _late(), now - started, now)

    def _give_up(self, attempt: Attempt, now: float) -> None:
        task = self._tasks[attempt.number]
        _, started = self._pending.pop(task)
        task.cancel()
        self._failed(attempt, _late(), now - started, now)

    def _failed(
        self, attempt: Attempt, failure: RidgelineError, seconds: float, now: float
    ) -> None:
        _log.warning("shard %s did not answer: %s", attempt.shard_id, failure.code)
        self._failure = failure
        if failure.code is ErrorCode.SHARD_UNAVAILABLE:
            self._health.failed(attempt.shard_id, now)
        elif failure.code is ErrorCode.DEADLINE_EXCEEDED:
            self._health.late(attempt.shard_id, seconds, self._seconds, now)
        elif failure.code is ErrorCode.SEQUENCE_UNAVAILABLE:
            self._superseded = failure


async def _answer(asked: Awaitable[ShardAnswer]) -> ShardAnswer:
    return await asked


def _failure(error: BaseException) -> RidgelineError:
    if isinstance(error, RidgelineError):
        return error
    return RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "a shard failed")


def _late() -> RidgelineError:
    return RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "no shard answered in time")


def _together(
    search: GallerySearch, answers: list[ShardAnswer], unsearched: tuple[int, ...]
) -> GalleryAnswer:
    partitions: list[PartitionAnswer] = [p for answer in answers for p in answer.partitions]
    return GalleryAnswer(
        sequence=search.sequence,
        partitions=tuple(sorted(partitions, key=lambda p: p.partition)),
        unsearched=unsearched,
        backends=tuple(sorted({answer.backend for answer in answers})),
        stage_seconds=_slowest([answer.stage_seconds for answer in answers]),
    )


def _slowest(reports: list[Mapping[str, float]]) -> dict[str, float]:
    slowest: dict[str, float] = {}
    for report in reports:
        for stage, seconds in report.items():
            slowest[stage] = max(seconds, slowest.get(stage, 0.0))
    return slowest
