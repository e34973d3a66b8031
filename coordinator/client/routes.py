"""The way of a call to the active coordinator, blocking and asynchronous.

A call that may be repeated is tried on one coordinator after the other, as `Attempts` decides.
Where there are several, one that waits long for its answer asks the others meanwhile: only the
active coordinator is SERVING, so if another one is, the answer will not come from where it was
asked, and the call moves. A call that may not be repeated goes to whichever is SERVING, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from coordinator.client.attempts import Attempts
from coordinator.client.config import ClientConfig
from coordinator.client.coordinators import (
    CHECK_TIMEOUT_S,
    SERVING,
    AsyncCoordinator,
    BlockingCoordinator,
    async_coordinators,
    blocking_coordinators,
)
from coordinator.client.failures import ridgeline_error
from coordinator.client.requests import fitting
from workers.errors import ErrorCode, RidgelineError

POLL_S = 0.1
"""Between looks for a coordinator that serves."""

Coordinator = TypeVar("Coordinator", BlockingCoordinator, AsyncCoordinator)
Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response")


class _MovedError(Exception):
    """Another coordinator serves; the call goes there."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


class _Route(Generic[Coordinator]):
    """What both kinds share: the coordinators, and which of them answered last."""

    def __init__(self, config: ClientConfig, coordinators: list[Coordinator]) -> None:
        self.config = config
        self.coordinators: list[Coordinator] = coordinators
        self._place = 0
        self._draw = random.Random()  # noqa: S311 - spreads retries, keeps no secret
        self._closed = False

    @property
    def current(self) -> Coordinator:
        """The one that answered last."""
        return self.coordinators[self._place]

    def timeout(self, timeout_s: float | None) -> float:
        """Seconds that a call gets."""
        return self.config.timeout_s if timeout_s is None else timeout_s

    def _attempts(self, deadline: float) -> Attempts:
        return Attempts(self.config, self._place, deadline, self._draw)

    def _next(self, attempts: Attempts, error: grpc.RpcError, now: float) -> float:
        """Seconds to wait before the next attempt; raises what the call failed with, if none."""
        failure = ridgeline_error(error)
        wait = None if self._closed else attempts.failed(failure, now)
        if wait is None:
            raise (attempts.error or failure) from None
        return wait

    def _others(self, place: int) -> list[int]:
        return [other for other in range(len(self.coordinators)) if other != place]


class BlockingRoute(_Route[BlockingCoordinator]):
    """For threads; many may call at once."""

    def __init__(self, config: ClientConfig) -> None:
        super().__init__(config, blocking_coordinators(config))

    def close(self) -> None:
        """Closes the connections; calls under way fail."""
        self._closed = True
        for coordinator in self.coordinators:
            coordinator.channel.close()

    def call(
        self,
        method: Callable[[BlockingCoordinator], grpc.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
        timeout_s: float | None,
    ) -> Response:
        """The answer to a call that may be repeated.

        Args:
            timeout_s: for all attempts together; None takes the configured one.

        Raises:
            RidgelineError: what the attempts failed with; INVALID_FIELD for a request that no
                server would take.
        """
        fitting(request, self.config.message_max_bytes)
        deadline = time.monotonic() + self.timeout(timeout_s)
        attempts = self._attempts(deadline)
        while True:
            try:
                answer = self._attempt(attempts.place, method, request, deadline)
            except _MovedError as moved:
                attempts.moved(moved.place)
            except grpc.RpcError as error:
                time.sleep(self._next(attempts, error, time.monotonic()))
            else:
                self._place = attempts.place
                return answer

    def find(self) -> BlockingCoordinator:
        """The active coordinator; the one that answered last, where none says that it is."""
        if len(self.coordinators) > 1:
            order = [self._place, *self._others(self._place)]
            self._place = next(filter(self._serves, order), self._place)
        return self.current

    def wait_until_serving(self, timeout_s: float) -> None:
        """Returns when one is active and can search enough of the gallery; or raises."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for place in range(len(self.coordinators)):
                if self._serves(place, deadline - time.monotonic()):
                    self._place = place
                    return
            time.sleep(POLL_S)
        raise _not_serving(timeout_s)

    def _attempt(
        self,
        place: int,
        method: Callable[[BlockingCoordinator], grpc.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
        deadline: float,
    ) -> Response:
        left = max(deadline - time.monotonic(), 0.0)
        call = method(self.coordinators[place]).future(request, timeout=left)
        try:
            while True:
                with contextlib.suppress(grpc.FutureTimeoutError):
                    return call.result(self.config.check_s if self._others(place) else None)
                for other in filter(self._serves, self._others(place)):
                    raise _MovedError(other)
        finally:
            call.cancel()

    def _serves(self, place: int, timeout_s: float = CHECK_TIMEOUT_S) -> bool:
        check = self.coordinators[place].health.Check
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=min(timeout_s, CHECK_TIMEOUT_S))
        except grpc.RpcError:
            return False
        return bool(answer.status == SERVING)


class AsyncRoute(_Route[AsyncCoordinator]):
    """For one event loop."""

    def __init__(self, config: ClientConfig) -> None:
        super().__init__(config, async_coordinators(config))

    async def close(self) -> None:
        """Closes the connections; calls under way fail."""
        self._closed = True
        for coordinator in self.coordinators:
            await coordinator.channel.close()

    async def call(
        self,
        method: Callable[[AsyncCoordinator], grpc.aio.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
        timeout_s: float | None,
    ) -> Response:
        """See `BlockingRoute.call`."""
        fitting(request, self.config.message_max_bytes)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timeout(timeout_s)
        attempts = self._attempts(deadline)
        while True:
            try:
                answer = await self._attempt(attempts.place, method, request, deadline)
            except _MovedError as moved:
                attempts.moved(moved.place)
            except grpc.RpcError as error:
                await asyncio.sleep(self._next(attempts, error, loop.time()))
            else:
                self._place = attempts.place
                return answer

    async def find(self) -> AsyncCoordinator:
        """See `BlockingRoute.find`."""
        if len(self.coordinators) > 1:
            serving = await self._serving([self._place, *self._others(self._place)])
            self._place = self._place if serving is None else serving
        return self.current

    async def wait_until_serving(self, timeout_s: float) -> None:
        """See `BlockingRoute.wait_until_serving`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while loop.time() < deadline:
            places = list(range(len(self.coordinators)))
            serving = await self._serving(places, deadline - loop.time())
            if serving is not None:
                self._place = serving
                return
            await asyncio.sleep(POLL_S)
        raise _not_serving(timeout_s)

    async def _attempt(
        self,
        place: int,
        method: Callable[[AsyncCoordinator], grpc.aio.UnaryUnaryMultiCallable[Request, Response]],
        request: Request,
        deadline: float,
    ) -> Response:
        left = max(deadline - asyncio.get_running_loop().time(), 0.0)
        call = asyncio.ensure_future(
            _answer(method(self.coordinators[place])(request, timeout=left))
        )
        others = self._others(place)
        pause_s = self.config.check_s if others else None
        try:
            while True:
                # Unlike a call's own await, this one never loses a cancellation.
                done, _ = await asyncio.wait({call}, timeout=pause_s)
                if done:
                    return call.result()
                serving = await self._serving(others)
                if serving is not None:
                    raise _MovedError(serving)
        finally:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    async def _serving(self, places: list[int], timeout_s: float = CHECK_TIMEOUT_S) -> int | None:
        """The first of them that serves."""
        checks = await asyncio.gather(*(self._serves(place, timeout_s) for place in places))
        return next((place for place, serves in zip(places, checks, strict=True) if serves), None)

    async def _serves(self, place: int, timeout_s: float) -> bool:
        check = self.coordinators[place].health.Check
        try:
            answer = await check(
                health_pb2.HealthCheckRequest(), timeout=min(timeout_s, CHECK_TIMEOUT_S)
            )
        except grpc.RpcError:
            return False
        return bool(answer.status == SERVING)


async def _answer(call: Awaitable[Response]) -> Response:
    return await call


def _not_serving(timeout_s: float) -> RidgelineError:
    return RidgelineError(
        ErrorCode.DEADLINE_EXCEEDED, f"the server was not serving within {timeout_s:g} s"
    )
