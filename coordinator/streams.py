"""Streams of requests, worked on side by side but never too many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def concurrently(
    items: AsyncIterator[Item], work: Callable[[Item], Awaitable[Result]], *, limit: int
) -> AsyncGenerator[Result, None]:
    """Results of `work` on each item, as they are ready.

    No more than `limit` items are taken whose results have not been consumed, so a caller that
    reads slowly is read from slowly. When the consumer leaves, what is running is cancelled.

    Args:
        work: must not raise for a failed item; if it does, everything stops with that error.
    """
    slots = asyncio.Semaphore(limit)
    results: asyncio.Queue[Result | _End] = asyncio.Queue()

    async def run(item: Item) -> None:
        results.put_nowait(await work(item))

    async def feed() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                await slots.acquire()
                async for item in items:
                    tasks.create_task(run(item))
                    await slots.acquire()
        finally:
            results.put_nowait(_End())

    feeder = asyncio.create_task(feed())
    try:
        while not isinstance(result := await results.get(), _End):
            yield result
            slots.release()
        await feeder
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)


class _End:
    """Stands behind the last result."""
