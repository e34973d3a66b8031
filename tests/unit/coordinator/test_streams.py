"""Bounded concurrency: everything answered, never too much at once, nothing left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from coordinator.group_commit import GroupCommit
from coordinator.streams import concurrently


async def _numbers(count: int, taken: list[int]) -> AsyncIterator[int]:
    for i in range(count):
        taken.append(i)
        yield i


def test_every_item_is_answered_once() -> None:
    async def double(i: int) -> int:
        await asyncio.sleep(0.001 * (i % 3))
        return 2 * i

    async def collect() -> list[int]:
        return [r async for r in concurrently(_numbers(40, []), double, limit=4)]

    assert sorted(asyncio.run(collect())) == [2 * i for i in range(40)]


def test_a_slow_reader_is_read_from_slowly() -> None:
    taken: list[int] = []

    async def same(i: int) -> int:
        return i

    async def read_two() -> int:
        stream = concurrently(_numbers(100, taken), same, limit=3)
        await anext(stream)
        await asyncio.sleep(0.02)
        before = len(taken)
        await stream.aclose()
        return before

    assert asyncio.run(read_two()) <= 3


def test_what_runs_is_cancelled_when_the_reader_leaves() -> None:
    cancelled: list[int] = []

    async def work(i: int) -> int:
        if i == 0:
            return i
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(i)
            raise
        return i

    async def leave() -> None:
        stream = concurrently(_numbers(9, []), work, limit=4)
        assert await anext(stream) == 0
        await asyncio.sleep(0.01)
        await stream.aclose()

    asyncio.run(leave())
    assert sorted(cancelled) == [1, 2, 3]


def test_an_error_of_the_input_reaches_the_reader() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError

    async def same(i: int) -> int:
        return i

    async def collect() -> None:
        async for _ in concurrently(broken(), same, limit=2):
            pass

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(collect())
    assert caught.group_contains(ConnectionError)


def test_a_group_takes_what_came_while_the_last_was_written() -> None:
    groups: list[list[int]] = []

    def write(items: Sequence[int]) -> list[int | Exception]:
        groups.append(list(items))
        return [ValueError(i) if i == 3 else i for i in items]

    async def submit() -> list[int | BaseException]:
        commit = GroupCommit(write, group_max=4)
        return await asyncio.gather(*(commit.submit(i) for i in range(10)), return_exceptions=True)

    results = asyncio.run(submit())
    assert groups == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert isinstance(results[3], ValueError)
    assert [r for i, r in enumerate(results) if i != 3] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_a_failed_group_fails_everyone_in_it_and_no_other() -> None:
    def write(items: Sequence[int]) -> list[int | Exception]:
        if 0 in items:
            raise OSError
        return list(items)

    async def submit() -> list[int | BaseException]:
        commit = GroupCommit(write, group_max=2)
        return await asyncio.gather(*(commit.submit(i) for i in range(4)), return_exceptions=True)

    results = asyncio.run(submit())
    assert isinstance(results[0], OSError)
    assert isinstance(results[1], OSError)
    assert results[2:] == [2, 3]
