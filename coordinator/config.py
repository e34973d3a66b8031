"""Settings of the front door and its store; units are in the names.

`coordinator.node` puts them together with the cluster's and reads them from one TOML file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cluster.partitions import DEFAULT_PARTITIONS

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """Mutual TLS; there is no other way in.

    Attributes:
        certificate_file: of the server, PEM, with its chain.
        key_file: its private key, PEM.
        client_ca_file: authorities whose client certificates are taken, PEM.
    """

    certificate_file: Path
    key_file: Path
    client_ca_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """The gallery's system of record.

    Attributes:
        url: SQLAlchemy URL, ``sqlite:////PATH`` or ``postgresql+psycopg://…``.
        key_file: master key that the subjects' keys are sealed under; made when missing.
        partitions: of a gallery that is created; an existing one keeps its own.
        lease_s: how long the active coordinator may be silent before a standby takes over.
    """

    url: str
    key_file: Path
    partitions: int = DEFAULT_PARTITIONS
    lease_s: float = 10.0

    def __post_init__(self) -> None:
        if self.lease_s <= 0:
            raise ValueError("lease_s must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """What one caller may ask of the server.

    Attributes:
        message_max_bytes: largest message taken; a ten-print card is below 10 MB.
        max_deadline_s: of a call without a deadline, or with a longer one.
        concurrent_calls: handled at once; more are refused with RESOURCE_EXHAUSTED.
        stream_concurrency: requests of one stream handled at once.
        candidates_default: returned at most where the caller does not say.
        candidates_max: that a caller may ask for.
        ping_min_interval_s: between a client's keepalive pings; a faster client is cut off.
        connection_idle_max_s: after which an idle connection is closed.
    """

    message_max_bytes: int = 32 * MIB
    max_deadline_s: float = 120.0
    concurrent_calls: int = 256
    stream_concurrency: int = 16
    candidates_default: int = 20
    candidates_max: int = 100
    ping_min_interval_s: float = 20.0
    connection_idle_max_s: float = 900.0

    def __post_init__(self) -> None:
        smallest = min(
            self.message_max_bytes,
            self.max_deadline_s,
            self.concurrent_calls,
            self.stream_concurrency,
            self.candidates_default,
        )
        if smallest <= 0:
            raise ValueError("every limit must be positive")
        if self.candidates_default > self.candidates_max:
            raise ValueError("candidates_default is above candidates_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The front door itself, apart from what it stands before.

    Attributes:
        address: to listen on, ``"host:port"``; port 0 takes a free one.
        tls: certificates.
        policy_file: principals and what they may do, see `coordinator.access`.
        limits: on what callers may ask.
        required_coverage: share of partitions that must answer a search, 0-1.
        reflection: whether the server describes its services to clients.
        health_interval_s: between looks at what can be searched.
        shutdown_grace_s: that calls under way get to finish.
    """

    address: str
    tls: TlsConfig
    policy_file: Path
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    required_coverage: float = 1.0
    reflection: bool = False
    health_interval_s: float = 2.0
    shutdown_grace_s: float = 20.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.required_coverage <= 1.0:
            raise ValueError("required_coverage must lie between 0 and 1")
