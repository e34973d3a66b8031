"""What the client adds to a gRPC call."""

from __future__ import annotations

import asyncio
import contextlib

import grpc
import grpc.aio
import pytest

from coordinator.client.asynchronous import typed_errors
from coordinator.client.failures import ridgeline_error
from coordinator.errors import public_error
from workers.errors import ErrorCode, RidgelineError


@pytest.mark.parametrize("retry_after_s", [None, 0.25])
def test_an_error_comes_back_as_it_was_raised(retry_after_s: float | None) -> None:
    raised = RidgelineError(ErrorCode.OVERLOADED, "", field="backend", retry_after_s=retry_after_s)
    public = public_error(raised)
    none, trailers = grpc.aio.Metadata(), grpc.aio.Metadata(*public.trailers())
    found = ridgeline_error(grpc.aio.AioRpcError(public.status, none, trailers, public.message))
    assert (found.code, found.field) == (raised.code, raised.field)
    assert found.retry_after_s == retry_after_s


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
