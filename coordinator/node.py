"""A whole coordinator: store, executor and front door, started and stopped together.

async with running_node(load_config(path)) as node: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cluster.config import ClusterConfig
from cluster.launch import make_executor
from cluster.store import Database, FileKeyProvider, Lease, Store
from cluster.store.opening import prepare
from coordinator.config import ServerConfig, StoreConfig
from coordinator.server import running_server
from coordinator.standby import standing_by
from coordinator.tenure import become_active, holding
from coordinator.toml_config import load_toml
from workers.errors import ErrorCode, RidgelineError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Everything that a coordinator needs.

    Attributes:
        server: the front door.
        store: the gallery's system of record.
        cluster: where shards and extractors run.
    """

    server: ServerConfig
    store: StoreConfig
    cluster: ClusterConfig = field(default_factory=ClusterConfig)


def load_config(path: Path, overrides: Mapping[str, Any] | None = None) -> NodeConfig:
    """Reads a configuration file; `overrides` are values by dotted key.

    Raises:
        RidgelineError: INVALID_FIELD naming the setting.
    """
    return load_toml(NodeConfig, path, overrides)


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A coordinator that is the active one.

    Attributes:
        address: that clients connect to, ``"host:port"``.
        deposed: set once another has taken over; then nothing can be answered here any more.
    """

    address: str
    deposed: asyncio.Event


@contextlib.asynccontextmanager
async def running_node(
    config: NodeConfig, stop: asyncio.Event | None = None
) -> AsyncIterator[RunningNode]:
    """Stands by while another is active; then opens the gallery, starts shards and extractors,
    and serves. Undoes all that when left.

    Args:
        stop: ends standing by.

    Raises:
        RidgelineError: CANCELLED when it was stopped while standing by.
    """
    keys = FileKeyProvider(config.store.key_file)
    database = Database(config.store.url)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, database.close)
        lease = Lease(database, lasts_s=config.store.lease_s)
        await asyncio.to_thread(lease.prepare)
        server = config.server
        async with contextlib.AsyncExitStack() as waiting:
            if not await asyncio.to_thread(lease.try_acquire):
                # Clients find the same address when it has become active.
                address = await waiting.enter_async_context(standing_by(server, lease))
                server = replace(server, address=address)
                await become_active(lease, stop or asyncio.Event())
                _log.info("taking over")
            deposed = await stack.enter_async_context(holding(lease))
            # Only now: a newer release that stands by must not upgrade what is in use.
            await asyncio.to_thread(prepare, database, config.store.partitions)
            store = Store(database, keys)
            executor = make_executor(config.cluster, store, keys)
            stack.push_async_callback(executor.stop)
            await executor.start()
        address = await stack.enter_async_context(running_server(server, store, executor, lease))
        yield RunningNode(address, deposed)


async def serve(config: NodeConfig, ready: Callable[[str], None] = lambda _: None) -> None:
    """Serves, once this coordinator is the active one, until SIGTERM or SIGINT; then drains.

    Args:
        ready: told the address once the gallery is loaded and clients can connect.

    Raises:
        RidgelineError: NOT_ACTIVE after another coordinator has taken over.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def listen() -> None:
        for number in signals:
            loop.add_signal_handler(number, stop.set)

    listen()
    try:
        async with running_node(config, stop) as node:
            listen()  # Ray has put handlers of its own in the place of ours
            _log.info("serving on %s", node.address)
            ready(node.address)
            await _first(stop, node.deposed)
            _log.info("draining")
        if not stop.is_set():
            raise RidgelineError(ErrorCode.NOT_ACTIVE, "another has taken over; this one has ended")
    except RidgelineError as error:
        if error.code is not ErrorCode.CANCELLED:
            raise
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _first(*events: asyncio.Event) -> None:
    """Returns when one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
