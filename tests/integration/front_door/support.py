"""A whole coordinator in this process, on its own event loop, for blocking tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.store import FileKeyProvider, Lease, Store
from coordinator.access import Principal, Role, write_policy
from coordinator.audit import AuditLog
from coordinator.certificates import (
    DevelopmentCertificates,
    development_certificates,
    make_development_certificates,
)
from coordinator.client import ClientConfig, RidgelineClient, purpose
from coordinator.config import LimitsConfig, ServerConfig, TlsConfig
from coordinator.server import running_server
from coordinator.tenure import become_active, holding
from protos.ridgeline.v1 import types_pb2
from workers.biometrics.model import FingerPosition
from workers.biometrics.templates import TemplateView, iso19794_2
from workers.synthesis.templates import generate_subject

SEED = 7
LEASE_S = 5.0
FINGERS = tuple(FingerPosition(code) for code in (1, 2, 6, 7))
PURPOSE = purpose(authority="8 CFR 287.7", case_number="B-1", requester="desk 4")

PRINCIPALS = [
    Principal("operator", frozenset({"operator"}), frozenset(Role), frozenset({"*"})),
    Principal(
        "searcher", frozenset({"searcher"}), frozenset({Role.SEARCH}), frozenset({"NY0303000"})
    ),
    Principal(
        "switch",
        frozenset({"switch"}),
        frozenset({Role.SEARCH, Role.ENROL}),
        frozenset({"NY0303000", "NY0510000"}),
    ),
]
"""`stranger` has a certificate, but no policy knows it."""

CLIENTS = ("operator", "searcher", "switch", "stranger")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and what stands behind it."""

    address: str
    certificates: DevelopmentCertificates
    store: Store
    executor: InProcessExecutor
    loop: asyncio.AbstractEventLoop
    stopping: Future[None]

    def client_config(self, name: str = "operator", **changes: Any) -> ClientConfig:
        """Configuration of a client with that name's certificate."""
        files = self.certificates.clients[name]
        values: dict[str, Any] = {
            "address": self.address,
            "ca_file": self.certificates.authority,
            "certificate_file": files.certificate,
            "key_file": files.key,
            "timeout_s": 30.0,
        }
        return ClientConfig(**values | changes)

    def client(self, name: str = "operator", **changes: Any) -> RidgelineClient:
        """A client with that name's certificate."""
        return RidgelineClient(self.client_config(name, **changes))

    def audit(self, event: str = "") -> list[dict[str, Any]]:
        """Audit records, oldest first, of one kind if named; the chain must be whole."""
        log = AuditLog(self.store.database)
        assert log.verify_chain().broken_at is None
        records = [json.loads(record.body) for record in log.records()]
        return [record for record in records if event in ("", record["event"])]

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    address: str = "localhost:0",
    limits: LimitsConfig | None = None,
    start_executor: bool = True,
    renew_certificates: bool = True,
    partitions: int = 4,
    **server: Any,
) -> Iterator[Running]:
    """Starts a server over a gallery in `folder`; leaving stops it, draining.

    `Running.stopping` may be set to stop it sooner.
    """
    tls = folder / "tls"
    if renew_certificates:
        certificates = make_development_certificates(tls, clients=CLIENTS)
    else:
        certificates = development_certificates(tls, clients=CLIENTS)
    write_policy(certificates.policy, PRINCIPALS)
    config = ServerConfig(
        address=address,
        tls=TlsConfig(
            certificate_file=certificates.server.certificate,
            key_file=certificates.server.key,
            client_ca_file=certificates.authority,
        ),
        policy_file=certificates.policy,
        limits=limits or LimitsConfig(max_deadline_s=30.0),
        health_interval_s=0.05,
        **server,
    )
    url = f"sqlite:///{folder / 'gallery.db'}"
    store = Store.open(url, FileKeyProvider(folder / "master.key"), partitions=partitions)
    ready: Future[Running] = Future()

    async def serve() -> None:
        executor = InProcessExecutor(ClusterConfig(extractors=2), store)
        stopping: Future[None] = Future()
        if start_executor:
            await executor.start()
        lease = Lease(store.database, lasts_s=LEASE_S)
        lease.prepare()
        await become_active(lease, asyncio.Event())
        async with (
            holding(lease),
            running_server(config, store, executor, lease) as bound,
        ):
            loop = asyncio.get_running_loop()
            ready.set_result(Running(bound, certificates, store, executor, loop, stopping))
            await asyncio.wrap_future(stopping)
        await executor.stop()

    def thread() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    worker = threading.Thread(target=thread, name="server")
    worker.start()
    try:
        server_running = ready.result(60)
        yield server_running
        if not server_running.stopping.done():
            server_running.stopping.set_result(None)
    finally:
        if ready.done() and not ready.exception() and not ready.result().stopping.done():
            ready.result().stopping.set_result(None)
        worker.join(60)
        store.close()
    assert not worker.is_alive()


def template_prints(
    person: int, session: int = 0, fingers: Sequence[FingerPosition] = FINGERS, seed: int = SEED
) -> list[types_pb2.Print]:
    """A generated person's fingers as ISO/IEC 19794-2 records; no extraction, so quick."""
    return [
        types_pb2.Print(
            position=int(sample.position),
            format=types_pb2.PRINT_FORMAT_ISO_19794_2_2005,
            data=iso19794_2.write([TemplateView(int(sample.position), 0, 80, sample.minutiae)]),
        )
        for sample in generate_subject(seed, person, session, fingers=list(fingers))
    ]


def metadata(error: grpc.RpcError) -> dict[str, str]:
    """Trailing metadata of a failed call."""
    assert isinstance(error, grpc.Call)
    return {str(pair[0]): str(pair[1]) for pair in error.trailing_metadata() or ()}
