"""The active coordinator's server: its services, health, graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cluster.executors.interface import Executor
from cluster.store import Lease, Store
from coordinator.access import load_policy
from coordinator.audit import AuditLog
from coordinator.calls import CallGate
from coordinator.config import ServerConfig
from coordinator.gallery import Gallery
from coordinator.health import HealthWatcher
from coordinator.listening import SERVICES, listen, new_server
from coordinator.repeats import Repeats
from coordinator.search.run import Searcher
from coordinator.servicers.gallery import GalleryServicer
from coordinator.servicers.identification import IdentificationServicer
from coordinator.servicers.operations import OperationsServicer
from protos.ridgeline.v1 import (
    gallery_pb2_grpc,
    identification_pb2_grpc,
    operations_pb2_grpc,
)
from workers.matching.backends import load_backend

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def running_server(
    config: ServerConfig, store: Store, executor: Executor, lease: Lease
) -> AsyncIterator[str]:
    """Serves a gallery until left; then drains: calls under way finish within the grace.

    Args:
        executor: started; it stays the caller's to stop, after this is left.
        lease: held.

    Yields:
        The address that clients connect to, ``"host:port"``.
    """
    audit, gallery = AuditLog(store.database), Gallery(store)
    server = new_server(config)
    watcher = HealthWatcher(
        executor,
        lease,
        SERVICES,
        required_coverage=config.required_coverage,
        interval_s=config.health_interval_s,
    )
    _add_services(server, config, audit, gallery, executor, lease)
    health_pb2_grpc.add_HealthServicer_to_server(watcher.servicer, server)
    if config.reflection:
        names = (*SERVICES, *health_pb2.DESCRIPTOR.services_by_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    address = listen(server, config)
    await server.start()
    _log.info("listening on %s", address)
    try:
        async with watcher.watching():
            yield address
    finally:
        # Not to be cut short by whatever ended us: what was begun is finished and recorded.
        await asyncio.shield(_drain(server, config.shutdown_grace_s, audit, gallery))


async def _drain(
    server: grpc.aio.Server, grace_s: float, audit: AuditLog, gallery: Gallery
) -> None:
    await server.stop(grace_s)
    await gallery.close()
    await audit.close()
    _log.info("stopped")


def _add_services(
    server: grpc.aio.Server,
    config: ServerConfig,
    audit: AuditLog,
    gallery: Gallery,
    executor: Executor,
    lease: Lease,
) -> None:
    required = config.required_coverage
    gate = CallGate(
        load_policy(config.policy_file), audit, max_deadline_s=config.limits.max_deadline_s
    )
    searcher = Searcher(executor, gallery, required_coverage=required)
    identification_pb2_grpc.add_IdentificationServiceServicer_to_server(
        IdentificationServicer(
            gate, searcher, gallery, Repeats(audit), load_backend("numpy"), config.limits
        ),
        server,
    )
    gallery_pb2_grpc.add_GalleryServiceServicer_to_server(
        GalleryServicer(gate, searcher, gallery, config.limits), server
    )
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(
        OperationsServicer(gate, executor, gallery, lease, required_coverage=required), server
    )
