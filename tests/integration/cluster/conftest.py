"""A Ray cluster of several nodes on this machine, and a gallery with the answers it must give."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.executors.interface import GalleryAnswer, GallerySearch
from cluster.executors.ray_executor import RayExecutor
from cluster.launch import set_environment
from cluster.store import Enrolment, FileKeyProvider, Store
from tests.recombined import crowd, person
from workers.errors import RidgelineError
from workers.matching.probe import prepare_probe
from workers.shard import PartitionAnswer

PARTITIONS = 16
SUBJECTS = 240
PROBES = 4
ASKERS = 3
NODE_TRIES = 3


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    """Two nodes of two CPUs, and a head that runs nothing of ours."""
    set_environment()
    made: Any = Cluster()
    add_node(made, num_cpus=0)
    for _ in range(2):
        add_node(made, num_cpus=2)
    yield made
    ray.shutdown()
    made.shutdown()


def add_node(machines: Any, **resources: int) -> Any:
    """A node more. Ray gives one 30 s to register, which on a busy machine can be too little."""
    tries = NODE_TRIES
    while True:
        tries -= 1
        try:
            return machines.add_node(**resources)
        except Exception:
            if not tries:
                raise


@dataclass(slots=True)
class Gallery:
    """A store, and what one process answers to some probes at its newest sequence."""

    store: Store
    keys: FileKeyProvider
    expected: list[tuple[PartitionAnswer, ...]]

    def search(self, number: int, timeout_s: float = 60.0) -> GallerySearch:
        probe = prepare_probe(person(number, session=1))
        name = f"search-{number}-{time.monotonic_ns()}"
        at = self.store.sequence()
        return GallerySearch(name, probe, at, 5, exhaustive=False, timeout_s=timeout_s)

    def is_right(self, number: int, answer: GalleryAnswer) -> bool:
        return answer.unsearched == () and answer.partitions == self.expected[number]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder: Path = tmp_path_factory.mktemp("gallery")
    keys = FileKeyProvider(folder / "master.key")
    store = Store.open(f"sqlite:///{folder / 'gallery.db'}", keys, partitions=PARTITIONS)
    people = crowd(SUBJECTS)
    store.enroll([Enrolment(template, f"s{i}", f"e{i}") for i, template in enumerate(people)])
    made = Gallery(store, keys, [])

    async def answers() -> list[tuple[PartitionAnswer, ...]]:
        alone = InProcessExecutor(ClusterConfig(shards=1), store)
        await alone.start()
        found = [await alone.search(made.search(number)) for number in range(PROBES)]
        await alone.stop()
        return [answer.partitions for answer in found]

    made.expected = asyncio.run(answers())
    assert all(answer for answer in made.expected)
    yield made
    store.close()


@asynccontextmanager
async def on_ray(
    gallery: Gallery, machines: Cluster, **settings: Any
) -> AsyncIterator[RayExecutor]:
    config = ClusterConfig(
        **{"executor": "ray", "ray_address": machines.address, "extractors": 1, **settings}
    )
    executor = RayExecutor(config, gallery.store, gallery.keys)
    await executor.start()
    try:
        yield executor
    finally:
        await executor.stop()


class Askers:
    """Searches that go on and on; every answer must be whole and right."""

    def __init__(self, executor: RayExecutor, gallery: Gallery, *, askers: int = ASKERS) -> None:
        self.executor = executor
        self.gallery = gallery
        self.askers = askers
        self.right = 0
        self.slowest_s = 0.0
        self.wrong: list[object] = []
        self._stop = False

    async def _ask(self, number: int) -> None:
        while not self._stop:
            started = time.monotonic()
            try:
                wanted = self.gallery.search(number)
                answer = await self.executor.search(wanted)
            except RidgelineError as error:
                self.wrong.append(error)
                continue
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)
            if self.gallery.is_right(number, answer):
                self.right += 1
            else:
                self.wrong.append(answer.unsearched)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._ask(i % PROBES)) for i in range(self.askers)]
        try:
            yield
        finally:
            self._stop = True
            await asyncio.gather(*tasks)

    async def some_more(self, count: int = 2 * ASKERS) -> None:
        """Waits until so many more were answered."""
        wanted = self.right + count
        await eventually(lambda: self.right >= wanted or bool(self.wrong))


async def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        await asyncio.sleep(0.05)


def processes(machines: Any, title: str) -> list[int]:
    """Numbers of the processes of actors whose title begins so, by node."""
    raylets = [
        process.process.pid
        for node in machines.list_all_nodes()
        for process in node.all_processes.get("raylet", [])
    ]
    children = [
        int(child)
        for pid in raylets
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]
    return [pid for pid in children if _title(pid).startswith(title)]


def is_alive(pid: int) -> bool:
    return bool(_title(pid))


def _title(pid: int) -> str:
    """Empty for one that has ended, whether or not its parent has noticed."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
