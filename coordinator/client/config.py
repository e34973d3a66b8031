"""How a client reaches the server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import grpc

from protos.ridgeline.v1 import gallery_pb2, identification_pb2, operations_pb2
from workers.errors import ErrorCode, RidgelineError

MIB = 1024 * 1024

_RETRIED = {
    identification_pb2: ("Identify", "Verify", "Explain"),
    gallery_pb2: ("Enroll", "GetSubject"),
    operations_pb2: ("GetStatus",),
}
"""Methods whose repeat does no harm; `Enroll` because the client always names the encounter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Connection of a client.

    Attributes:
        address: of the server, ``"host:port"``.
        ca_file: certificate of the authority that signed the server's, PEM.
        certificate_file: the client's own certificate, PEM.
        key_file: its key, PEM.
        server_name: name in the server's certificate, where the address has another.
        timeout_s: deadline of a call that is given none, seconds.
        message_max_bytes: largest message sent or taken; the server has a limit of its own.
        attempts: at calling a server that is unavailable, within the deadline, 1-5.
        first_retry_s: mean wait before the second attempt, seconds; doubles each time.
        longest_retry_s: longest mean wait between attempts, seconds.
    """

    address: str
    ca_file: Path
    certificate_file: Path
    key_file: Path
    server_name: str = ""
    timeout_s: float = 60.0
    message_max_bytes: int = 32 * MIB
    attempts: int = 5
    first_retry_s: float = 0.2
    longest_retry_s: float = 2.0

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the certificate files.

        Raises:
            RidgelineError: INVALID_FIELD naming the file that cannot be read.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca_file, "ca_file"),
            private_key=_read(self.key_file, "key_file"),
            certificate_chain=_read(self.certificate_file, "certificate_file"),
        )

    def channel_options(self) -> list[tuple[str, str | int]]:
        """gRPC channel options."""
        options: list[tuple[str, str | int]] = [
            ("grpc.max_send_message_length", self.message_max_bytes),
            ("grpc.max_receive_message_length", self.message_max_bytes),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.enable_retries", 1),
            ("grpc.service_config", json.dumps(self._service_config())),
        ]
        if self.server_name:
            options.append(("grpc.ssl_target_name_override", self.server_name))
        return options

    def _service_config(self) -> dict[str, object]:
        """gRPC's own retries (gRFC A6), for methods that may be repeated."""
        if self.attempts < 2:
            return {}
        names = [
            {"service": service.full_name, "method": method}
            for module, methods in _RETRIED.items()
            for service in module.DESCRIPTOR.services_by_name.values()
            for method in methods
        ]
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": f"{self.first_retry_s}s",
            "maxBackoff": f"{self.longest_retry_s}s",
            "backoffMultiplier": 2,
            # A server that begins to stop may cancel what arrives just then.
            "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
        }
        return {"methodConfig": [{"name": names, "retryPolicy": policy}]}


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, f"cannot be read ({error.strerror})", field=field
        ) from error
