"""A whole coordinator: store, executor and front door, started and stopped together.

async with running_node(load_config(path)) as address: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.config import ClusterConfig
from cluster.launch import make_executor
from cluster.store import FileKeyProvider, Store
from coordinator.config import ServerConfig, StoreConfig
from coordinator.server import running_server
from coordinator.toml_config import load_toml

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


@contextlib.asynccontextmanager
async def running_node(config: NodeConfig) -> AsyncIterator[str]:
    """Opens the store, starts shards and extractors, serves; undoes all that when left.

    Yields:
        The address that clients connect to, ``"host:port"``.
    """
    keys = FileKeyProvider(config.store.key_file)
    store = await asyncio.to_thread(
        Store.open, config.store.url, keys, partitions=config.store.partitions
    )
    try:
        executor = make_executor(config.cluster, store, keys)
        try:
            await executor.start()
            async with running_server(config.server, store, executor) as address:
                yield address
        finally:
            await executor.stop()
    finally:
        await asyncio.to_thread(store.close)


async def serve(config: NodeConfig, ready: Callable[[str], None] = lambda _: None) -> None:
    """Serves until SIGTERM or SIGINT, then drains.

    Args:
        ready: told the address once the gallery is loaded and clients can connect.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def listen() -> None:
        for number in signals:
            loop.add_signal_handler(number, stop.set)

    listen()
    try:
        async with running_node(config) as address:
            listen()  # Ray has put handlers of its own in the place of ours
            _log.info("serving on %s", address)
            ready(address)
            await stop.wait()
            _log.info("draining")
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
