"""Group commit: what arrives while one transaction is being written shares the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Collects items from many callers and writes them together, in the order they came.

    Args:
        write: writes a group in one transaction and blocks until it is durable; gives each
            item its result, or the error it alone failed with. Runs in a thread, one group at
            a time. An error that it raises fails the whole group.
        group_max: items in one transaction at most.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, group_max: int
    ) -> None:
        self._write = write
        self._group_max = group_max
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writer: asyncio.Task[None] | None = None

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Hands an item over; it is written even if nobody awaits the result."""
        written: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting())
        return written

    async def close(self) -> None:
        """Waits until everything handed over is written."""
        if self._writer is not None:
            await self._writer

    async def _write_waiting(self) -> None:
        while self._waiting:
            group = self._waiting[: self._group_max]
            del self._waiting[: self._group_max]
            results: Sequence[Result | Exception]
            try:
                results = await asyncio.to_thread(self._write, [item for item, _ in group])
            except Exception as error:  # noqa: BLE001 - handed to those who wait for it
                results = [error] * len(group)
            for (_, written), result in zip(group, results, strict=True):
                _settle(written, result)


def _settle(future: asyncio.Future[Result], result: Result | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
        future.exception()  # a caller who left need not look at it
    else:
        future.set_result(result)
