"""Shards, machines and Ray's head fail under twenty searches at once.

Every answer is whole and the one that a single process gives. How long it took to recover is
printed: run with ``-s``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ray.cluster_utils import Cluster

from tests.integration.cluster.conftest import (
    Askers,
    Gallery,
    add_node,
    eventually,
    gallery,
    is_alive,
    machines,
    on_ray,
    processes,
)
from tests.integration.cluster.test_failures import SHARD, whole

__all__ = ["gallery", "machines"]

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves its log files open
]

ASKERS = 20
GCS_DOWN_S = 65.0
"""Longer than Ray's own default, at which drivers exit."""

SLOW = 10
"""How many times slower a slowed process is."""


async def recovers(askers: Askers, after: str) -> None:
    """Waits until each asker has an answer to a question that it asked from now on."""
    began = time.monotonic()
    await askers.some_more(2 * ASKERS)
    print(f"{2 * ASKERS} answers after {after}: {time.monotonic() - began:.1f} s")


def test_a_shard_then_its_machine(gallery: Gallery, machines: Cluster) -> None:
    async def run() -> None:
        async with on_ray(gallery, machines, shards=2, replicas=2) as executor:
            askers = Askers(executor, gallery, askers=ASKERS)
            async with askers.asking():
                await askers.some_more(ASKERS)
                first, _ = processes(machines, SHARD)
                os.kill(first, signal.SIGKILL)
                await eventually(lambda: not is_alive(first))
                await recovers(askers, "a shard died")
                await whole(executor, 1, 2)
                lost = next(iter(machines.worker_nodes))
                killed = time.monotonic()
                await asyncio.to_thread(machines.remove_node, lost, allow_graceful=False)
                await recovers(askers, "its machine died")
                add_node(machines, num_cpus=2)
                await whole(executor, 2, 2)
                print(f"every replica there again: {time.monotonic() - killed:.1f} s")
                await askers.some_more(ASKERS)
            assert not askers.wrong

    asyncio.run(run())


def test_a_black_hole_and_a_slow_replica(gallery: Gallery, machines: Cluster) -> None:
    async def run() -> None:
        async with on_ray(gallery, machines, shards=2, replicas=2) as executor:
            askers = Askers(executor, gallery, askers=ASKERS)
            async with askers.asking():
                await askers.some_more(ASKERS)
                silent, slow = processes(machines, SHARD)
                os.kill(silent, signal.SIGSTOP)
                try:
                    await recovers(askers, "a replica fell silent")
                finally:
                    os.kill(silent, signal.SIGCONT)
                await whole(executor, 1, 2)
                with slowed(slow):
                    await recovers(askers, f"a replica became {SLOW} times slower")
                await askers.some_more(ASKERS)
            assert not askers.wrong
            print(f"slowest of {askers.right} answers: {askers.slowest_s:.1f} s")

    asyncio.run(run())


@contextmanager
def slowed(pid: int) -> Iterator[None]:
    """A process gets one tenth of the time."""
    done = threading.Event()
    period_s = 0.1

    def hold() -> None:
        while not done.is_set():
            os.kill(pid, signal.SIGSTOP)
            done.wait(period_s * (SLOW - 1) / SLOW)
            os.kill(pid, signal.SIGCONT)
            done.wait(period_s / SLOW)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        yield
    finally:
        done.set()
        holder.join()


def test_searches_go_on_without_rays_head(gallery: Gallery, machines: Cluster) -> None:
    head = machines.head_node
    assert head is not None
    (gcs,) = head.all_processes["gcs_server"]

    async def run() -> None:
        async with on_ray(gallery, machines, shards=2, replicas=2) as executor:
            askers = Askers(executor, gallery, askers=ASKERS)
            async with askers.asking():
                await askers.some_more(ASKERS)
                os.kill(gcs.process.pid, signal.SIGSTOP)
                try:
                    stopped, before = time.monotonic(), askers.right
                    while time.monotonic() - stopped < GCS_DOWN_S:
                        await askers.some_more(ASKERS)
                    print(f"{askers.right - before} answers in {GCS_DOWN_S} s without the head")
                finally:
                    os.kill(gcs.process.pid, signal.SIGCONT)
                await askers.some_more(ASKERS)
                await whole(executor, 1, 2)
            assert not askers.wrong

    asyncio.run(run())
