"""Carries out a router's instructions: attempts side by side, each with a time of its own."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping

from cluster.executors.interface import GalleryAnswer, GallerySearch
from cluster.routing import Attempt, Router
from workers.errors import ErrorCode, RidgelineError
from workers.shard import PartitionAnswer, ShardAnswer, ShardRequest

_log = logging.getLogger(__name__)

Ask = Callable[[str, ShardRequest], Awaitable[ShardAnswer]]
"""Sends a request to a shard. Cancelling the awaitable must stop the shard's work."""

ATTEMPT_SHARE = 0.6
"""Share of the remaining time that an attempt may take while another replica could follow."""


async def fan_out(search: GallerySearch, router: Router, ask: Ask, replicas: int) -> GalleryAnswer:
    """Searches every partition through `ask`, failing over by the router's instructions.

    Raises:
        RidgelineError: CANCELLED passes through; SEQUENCE_UNAVAILABLE when that is why a
            partition has no answer, since a newer sequence may have; DEADLINE_EXCEEDED when
            nothing was answered in time; the last failure when nothing was answered for
            another reason.
    """
    deadline = time.monotonic() + search.timeout_s
    answers: list[ShardAnswer] = []
    failure: RidgelineError | None = None
    pending: dict[asyncio.Task[ShardAnswer], Attempt] = {}

    def begin(attempts: Iterable[Attempt], tries_left: int) -> None:
        for attempt in attempts:
            left = max(deadline - time.monotonic(), 0.0)
            budget = left * ATTEMPT_SHARE if tries_left > 0 else left
            pending[asyncio.create_task(_attempt(search, attempt, budget, ask))] = attempt

    tries = replicas - 1
    begin(router.start(), tries)
    try:
        while pending:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                attempt = pending.pop(task)
                error = task.exception()
                if error is None:
                    router.answered(attempt.number)
                    answers.append(task.result())
                    continue
                failure = _failure(error)
                _log.warning("shard %s did not answer: %s", attempt.shard_id, failure.code)
                tries -= 1
                begin(router.failed(attempt.number), tries)
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    superseded = failure is not None and failure.code is ErrorCode.SEQUENCE_UNAVAILABLE
    if failure is not None and router.unsearched and (superseded or not answers):
        raise failure
    return _together(search, answers, router.unsearched)


async def _attempt(
    search: GallerySearch, attempt: Attempt, budget_s: float, ask: Ask
) -> ShardAnswer:
    request = ShardRequest(
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
    return await asyncio.wait_for(ask(attempt.shard_id, request), budget_s)


def _failure(error: BaseException) -> RidgelineError:
    if isinstance(error, RidgelineError):
        return error
    if isinstance(error, TimeoutError):
        return RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "no shard answered in time")
    return RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "a shard failed")


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
