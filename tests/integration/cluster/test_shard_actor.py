"""A shard as a Ray actor: concurrent searches share passes, and each is cancelled alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import ray

from cluster import launch
from cluster.config import ClusterConfig
from cluster.sealing import SealedBlocks
from cluster.source import StoreSource, StoreSourceFactory
from cluster.store import Enrolment, FileKeyProvider, Store
from tests.recombined import LARGE, crowd, person
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.matching.probe import prepare_probe
from workers.segments.folder import SegmentSettings
from workers.shard import Shard, ShardAnswer, ShardRequest
from workers.shard_actor import ACTOR_OPTIONS, ShardActor

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves its log files open
]

PARTITIONS = (0, 1)
SEARCHES = 24


@dataclass(frozen=True, slots=True)
class Running:
    """An actor, and the same shard in this process."""

    actor: Any
    here: Shard
    store: Store
    keys: FileKeyProvider
    sequence: int

    def request(self, number: int) -> ShardRequest:
        return ShardRequest(
            request_id=f"request-{number}",
            probe=prepare_probe(person(number % 6, session=1)),
            partitions=PARTITIONS,
            sequence=self.sequence,
            limit=5,
            exhaustive=False,
            timeout_s=120.0,
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("store")
    keys = FileKeyProvider(folder / "master.key")
    store = Store.open(f"sqlite:///{folder / 'gallery.db'}", keys, partitions=len(PARTITIONS))
    people = crowd(2 * LARGE)
    store.enroll([Enrolment(template, f"s{i}", f"e{i}") for i, template in enumerate(people)])
    here = Shard("here", PARTITIONS, StoreSource(store), load_backend("numpy"))
    here.load()
    launch.connect(ClusterConfig(executor="ray"), cpus=2)
    remote: Any = ray.remote
    actor = remote(**ACTOR_OPTIONS)(ShardActor).remote(
        "actor", PARTITIONS, StoreSourceFactory(store.database.url, keys), "numpy"
    )
    ray.get(actor.assign.remote(PARTITIONS), timeout=120.0)
    yield Running(actor, here, store, keys, store.sequence())
    ray.kill(actor)
    ray.shutdown()
    here.close()
    store.close()


def test_a_restarted_actor_answers_from_its_segments(running: Running, tmp_path: Path) -> None:
    """And from what the journal says came since."""
    keys, url = running.keys, running.store.database.url
    remote: Any = ray.remote
    actor = remote(**ACTOR_OPTIONS)(ShardActor).remote(
        *("restarted", PARTITIONS, StoreSourceFactory(url, keys), "numpy"),
        SegmentSettings(tmp_path / "segments", SealedBlocks(keys), "disk"),
    )
    ray.get(actor.assign.remote(PARTITIONS), timeout=120.0)
    written = {f: f.stat().st_mtime_ns for f in (tmp_path / "segments").glob("*.segment")}
    assert len(written) == len(PARTITIONS)
    ray.kill(actor, no_restart=False)
    request = running.request(0)
    for _ in range(60):
        try:
            answer = ray.get(actor.search.remote(request), timeout=120.0)
            break
        except ray.exceptions.RayActorError:  # not there again yet
            time.sleep(0.5)
    assert without_times(answer) == without_times(running.here.search(request))
    assert written == {f: f.stat().st_mtime_ns for f in written}
    ray.kill(actor)


def without_times(answer: ShardAnswer) -> ShardAnswer:
    return replace(answer, shard_id="", stage_seconds={})


def test_concurrent_searches_share_passes_and_answer_as_alone(running: Running) -> None:
    requests = [running.request(number) for number in range(SEARCHES)]
    answers = ray.get([running.actor.search.remote(r) for r in requests], timeout=120.0)
    for request, answer in zip(requests, answers, strict=True):
        assert without_times(answer) == without_times(running.here.search(request))
        assert answer.partitions[0].sketched > 0
        assert answer.stage_seconds["sketch"] > 0.0
    state = ray.get(running.actor.state.remote(), timeout=120.0)
    assert state.passed == SEARCHES
    assert 0 < state.passes < SEARCHES


def test_a_cancelled_request_ends_alone(running: Running) -> None:
    """Cancelled before its search begins or during it, and never another's."""

    async def run() -> None:
        requests = [running.request(number) for number in range(100, 100 + SEARCHES)]
        running.actor.cancel.remote(requests[-1].request_id)
        pending = [running.actor.search.remote(request) for request in requests]
        running.actor.cancel.remote(requests[-2].request_id)
        *others, late, early = await asyncio.wait_for(asyncio.gather(*pending), 120.0)
        assert all(isinstance(answer, ShardAnswer) for answer in others)
        assert isinstance(late, ShardAnswer) or late.code is ErrorCode.CANCELLED
        assert isinstance(early, RidgelineError)
        assert early.code is ErrorCode.CANCELLED

    asyncio.run(run())
