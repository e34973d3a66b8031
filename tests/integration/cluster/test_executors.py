"""Every executor gives the ranked answer that one shard alone would give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import ray
from ray.cluster_utils import Cluster

from cluster.config import ClusterConfig
from cluster.executors.fan_out import fan_out
from cluster.executors.inprocess import InProcessExecutor
from cluster.executors.interface import Executor, GalleryAnswer, GallerySearch
from cluster.launch import make_executor, set_environment
from cluster.placement import Slot, place
from cluster.shard_health import ShardHealth
from cluster.store import Enrolment, FileKeyProvider, Store
from tests.populations import encounter
from workers.errors import ErrorCode, RidgelineError
from workers.matching.probe import prepare_probe
from workers.shard import PartitionAnswer, ShardAnswer, ShardRequest

PERSONS = 24
PARTITIONS = 8


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyProvider:
    return FileKeyProvider(tmp_path / "master.key")


@pytest.fixture
def store(tmp_path: Path, keys: FileKeyProvider) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'gallery.db'}", keys, partitions=PARTITIONS)
    opened.enroll([Enrolment(encounter(p), f"s{p}", f"e{p}") for p in range(PERSONS)])
    yield opened
    opened.close()


@asynccontextmanager
async def running(
    config: ClusterConfig, store: Store, keys: FileKeyProvider
) -> AsyncIterator[Executor]:
    executor = make_executor(config, store, keys)
    await executor.start()
    try:
        yield executor
    finally:
        await executor.stop()


def search(person: int, sequence: int, **changes: float) -> GallerySearch:
    probe = prepare_probe(encounter(person, session=1))
    timeout_s = changes.get("timeout_s", 60.0)
    return GallerySearch(
        f"search-{person}", probe, sequence, 5, exhaustive=False, timeout_s=timeout_s
    )


def ranked(answer: GalleryAnswer) -> list[tuple[float, str]]:
    assert answer.unsearched == ()
    hits = [hit for partition in answer.partitions for hit in partition.hits]
    return sorted((-hit.fused_score, hit.encounter_id) for hit in hits)[:5]


async def answers(executor: Executor, store: Store) -> list[list[tuple[float, str]]]:
    return [ranked(await executor.search(search(p, store.sequence()))) for p in (0, 7, 99)]


@pytest.mark.parametrize(("shards", "replicas"), [(2, 1), (3, 2), (5, 1)])
def test_the_answer_does_not_depend_on_the_layout(
    store: Store, keys: FileKeyProvider, shards: int, replicas: int
) -> None:
    async def run() -> None:
        async with running(ClusterConfig(shards=1), store, keys) as alone:
            expected = await answers(alone, store)
        assert [rows[0][1] for rows in expected[:2]] == ["e0", "e7"]
        config = ClusterConfig(shards=shards, replicas=replicas)
        async with running(config, store, keys) as executor:
            assert await answers(executor, store) == expected
            status = await executor.status()
            assert status.partitions_ready == PARTITIONS
            assert len(status.shards) == shards

    asyncio.run(run())


def test_a_search_sees_the_enrolment_it_names(store: Store, keys: FileKeyProvider) -> None:
    async def run() -> None:
        async with running(ClusterConfig(), store, keys) as executor:
            before = store.sequence()
            store.enroll([Enrolment(encounter(70), "s70", "e70")])
            store.remove_encounter("e7")
            assert ranked(await executor.search(search(70, before)))[0][1] != "e70"
            now = store.sequence()
            assert ranked(await executor.search(search(70, now)))[0][1] == "e70"
            assert "e7" not in {e for _, e in ranked(await executor.search(search(7, now)))}

    asyncio.run(run())


def test_a_search_does_not_see_what_is_hidden_from_it(store: Store, keys: FileKeyProvider) -> None:
    async def run() -> None:
        async with running(ClusterConfig(), store, keys) as executor:
            wanted = search(7, store.sequence())
            assert ranked(await executor.search(wanted))[0][1] == "e7"
            unseen = await executor.search(replace(wanted, hidden=frozenset({"e7"})))
            store.remove_encounter("e7")
            removed = await executor.search(search(7, store.sequence()))
            assert unseen.partitions == removed.partitions

    asyncio.run(run())


def test_an_executor_may_hold_the_gallery_at_a_sequence(store: Store) -> None:
    async def run() -> None:
        before = store.sequence()
        store.enroll([Enrolment(encounter(70), "s70", "e70")])
        executor = InProcessExecutor(ClusterConfig(), store, sequence=before)
        await executor.start()
        try:
            assert ranked(await executor.search(search(70, before)))[0][1] != "e70"
            with pytest.raises(RidgelineError, match="SEQUENCE_UNAVAILABLE"):
                await executor.search(search(70, store.sequence()))
        finally:
            await executor.stop()

    asyncio.run(run())


@pytest.mark.parametrize("descriptors", ["memory", "disk"])
@pytest.mark.parametrize("codec", ["sealed", "plain"])
def test_segments_change_no_answer(
    store: Store,
    keys: FileKeyProvider,
    tmp_path: Path,
    descriptors: Literal["memory", "disk"],
    codec: Literal["sealed", "plain"],
) -> None:
    """Neither when they are made, nor after a restart in another layout."""

    async def run() -> None:
        async with running(ClusterConfig(), store, keys) as executor:
            expected = await answers(executor, store)
        config = ClusterConfig(
            segments=tmp_path / "segments", segment_codec=codec, descriptors=descriptors
        )
        async with running(config, store, keys) as executor:
            assert await answers(executor, store) == expected
        store.enroll([Enrolment(encounter(70), "s70", "e70")])
        store.remove_encounter("e7")
        async with running(replace(config, shards=3, replicas=2), store, keys) as executor:
            now = store.sequence()
            assert ranked(await executor.search(search(70, now)))[0][1] == "e70"
            assert "e7" not in {e for _, e in ranked(await executor.search(search(7, now)))}

    asyncio.run(run())


def test_segments_of_a_gallery_that_is_made_again_are_not_taken_for_its(
    tmp_path: Path, keys: FileKeyProvider
) -> None:
    """At the same place, with the same number of changes."""

    async def run(persons: range) -> set[str]:
        url = f"sqlite:///{tmp_path / 'again.db'}"
        store = Store.open(url, keys, partitions=PARTITIONS)
        store.enroll([Enrolment(encounter(p), f"s{p}", f"e{p}") for p in persons])
        config = ClusterConfig(segments=tmp_path / "segments")
        async with running(config, store, keys) as executor:
            answer = await executor.search(search(persons[0], store.sequence()))
        store.close()
        for file in tmp_path.glob("again.db*"):
            file.unlink()
        return {hit.encounter_id for p in answer.partitions for hit in p.hits}

    assert "e0" in asyncio.run(run(range(5)))
    assert asyncio.run(run(range(5, 10))) <= {f"e{p}" for p in range(5, 10)}


def test_a_layout_that_needs_segments_says_so(tmp_path: Path, store: Store) -> None:
    with pytest.raises(ValueError, match="need a folder for segments"):
        ClusterConfig(descriptors="disk")
    with pytest.raises(ValueError, match="sealed segments need keys"):
        InProcessExecutor(ClusterConfig(segments=tmp_path), store)


def test_stop_may_be_repeated_and_come_first(store: Store, keys: FileKeyProvider) -> None:
    async def run() -> None:
        executor = make_executor(ClusterConfig(), store, keys)
        await executor.stop()
        await executor.stop()

    asyncio.run(run())


def fails(code: ErrorCode) -> Callable[[str, ShardRequest], ShardAnswer]:
    def ask(shard_id: str, request: ShardRequest) -> ShardAnswer:
        if shard_id == "a":
            raise RidgelineError(code, "no")
        parts = tuple(PartitionAnswer(p, 0, 0, 0, ()) for p in request.partitions)
        return ShardAnswer(shard_id, "numpy", request.sequence, parts, {"screen": 0.5})

    return ask


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_failing_shard_is_made_up_for_or_named(replicas: int) -> None:
    placement = place(PARTITIONS, [Slot("a", "n1"), Slot("b", "n2")], replicas=replicas)
    ask = fails(ErrorCode.SHARD_UNAVAILABLE)

    async def asked(shard_id: str, request: ShardRequest) -> ShardAnswer:
        return ask(shard_id, request)

    answer = asyncio.run(fan_out(search(0, 1), placement, ShardHealth(), asked, attempt_s=5.0))
    lost = placement.partitions_of("a") if replicas == 1 else ()
    assert answer.unsearched == lost
    assert len(answer.partitions) + len(lost) == PARTITIONS


def test_a_sequence_that_is_gone_is_said_so() -> None:
    """A newer one may have a whole answer, so no partial one is given."""
    placement = place(PARTITIONS, [Slot("a", "n1"), Slot("b", "n2")])
    ask = fails(ErrorCode.SEQUENCE_UNAVAILABLE)

    async def asked(shard_id: str, request: ShardRequest) -> ShardAnswer:
        return ask(shard_id, request)

    with pytest.raises(RidgelineError) as caught:
        asyncio.run(fan_out(search(0, 1), placement, ShardHealth(), asked, attempt_s=5.0))
    assert caught.value.code is ErrorCode.SEQUENCE_UNAVAILABLE


def test_a_silent_shard_runs_into_the_deadline() -> None:
    placement = place(PARTITIONS, [Slot("a", "n1")])

    async def silent(shard_id: str, request: ShardRequest) -> ShardAnswer:
        await asyncio.sleep(60)
        raise AssertionError

    with pytest.raises(RidgelineError) as caught:
        asyncio.run(
            fan_out(search(0, 1, timeout_s=0.2), placement, ShardHealth(), silent, attempt_s=5.0)
        )
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray leaves its log files to the collector
def test_two_ray_nodes_answer_as_one_process(store: Store, keys: FileKeyProvider) -> None:
    set_environment()
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    machines.add_node(num_cpus=2)
    try:
        asyncio.run(_compare(machines.address, store, keys))
    finally:
        ray.shutdown()
        machines.shutdown()  # type: ignore[no-untyped-call]


async def _compare(address: str, store: Store, keys: FileKeyProvider) -> None:
    async with running(ClusterConfig(), store, keys) as executor:
        expected = await answers(executor, store)
    config = ClusterConfig(executor="ray", ray_address=address, shards=3, replicas=2, extractors=1)
    async with running(config, store, keys) as executor:
        assert await answers(executor, store) == expected
        status = await executor.status()
        assert len({shard.node for shard in status.shards}) == 2
        assert status.partitions_ready == PARTITIONS
        store.enroll([Enrolment(encounter(71), "s71", "e71")])
        newest = await executor.search(search(71, store.sequence()))
        assert ranked(newest)[0][1] == "e71"
