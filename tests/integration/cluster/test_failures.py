"""Shards and nodes die, hang and come while searches go on: every answer is whole and right."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from ray.cluster_utils import Cluster

from cluster.executors.ray_executor import RayExecutor
from cluster.executors.shard_link import ShardLink
from tests.integration.cluster.conftest import (
    PARTITIONS,
    Askers,
    Gallery,
    add_node,
    eventually,
    is_alive,
    on_ray,
    processes,
)
from workers.biometrics.model import FingerPosition, Print, PrintFormat, Submission
from workers.biometrics.templates import TemplateView, iso19794_2
from workers.prepare import PreparedSubmission
from workers.synthesis.templates import generate_subject

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves its log files open
]


SHARD = "ray::ShardActor"


async def whole(executor: RayExecutor, generation: int, shards: int) -> None:
    """Waits until every partition has all its replicas in a map of that generation."""

    async def is_whole() -> bool:
        status = await executor.status()
        ready = [shard for shard in status.shards if shard.ready]
        held = sum(len(shard.partitions) for shard in ready)
        return (
            status.placement_generation >= generation
            and len(status.shards) == len(ready) == shards
            and held == 2 * PARTITIONS
        )

    for _ in range(600):
        if await is_whole():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await executor.status())


def test_a_shard_dies_and_another_hangs(gallery: Gallery, machines: Cluster) -> None:
    async def run() -> None:
        async with on_ray(gallery, machines, shards=2, replicas=2) as executor:
            askers = Askers(executor, gallery)
            async with askers.asking():
                await askers.some_more()
                first, _ = processes(machines, SHARD)
                os.kill(first, signal.SIGKILL)
                await eventually(lambda: not is_alive(first))
                await askers.some_more()
                await whole(executor, 1, 2)
                await askers.some_more()
                hung = processes(machines, SHARD)[0]
                os.kill(hung, signal.SIGSTOP)
                try:
                    await eventually(lambda: any(not link.state for link in links(executor)))
                    # It is known: nobody waits for it any more.
                    started = time.monotonic()
                    await askers.some_more()
                    assert time.monotonic() - started < 10.0
                finally:
                    os.kill(hung, signal.SIGCONT)
                await whole(executor, 1, 2)
                await askers.some_more()
            assert not askers.wrong
            assert (await executor.status()).placement_generation == 1

    asyncio.run(run())


def links(executor: RayExecutor) -> list[ShardLink]:
    assert executor._shards is not None
    return list(executor._shards.links.values())


def test_a_node_is_lost_and_another_joins(gallery: Gallery, machines: Cluster) -> None:
    lost = machines.worker_nodes.copy().pop()

    async def run() -> None:
        async with on_ray(gallery, machines, shards=2, replicas=2) as executor:
            before = {shard.shard_id for shard in (await executor.status()).shards}
            askers = Askers(executor, gallery)
            async with askers.asking():
                await askers.some_more()
                await asyncio.to_thread(machines.remove_node, lost, allow_graceful=False)
                await askers.some_more()
                new = add_node(machines, num_cpus=2)  # Ray wants the main thread for it
                await whole(executor, 2, 2)
                await askers.some_more()
            assert not askers.wrong
            status = await executor.status()
            homes = {shard.node: shard for shard in status.shards}
            assert new.node_id in homes
            assert homes[new.node_id].shard_id not in before
            assert homes[new.node_id].state is not None

    asyncio.run(run())


def test_a_gpu_node_joins_when_it_is_told_to(gallery: Gallery, machines: Cluster) -> None:
    """Its shard takes more, and the plan says beforehand what is then done."""

    async def run() -> None:
        settings = {"shards": 2, "replicas": 1, "rebalance": "manual", "gpu_weight": 6}
        async with on_ray(gallery, machines, **settings) as executor:
            assert not (await executor.rebalance(dry_run=True)).moves
            askers = Askers(executor, gallery)
            async with askers.asking():
                await askers.some_more()
                # A GPU in name only: its shard finds none that works, and takes NumPy instead.
                new = add_node(machines, num_cpus=1, num_gpus=1)
                planned = await executor.rebalance(dry_run=True)
                assert (await executor.status()).placement_generation == 1
                assert await executor.rebalance(dry_run=False) == planned
                await askers.some_more()
            assert not askers.wrong
            assert {move.node for move in planned.moves} == {new.node_id}
            assert all(move.source and move.nbytes > 0 for move in planned.moves)
            loads = {load.node: (load.before, load.after) for load in planned.loads}
            # Three quarters of 16 partitions, by 6 against 1 and 1.
            assert loads[new.node_id] == (0, 12)
            status = await executor.status()
            assert (status.placement_generation, status.partitions_ready) == (2, PARTITIONS)
            for shard in status.shards:
                assert shard.state is not None
                assert shard.state.partitions == shard.partitions
                assert len(shard.partitions) == loads[shard.node][1]

    asyncio.run(run())


def test_a_submission_survives_its_extractor(gallery: Gallery, machines: Cluster) -> None:
    async def run() -> None:
        async with on_ray(gallery, machines, shards=2) as executor:
            (extractor,) = processes(machines, "ray::ExtractorActor")
            os.kill(extractor, signal.SIGKILL)
            (prepared,) = await executor.prepare([submission()], timeout_s=60.0)
            assert isinstance(prepared, PreparedSubmission)
            assert len(prepared.template.fingers) == 1
            (again,) = await executor.prepare([submission()], timeout_s=60.0)
            assert isinstance(again, PreparedSubmission)

    asyncio.run(run())


def submission() -> Submission:
    (sample,) = generate_subject(1, 0, 0, fingers=(FingerPosition.RIGHT_INDEX,))
    data = iso19794_2.write([TemplateView(int(sample.position), 0, 80, sample.minutiae)])
    return Submission(
        (Print("prints[0]", sample.position, None, PrintFormat.ISO_19794_2_2005, data),)
    )
