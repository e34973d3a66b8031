"""What more machines bring: the same gallery and the same load on 1, 2, 4 nodes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cluster.config import ClusterConfig
from cluster.executors.interface import Executor
from cluster.launch import make_executor
from cluster.store import KeyProvider, Store
from coordinator.bench.checked import CheckedSearches, WrongAnswerError
from coordinator.bench.filler import MADE, SEED
from coordinator.bench.gallery import prepared_probes
from coordinator.bench.load import closed_loop, open_loop
from coordinator.bench.machines import LocalNodes
from coordinator.bench.summary import efficiency, served_summary
from coordinator.progress import Track
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import parameters_hash

PROBES = 32
"""Different searches, taken in turn."""

OPEN_SHARE = 0.5
"""Rate of the open loop, of what the smallest cluster answers in a closed one."""

POLL_S = 0.05
"""Between looks at whether a cluster has recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLoad:
    """How clusters are laid out and loaded.

    Attributes:
        nodes: of each cluster, ascending.
        shards_a_node: one thread of matrix products each.
        replicas: shards that hold each partition, where there are as many.
        callers: concurrent searches of the closed loop.
        seconds: of each loop.
        recover: whether the newest node is killed under load at the end.
        timeout_s: of a search, and of a recovery.
    """

    nodes: tuple[int, ...]
    shards_a_node: int = 1
    replicas: int = 1
    callers: int = 8
    seconds: float = 30.0
    recover: bool = True
    timeout_s: float = 60.0


def bench_cluster(
    store: Store, keys: KeyProvider, load: ClusterLoad, track: Track
) -> dict[str, Any]:
    """Measures clusters of several sizes on one gallery; every answer is checked.

    Args:
        store: filled by `coordinator.bench.gallery.fill`.

    Raises:
        RidgelineError: INTERNAL for an answer that is wrong or silently partial.
    """
    counts = store.counts(store.sequence())
    probes = prepared_probes(min(PROBES, counts.subjects))
    searches = CheckedSearches(store, probes, timeout_s=load.timeout_s)
    runs: list[dict[str, Any]] = []
    for count in track(load.nodes, description="Clusters", total=len(load.nodes)):
        nodes = LocalNodes(max(load.nodes), cpus=load.shards_a_node + 1)
        try:
            for _ in range(count):
                nodes.add()
            bench = _Bench(store, keys, load, nodes, searches)
            runs.append(asyncio.run(bench.run(runs[0] if runs else None)))
            pinned = nodes.cores_a_node
        except WrongAnswerError as wrong:
            raise RidgelineError(ErrorCode.INTERNAL, str(wrong)) from wrong
        finally:
            nodes.stop()
    return {
        "where": _where(max(load.nodes), pinned),
        "subjects": counts.subjects,
        "partitions": store.partitions,
        "store": "SQLite" if store.database.is_sqlite else "PostgreSQL",
        "backends": sorted(searches.backends),
        "shards_a_node": load.shards_a_node,
        "replicas": load.replicas,
        "callers": load.callers,
        "open_rate_per_s": runs[0]["open"]["rate_per_s"],
        "runs": runs,
        "checked": {
            "answers": searches.answers,
            "mates_first": searches.mates_first,
            "searches": len(probes),
        },
        "data": f"{MADE} generated persons, seed {SEED}, recombined; probes are ready-made",
        "parameters_hash": parameters_hash(),
    }


class _Bench:
    """One cluster: load, closed loop, open loop, and what happens when a node dies."""

    def __init__(
        self,
        store: Store,
        keys: KeyProvider,
        load: ClusterLoad,
        nodes: LocalNodes,
        searches: CheckedSearches,
    ) -> None:
        self._load = load
        self._nodes = nodes
        self._searches = searches
        self._partitions = store.partitions
        config = ClusterConfig(
            executor="ray",
            ray_address=nodes.address,
            shards=load.shards_a_node * nodes.count,
            replicas=load.replicas,
            load_timeout_s=1800.0,
        )
        self._executor = make_executor(config, store, keys)
        self._replicas = min(load.replicas, config.shards)

    async def run(self, smallest: dict[str, Any] | None) -> dict[str, Any]:
        """Everything about this cluster, compared with the smallest one."""
        search = partial(self._searches.run, self._executor)
        begun = time.perf_counter()
        try:
            await self._executor.start()
            started = time.perf_counter() - begun
            await search(0)
            first = time.perf_counter() - begun
            seconds = self._load.seconds
            closed = served_summary(
                await closed_loop(
                    search, callers=self._load.callers, go_on=lambda passed: passed < seconds
                )
            )
            base = smallest or {"nodes": self._nodes.count, "closed": closed}
            rate = OPEN_SHARE * base["closed"]["per_s"]
            opened = await open_loop(search, rate_per_s=rate, seconds=seconds, seed=SEED)
            result = {
                "nodes": self._nodes.count,
                "shards": self._load.shards_a_node * self._nodes.count,
                "start_s": started,
                "first_search_s": first,
                "closed": closed,
                "open": {"rate_per_s": rate, **served_summary(opened)},
                "efficiency": efficiency(
                    closed["per_s"], self._nodes.count, base["closed"]["per_s"], base["nodes"]
                ),
            }
            if self._load.recover and self._nodes.count > 1:
                result["recovery"] = await self._recovery(search)
            return result
        finally:
            await self._executor.stop()

    async def _recovery(self, search: Callable[[int], Awaitable[None]]) -> dict[str, Any]:
        """A node is killed under the closed loop; times count from the kill."""
        going = True
        loop = asyncio.create_task(
            closed_loop(search, callers=self._load.callers, go_on=lambda _: going)
        )
        try:
            await asyncio.sleep(1.0)
            killed = time.perf_counter()
            await asyncio.to_thread(self._nodes.kill_newest)
            whole = await self._until(partial(_succeeds, search), killed)
            replicated = await self._until(
                partial(_replicated, self._executor, self._partitions, self._replicas), killed
            )
        finally:
            going = False
            served = await loop
        return {
            "nodes_left": self._nodes.count,
            "whole_again_s": whole,
            "replicated_again_s": replicated,
            "slowest_answer_s": max(served.latency_s, default=None),
            "load": served_summary(served),
        }

    async def _until(self, reached: Callable[[], Awaitable[bool]], since: float) -> float:
        while not await reached():
            if time.perf_counter() - since > self._load.timeout_s:
                raise RidgelineError(
                    ErrorCode.SHARD_UNAVAILABLE,
                    f"the cluster did not recover within {self._load.timeout_s:.0f} s",
                )
            await asyncio.sleep(POLL_S)
        return time.perf_counter() - since


async def _succeeds(search: Callable[[int], Awaitable[None]]) -> bool:
    try:
        await search(0)
    except RidgelineError:
        return False
    return True


async def _replicated(executor: Executor, partitions: int, replicas: int) -> bool:
    """Whether every partition has all its shards again."""
    status = await executor.status()
    held = [p for shard in status.shards if shard.ready for p in shard.partitions]
    return all(held.count(p) >= replicas for p in range(partitions))


def _where(most: int, cores_a_node: int) -> str:
    share = f"{cores_a_node} to each" if cores_a_node else "fewer than nodes"
    return f"up to {most} Ray nodes on one machine of {os.cpu_count()} cores, {share}"
