"""How a client reaches the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from workers.errors import ErrorCode, RidgelineError

MIB = 1024 * 1024

KEEPALIVE_S = 25.0
"""Between pings while a call waits; servers cut off whoever pings more often than every 20 s."""

KEEPALIVE_TIMEOUT_S = 5.0
"""Without an answer to a ping for so long, a connection is lost."""

CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Connection of a client.

    Attributes:
        address: of the coordinator, ``"host:port"``; of several, with commas between, whichever is
            active answers.
        ca_file: certificate of the authority that signed the server's, PEM.
        certificate_file: the client's own certificate, PEM.
        key_file: its key, PEM.
        server_name: name in the server's certificate, where the address has another.
        timeout_s: deadline of a call that is given none, seconds.
        message_max_bytes: largest message sent or taken; the server has a limit of its own.
        patience_s: how long a call is tried again, within its deadline, while no coordinator can be
            reached or the active one cannot answer; 0 tries once. While one says that it stands
            by, the deadline alone ends it.
        check_s: how long a call waits before the other coordinators are asked whether one of them
            has become the active one.
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
    patience_s: float = 5.0
    check_s: float = 2.0
    first_retry_s: float = 0.2
    longest_retry_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ValueError("address must name a coordinator")
        if min(self.timeout_s, self.check_s, self.first_retry_s, self.longest_retry_s) <= 0:
            raise ValueError("every time but patience_s must be positive")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the coordinators, in the order in which they are tried at first."""
        return tuple(filter(None, map(str.strip, self.address.split(","))))

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
            ("grpc.keepalive_time_ms", _ms(KEEPALIVE_S)),
            ("grpc.keepalive_timeout_ms", _ms(KEEPALIVE_TIMEOUT_S)),
            ("grpc.min_reconnect_backoff_ms", _ms(CONNECT_TIMEOUT_S)),
            ("grpc.initial_reconnect_backoff_ms", _ms(self.first_retry_s)),
            ("grpc.max_reconnect_backoff_ms", _ms(self.longest_retry_s)),
        ]
        if self.server_name:
            options.append(("grpc.ssl_target_name_override", self.server_name))
        return options


def _ms(seconds: float) -> int:
    return max(round(1000 * seconds), 1)


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, f"cannot be read ({error.strerror})", field=field
        ) from error
