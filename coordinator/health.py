"""gRPC health: SERVING only while enough of the gallery can be searched and answers recorded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from grpc_health.v1 import health, health_pb2

from cluster.executors.interface import Executor
from cluster.store import Lease
from coordinator.servicers.operations import serving

_log = logging.getLogger(__name__)


class HealthWatcher:
    """Keeps the health service true to what the executor can search.

    Args:
        lease: held by this process.
        services: full names of the services that depend on the gallery.
        required_coverage: share of partitions that must be ready, 0-1.
        interval_s: between looks.
    """

    def __init__(
        self,
        executor: Executor,
        lease: Lease,
        services: Sequence[str],
        *,
        required_coverage: float,
        interval_s: float,
    ) -> None:
        self.servicer = health.aio.HealthServicer()
        self._executor = executor
        self._lease = lease
        self._services = ("", *services)
        self._required_coverage = required_coverage
        self._interval_s = interval_s
        self._last: bool | None = None

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Looks once, then again and again until left; then NOT_SERVING for good."""
        await self._look()
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.servicer.enter_graceful_shutdown()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(max(self._interval_s, 1.0)):
                enough = serving(await self._executor.status(), self._required_coverage)
            # Without a lease that was renewed in time, no answer could be recorded.
            now = enough and self._lease.is_fresh()
        except Exception as error:  # noqa: BLE001 - whatever it is, we cannot search
            _log.warning("the executor's state is unknown: %s", type(error).__name__)
            now = False
        if now != self._last:
            _log.info("health: %s", "serving" if now else "not serving")
        self._last = now
        codes = health_pb2.HealthCheckResponse
        for service in self._services:
            await self.servicer.set(service, codes.SERVING if now else codes.NOT_SERVING)
