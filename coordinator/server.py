"""The gRPC server: mutual TLS, limits, health, graceful shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cluster.executors.interface import Executor
from cluster.store import Store
from coordinator.access import load_policy
from coordinator.audit import AuditLog
from coordinator.calls import CallGate
from coordinator.config import LimitsConfig, ServerConfig, TlsConfig
from coordinator.gallery import Gallery
from coordinator.health import HealthWatcher
from coordinator.repeats import Repeats
from coordinator.search.run import Searcher
from coordinator.servicers.gallery import GalleryServicer
from coordinator.servicers.identification import IdentificationServicer
from coordinator.servicers.operations import OperationsServicer
from protos.ridgeline.v1 import (
    gallery_pb2,
    gallery_pb2_grpc,
    identification_pb2,
    identification_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
)
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend

SERVICES = tuple(
    service.full_name
    for module in (identification_pb2, gallery_pb2, operations_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)
"""Full names of the services that depend on the gallery."""

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def running_server(
    config: ServerConfig, store: Store, executor: Executor
) -> AsyncIterator[str]:
    """Serves a gallery until left; then drains: calls under way finish within the grace.

    Args:
        executor: started; it stays the caller's to stop, after this is left.

    Yields:
        The address that clients connect to, ``"host:port"``.
    """
    audit, gallery = AuditLog(store.database), Gallery(store)
    server = grpc.aio.server(
        options=_options(config.limits), maximum_concurrent_rpcs=config.limits.concurrent_calls
    )
    watcher = HealthWatcher(
        executor,
        SERVICES,
        required_coverage=config.required_coverage,
        interval_s=config.health_interval_s,
    )
    _add_services(server, config, audit, gallery, executor)
    health_pb2_grpc.add_HealthServicer_to_server(watcher.servicer, server)
    if config.reflection:
        names = (*SERVICES, *health_pb2.DESCRIPTOR.services_by_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    address = _listen(server, config)
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
        OperationsServicer(gate, executor, gallery, required_coverage=required), server
    )


def _listen(server: grpc.aio.Server, config: ServerConfig) -> str:
    host = config.address.rpartition(":")[0]
    try:
        port = server.add_secure_port(config.address, _credentials(config.tls))
    except RuntimeError as error:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, "cannot listen there", field="server.address"
        ) from error
    return f"{host}:{port}"


def _credentials(tls: TlsConfig) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(_read(tls.key_file, "key_file"), _read(tls.certificate_file, "certificate_file"))],
        root_certificates=_read(tls.client_ca_file, "client_ca_file"),
        require_client_auth=True,
    )


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, "cannot be read", field=f"server.tls.{field}"
        ) from error


def _options(limits: LimitsConfig) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.message_max_bytes),
        ("grpc.max_send_message_length", limits.message_max_bytes),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _ms(limits.ping_min_interval_s)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_idle_ms", _ms(limits.connection_idle_max_s)),
        ("grpc.so_reuseport", 0),  # a port in use is an error, not shared
    ]


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
