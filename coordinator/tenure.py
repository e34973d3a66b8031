"""The time in which this process is the active coordinator: awaited, kept, given back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from cluster.store import Lease
from workers.errors import ErrorCode, RidgelineError

RENEWALS_A_LEASE = 3
"""Two may fail or come late before a standby takes over."""

LOOKS_A_LEASE = 10
"""Of a standby at the lease while it waits."""

LONGEST_LOOK_S = 1.0

_log = logging.getLogger(__name__)


async def become_active(lease: Lease, stop: asyncio.Event) -> None:
    """Returns when this process holds the lease; a store that does not answer is waited for.

    Args:
        stop: ends the waiting.

    Raises:
        RidgelineError: CANCELLED when it was stopped first.
    """
    pause_s = min(lease.lasts_s / LOOKS_A_LEASE, LONGEST_LOOK_S)
    while not await _taken(lease):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)
        if stop.is_set():
            raise RidgelineError(ErrorCode.CANCELLED, "stopped while standing by")


@contextlib.asynccontextmanager
async def holding(lease: Lease) -> AsyncIterator[asyncio.Event]:
    """Renews the lease until left, then releases it.

    Yields:
        an event that is set once another coordinator has taken over.
    """
    loop, deposed = asyncio.get_running_loop(), asyncio.Event()

    def lost() -> None:
        loop.call_soon_threadsafe(deposed.set)

    lease.on_lost = lost
    renewing = asyncio.create_task(_renew(lease, deposed))
    try:
        yield deposed
    finally:
        lease.on_lost = lambda: None
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        await asyncio.shield(_release(lease))


async def _taken(lease: Lease) -> bool:
    try:
        return await asyncio.to_thread(lease.try_acquire)
    except RidgelineError as error:
        _log.warning("the lease cannot be taken: %s", error)
        return False


async def _renew(lease: Lease, deposed: asyncio.Event) -> None:
    while not deposed.is_set():
        await asyncio.sleep(lease.lasts_s / RENEWALS_A_LEASE)
        try:
            await asyncio.to_thread(lease.renew)
        except RidgelineError as error:
            _log.warning("the lease was not renewed: %s", error)


async def _release(lease: Lease) -> None:
    try:
        await asyncio.to_thread(lease.release)
    except RidgelineError as error:
        _log.warning("the lease was not released: %s", error)
