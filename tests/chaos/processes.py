"""Coordinators as processes of their own, to be killed, frozen and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from coordinator.certificates import DevelopmentCertificates, make_development_certificates
from coordinator.client import ClientConfig

START_TIMEOUT_S = 120.0

_CONFIG = """
[server]
address = "localhost:0"
policy_file = "{tls}/policy.toml"
health_interval_s = 0.2
shutdown_grace_s = 5

[server.tls]
certificate_file = "{tls}/server.crt"
key_file = "{tls}/server.key"
client_ca_file = "{tls}/ca.crt"

[store]
url = "{url}"
key_file = "{folder}/master.key"
partitions = 4
lease_s = {lease_s}

[cluster]
executor = "inprocess"
shards = 2
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a gallery lies, and how coordinators and clients reach it and each other."""

    config: Path
    url: str
    key_file: Path
    certificates: DevelopmentCertificates
    database: Path = field(default_factory=Path)

    @staticmethod
    def make(
        folder: Path, *, lease_s: float = 1.0, data: Path | None = None, url: str = ""
    ) -> Site:
        """Writes certificates and configuration to `folder`.

        Args:
            data: folder of the SQLite database; `folder` unless given.
            url: of another store.
        """
        database = (data or folder) / "gallery.db"
        url = url or f"sqlite:///{database}"
        certificates = make_development_certificates(folder / "tls")
        config = folder / "ridgeline.toml"
        config.write_text(
            _CONFIG.format(tls=folder / "tls", url=url, folder=folder, lease_s=lease_s)
        )
        return Site(config, url, folder / "master.key", certificates, database)

    def client_config(self, *addresses: str, **changes: Any) -> ClientConfig:
        """Of a client that may do everything."""
        files = self.certificates.clients["operator"]
        values = {"timeout_s": 120.0, "patience_s": 120.0, "longest_retry_s": 0.5} | changes
        return ClientConfig(
            address=",".join(addresses),
            ca_file=self.certificates.authority,
            certificate_file=files.certificate,
            key_file=files.key,
            **values,
        )


class Nursery:
    """Starts coordinators quickly; see `tests.chaos.nursery`. Leave it after they have ended."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)  # it ends with its input

    def ask(self, **question: Any) -> Any:
        """One question, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class CoordinatorProcess:
    """``ridgeline up`` in a process; leaving kills it.

    Args:
        address: ``"host:port"``.
        environment: added to ours; such a process starts anew, not from the nursery's imports.
    """

    def __init__(
        self,
        nursery: Nursery,
        site: Site,
        address: str,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.address = address
        self._nursery = nursery
        self._log = site.config.parent / f"{uuid.uuid4().hex}.log"
        self._code: int | None = None
        self.pid: int = nursery.ask(
            arguments=["up", "--config", str(site.config), "--address", address],
            log=str(self._log),
            environment=dict(environment or {}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text() if self._log.exists() else ""

    def wait_for(self, said: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Returns when its log holds the words."""

        def told() -> bool:
            return said in self.log or self._ended()

        eventually(told, timeout_s, lambda: f"no {said!r} in:\n{self.log}")
        assert said in self.log, f"it ended with {self._code}:\n{self.log}"

    def kill(self) -> None:
        """``kill -9``; returns when it is gone."""
        self.signal(signal.SIGKILL)
        self.ended()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless it has ended."""
        if not self._ended():
            os.kill(self.pid, number)

    def freeze(self) -> None:
        """Stops it; returns when each of its threads stands still, which takes a moment."""
        self.signal(signal.SIGSTOP)

        def stands_still() -> bool:
            stats = Path(f"/proc/{self.pid}/task").glob("*/stat")
            return all(stat.read_text().rpartition(") ")[2].startswith("T") for stat in stats)

        eventually(stands_still, 10.0)

    def ended(self, timeout_s: float = 60.0) -> int:
        """Its exit code, when it has ended; negative for a signal."""
        eventually(self._ended, timeout_s, lambda: f"it did not end:\n{self.log}")
        assert self._code is not None
        return self._code

    def _ended(self) -> bool:
        if self._code is None:
            self._code = self._nursery.ask(poll=self.pid)
        return self._code is not None


def free_address() -> str:
    """An address that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return f"localhost:{probe.getsockname()[1]}"


def eventually(
    condition: Callable[[], bool],
    timeout_s: float,
    otherwise: Callable[[], str] = lambda: "it did not come true",
) -> None:
    """Returns when the condition holds; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)
