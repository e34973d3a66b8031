"""Where a coordinator listens: mutual TLS, limits, the names of its services."""

from __future__ import annotations

from pathlib import Path

import grpc
import grpc.aio

from coordinator.config import LimitsConfig, ServerConfig, TlsConfig
from protos.ridgeline.v1 import gallery_pb2, identification_pb2, operations_pb2
from workers.errors import ErrorCode, RidgelineError

SERVICES = tuple(
    service.full_name
    for module in (identification_pb2, gallery_pb2, operations_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)
"""Full names of the services that depend on the gallery."""


def new_server(config: ServerConfig) -> grpc.aio.Server:
    """A server with the limits of its settings; it does not listen yet."""
    return grpc.aio.server(
        options=_options(config.limits), maximum_concurrent_rpcs=config.limits.concurrent_calls
    )


def listen(server: grpc.aio.Server, config: ServerConfig) -> str:
    """Binds the address of the settings; returns the one that clients connect to.

    Raises:
        RidgelineError: INVALID_FIELD where nobody can listen there, or a file cannot be read.
    """
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
