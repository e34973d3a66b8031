"""Runs the demonstration from end to end, everything over the network and mutual TLS."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cluster.config import ClusterConfig
from coordinator.certificates import DevelopmentCertificates, make_development_certificates
from coordinator.client import AsyncRidgelineClient, ClientConfig, Prints, purpose
from coordinator.config import ServerConfig, StoreConfig, TlsConfig
from coordinator.demo import population as people
from coordinator.node import NodeConfig, running_node
from coordinator.paths import write_whole
from coordinator.progress import Track
from coordinator.report import FingerImages, render_report
from protos.ridgeline.v1 import gallery_pb2, identification_pb2

SEARCHED = 2
"""The enrolled person who is submitted again, from 0."""

CLIENT = "booking-desk"
PURPOSE = purpose(authority="demonstration", case_number="DEMO-1", requester=CLIENT)
CALL_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What the demonstration is made of.

    Attributes:
        persons: enrolled with images; one more is grown and not enrolled.
        background: generated template subjects beside them.
        output: folder that the transactions and the report are written to.
        cache: folder that the prints are kept in.
        executor: ``"ray"``, or ``"inprocess"`` for tests.
    """

    persons: int = 8
    background: int = 200
    output: Path = Path("ridgeline-demo")
    cache: Path = Path()
    executor: Literal["ray", "inprocess"] = "ray"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came of it.

    Attributes:
        expected: the subject who was searched for.
        found: the answer to the search for an enrolled person.
        absent: the answer to the search for the one who is not.
        report: the HTML file; None where there was no candidate.
    """

    expected: str
    found: identification_pb2.IdentifyResponse
    absent: identification_pb2.IdentifyResponse
    report: Path | None

    @property
    def as_expected(self) -> bool:
        """Whether the one was found first and the other not."""
        found, absent = self.found, self.absent
        return (
            found.outcome == identification_pb2.OUTCOME_CANDIDATES
            and found.candidates[0].subject_id == self.expected
            and absent.outcome == identification_pb2.OUTCOME_NO_CANDIDATE
        )


def run_demo(settings: DemoSettings, track: Track) -> DemoResult:
    """Runs it; what it starts it stops, also when interrupted.

    Raises:
        RidgelineError: as any call of the client.
    """
    population = people.make_population(settings.cache / "synthesis", settings.persons, track)
    with tempfile.TemporaryDirectory(prefix="ridgeline-demo-") as folder:
        return asyncio.run(_with_cluster(settings, population, Path(folder), track))


async def _with_cluster(
    settings: DemoSettings, population: people.Population, folder: Path, track: Track
) -> DemoResult:
    certificates = make_development_certificates(folder / "tls", clients=(CLIENT,))
    node = _node(settings, folder, certificates)
    step = track(range(1), description="Starting the cluster", total=1)
    next(step)
    async with running_node(node) as running:
        config = _client(running.address, certificates)
        async with AsyncRidgelineClient(config) as client:
            await client.wait_until_serving()
            next(step, None)
            await _enroll_everybody(client, settings, population, node.cluster.extractors, track)
            return await _search_both(client, settings, population, track)


def _node(
    settings: DemoSettings, folder: Path, certificates: DevelopmentCertificates
) -> NodeConfig:
    """A coordinator on a free port of this machine, its gallery in `folder`."""
    return NodeConfig(
        server=ServerConfig(
            address="localhost:0",
            tls=TlsConfig(
                certificate_file=certificates.server.certificate,
                key_file=certificates.server.key,
                client_ca_file=certificates.authority,
            ),
            policy_file=certificates.policy,
        ),
        store=StoreConfig(url=f"sqlite:///{folder / 'gallery.db'}", key_file=folder / "master.key"),
        cluster=ClusterConfig(
            executor=settings.executor,
            shards=2,
            extractors=max(1, min(os.cpu_count() or 1, 4)),
        ),
    )


def _client(address: str, certificates: DevelopmentCertificates) -> ClientConfig:
    files = certificates.clients[CLIENT]
    return ClientConfig(
        address=address,
        ca_file=certificates.authority,
        certificate_file=files.certificate,
        key_file=files.key,
        timeout_s=CALL_TIMEOUT_S,
    )


async def _enroll_everybody(
    client: AsyncRidgelineClient,
    settings: DemoSettings,
    population: people.Population,
    extractors: int,
    track: Track,
) -> None:
    persons = (
        (people.subject_id(i), people.enrolment(population, i)) for i in range(settings.persons)
    )
    await _enroll(client, persons, extractors, track, "Enrolling persons", settings.persons)
    if settings.background:
        filler = people.background(settings.background)
        await _enroll(
            client, filler, 2 * extractors, track, "Enrolling background", settings.background
        )


async def _enroll(
    client: AsyncRidgelineClient,
    subjects: Iterable[tuple[str, Prints]],
    at_once: int,
    track: Track,
    description: str,
    total: int,
) -> None:
    """Enrols subjects, some at a time; the bar moves when the server has acknowledged one."""
    subjects = iter(subjects)
    pending: set[asyncio.Task[gallery_pb2.EnrollResponse]] = set()
    bar = track(range(total), description=description, total=total)
    next(bar)
    try:
        while True:
            for subject_id, prints in _some(subjects, at_once - len(pending)):
                call = client.enroll(prints, subject_id=subject_id, encounter_id=f"{subject_id}-1")
                pending.add(asyncio.create_task(call))
            if not pending:
                return
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
                next(bar, None)
    finally:
        for task in pending:
            task.cancel()


def _some(items: Iterator[tuple[str, Prints]], count: int) -> Iterator[tuple[str, Prints]]:
    for _ in range(count):
        item = next(items, None)
        if item is None:
            return
        yield item


async def _search_both(
    client: AsyncRidgelineClient,
    settings: DemoSettings,
    population: people.Population,
    track: Track,
) -> DemoResult:
    made = datetime.now(UTC)
    answers = []
    wanted = {"present": SEARCHED, "absent": population.absent}
    for name, person in track(
        list(wanted.items()), description="Searching two bookings", total=len(wanted)
    ):
        transaction = people.booking(population, person, made)
        write_whole(settings.output / f"booking-{name}.an2", transaction)
        answers.append((transaction, await client.identify(transaction, purpose=PURPOSE)))
    (transaction, found), (_, absent) = answers
    report = None
    if found.candidates:
        report = settings.output / "report.html"
        page = await _report(client, population, transaction, found, made)
        write_whole(report, page.encode())
    return DemoResult(people.subject_id(SEARCHED), found, absent, report)


async def _report(
    client: AsyncRidgelineClient,
    population: people.Population,
    transaction: bytes,
    found: identification_pb2.IdentifyResponse,
    made: datetime,
) -> str:
    best = found.candidates[0]
    explained = await client.explain(
        transaction, best.subject_id, encounter_id=best.encounter_id, purpose=PURPOSE
    )
    probe = population.images(SEARCHED, people.SUBMITTED_SESSION)
    # The store keeps templates, not images: these are the ones that were enrolled.
    owner = next(
        (i for i in range(population.absent) if people.subject_id(i) == best.subject_id), None
    )
    gallery = {} if owner is None else population.images(owner, people.ENROLLED_SESSION)
    images = {
        position: FingerImages(probe[position], gallery[position])
        for position in probe.keys() & gallery.keys()
    }
    return render_report(found, explained, images, made=made)
