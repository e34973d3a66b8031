"""What the client adds to a gRPC call."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from coordinator.client.asynchronous import typed_errors


def test_a_cancellation_that_the_call_lost_is_made_good() -> None:
    async def call() -> str:
        with typed_errors():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)
            return "answered all the same"

    async def cancelled() -> None:
        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
