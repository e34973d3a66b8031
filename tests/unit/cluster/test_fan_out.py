"""One search over shards that fail, hang or are slow, without any shard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from cluster import shard_health
from cluster.executors.admission import RETRY_RANGE_S, Admission
from cluster.executors.fan_out import fan_out
from cluster.executors.interface import GalleryAnswer, GallerySearch
from cluster.placement import Slot, place
from cluster.shard_health import ShardHealth
from tests.populations import encounter
from workers.errors import ErrorCode, RidgelineError
from workers.matching.probe import prepare_probe
from workers.shard import PartitionAnswer, ShardAnswer, ShardRequest

PARTITIONS = 8
TWICE = place(PARTITIONS, [Slot("a", "n1"), Slot("b", "n2")], replicas=2)

Behaviour = Callable[[ShardRequest], Awaitable[None]]


def search(timeout_s: float) -> GallerySearch:
    probe = prepare_probe(encounter(0))
    return GallerySearch("search", probe, 1, 5, exhaustive=False, timeout_s=timeout_s)


async def prompt(request: ShardRequest) -> None:
    await asyncio.sleep(0.02)


async def hang(request: ShardRequest) -> None:
    await asyncio.sleep(3600)


async def refuse(request: ShardRequest) -> None:
    raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "no")


class Shards:
    """What is asked of two shards, and how each behaves."""

    def __init__(self, **behaviours: Behaviour) -> None:
        self.behaviours = behaviours
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.health = ShardHealth()

    async def ask(self, shard_id: str, request: ShardRequest) -> ShardAnswer:
        self.asked.append(shard_id)
        try:
            await self.behaviours[shard_id](request)
        except asyncio.CancelledError:
            self.cancelled.append(shard_id)
            raise
        parts = tuple(PartitionAnswer(p, 0, 0, 0, ()) for p in request.partitions)
        return ShardAnswer(shard_id, "numpy", request.sequence, parts, {"screen": 0.5})

    async def search(self, timeout_s: float = 60.0, attempt_s: float = 60.0) -> GalleryAnswer:
        return await fan_out(search(timeout_s), TWICE, self.health, self.ask, attempt_s=attempt_s)


def whole(answer: GalleryAnswer) -> bool:
    numbers = [partition.partition for partition in answer.partitions]
    return answer.unsearched == () and numbers == list(range(PARTITIONS))


@pytest.fixture
def long_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is held up does not see a shard tried again."""
    monkeypatch.setattr(shard_health, "HOLD_S", 600.0)


@pytest.mark.usefixtures("long_hold")
@pytest.mark.parametrize("trouble", [hang, refuse])
def test_only_the_first_search_pays_for_a_shard_in_trouble(trouble: Behaviour) -> None:
    async def run() -> None:
        shards = Shards(a=trouble, b=prompt)
        assert whole(await shards.search(attempt_s=1.0))
        assert shards.cancelled == (["a"] if trouble is hang else [])
        shards.asked.clear()
        for answer in await asyncio.gather(*(shards.search() for _ in range(5))):
            assert whole(answer)
        assert shards.asked == ["b"] * 5

    asyncio.run(run())


@pytest.mark.usefixtures("long_hold")
def test_a_slow_shard_is_remembered_too() -> None:
    async def slow(request: ShardRequest) -> None:
        await asyncio.sleep(1.0)

    async def run() -> None:
        shards = Shards(a=slow, b=prompt)
        assert whole(await shards.search())
        shards.asked.clear()
        assert whole(await shards.search())
        assert shards.asked == ["b"]

    asyncio.run(run())


def test_cancelling_a_search_cancels_its_attempts() -> None:
    async def run() -> None:
        shards = Shards(a=hang, b=hang)
        task = asyncio.create_task(shards.search())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted(shards.cancelled) == ["a", "b"]

    asyncio.run(run())


def test_silence_of_all_ends_at_the_deadline() -> None:
    async def run() -> None:
        shards = Shards(a=hang, b=hang)
        started = time.monotonic()
        with pytest.raises(RidgelineError) as caught:
            await shards.search(timeout_s=0.5)
        assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
        assert 0.4 < time.monotonic() - started < 20.0

    asyncio.run(run())


def test_searches_above_the_limit_are_refused_with_a_time_to_come_again() -> None:
    async def run() -> None:
        shards = Shards(a=prompt, b=prompt)
        admission = Admission(2)

        async def admitted() -> GalleryAnswer:
            with admission.admitted():
                return await shards.search()

        answers = await asyncio.gather(*(admitted() for _ in range(5)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, RidgelineError)]
        assert len(refused) == 3
        for error in refused:
            assert error.code is ErrorCode.OVERLOADED
            assert error.retry_after_s is not None
            assert RETRY_RANGE_S[0] <= error.retry_after_s <= RETRY_RANGE_S[1]
        assert whole(await admitted())

    asyncio.run(run())
