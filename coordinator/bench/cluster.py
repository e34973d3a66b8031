"""What more machines bring: the same gallery and the same load on 1, 2, 4 nodes."""

from __future__ import annotations

import asyncio
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
from coordinator.bench.machines import GivenNodes, LocalNodes, Nodes
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

SETTLE_S = 1.0
"""Of load before something happens to the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLoad:
    """How clusters are laid out and loaded.

    Attributes:
        nodes: of each cluster, ascending.
        shards_a_node: one thread of matrix products each.
        replicas: shards that hold each partition, where there are as many.
        callers: concurrent searches of the closed loop.
        seconds: of each loop.
        recover: whether the newest node is killed under load at the end, where it is ours, and one
            joins again.
        ray_address: of a running cluster; without one nodes are started on this machine.
        timeout_s: of a search, and of a recovery.
    """

    nodes: tuple[int, ...]
    shards_a_node: int = 1
    replicas: int = 1
    callers: int = 8
    seconds: float = 30.0
    recover: bool = True
    ray_address: str = ""
    timeout_s: float = 60.0


def bench_cluster(
    store: Store, keys: KeyProvider, load: ClusterLoad, track: Track
) -> dict[str, Any]:
    """Measures clusters of several sizes on one gallery; every answer is checked.

    Args:
        store: filled by `coordinator.bench.gallery.fill`.

    Raises:
        RidgelineError: INTERNAL for an answer that is wrong or silently partial;
            SHARD_UNAVAILABLE where a loop had none, or the cluster did not recover in time.
    """
    counts = store.counts(store.sequence())
    probes = prepared_probes(min(PROBES, counts.subjects))
    searches = CheckedSearches(store, probes, timeout_s=load.timeout_s)
    runs: list[dict[str, Any]] = []
    for count in track(load.nodes, description="Clusters", total=len(load.nodes)):
        nodes: Nodes
        if load.ray_address:
            nodes = GivenNodes(load.ray_address)
        else:
            nodes = LocalNodes(max(load.nodes), cpus=load.shards_a_node + 1)
        try:
            nodes.start(count)
            bench = _Bench(store, keys, load, nodes, count, searches)
            runs.append(asyncio.run(bench.run(runs[0] if runs else None)))
        except WrongAnswerError as wrong:
            raise RidgelineError(ErrorCode.INTERNAL, str(wrong)) from wrong
        finally:
            nodes.stop()
    return {
        "where": nodes.where,
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
        nodes: Nodes,
        count: int,
        searches: CheckedSearches,
    ) -> None:
        self._load = load
        self._nodes = nodes
        self._count = count
        self._searches = searches
        config = ClusterConfig(
            executor="ray",
            ray_address=nodes.address,
            shards=load.shards_a_node * count,
            replicas=load.replicas,
            nodes_max=count,
            rebalance="manual",
            searches_max=4 * load.callers,
            load_timeout_s=1800.0,
        )
        self._executor = make_executor(config, store, keys)

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
            if not closed["answered"]:
                raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "no search was answered")
            base = smallest or {"nodes": self._count, "closed": closed}
            rate = OPEN_SHARE * base["closed"]["per_s"]
            opened = await open_loop(search, rate_per_s=rate, seconds=seconds, seed=SEED)
            result = {
                "nodes": self._count,
                "shards": self._load.shards_a_node * self._count,
                "start_s": started,
                "first_search_s": first,
                "closed": closed,
                "open": {"rate_per_s": rate, **served_summary(opened)},
                "efficiency": efficiency(
                    closed["per_s"], self._count, base["closed"]["per_s"], base["nodes"]
                ),
            }
            if self._load.recover and self._count > 1 and self._nodes.killable:
                result["recovery"] = await self._under_load(search, self._recovery)
                # Ray wants the main thread to start a node in, which the load would wait for.
                self._nodes.add()
                result["rebalance"] = await self._under_load(search, self._rebalance)
            return result
        finally:
            await self._executor.stop()

    async def _under_load(
        self,
        search: Callable[[int], Awaitable[None]],
        event: Callable[[Callable[[int], Awaitable[None]]], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Something happens to the cluster while the closed loop goes on."""
        going = True
        loop = asyncio.create_task(
            closed_loop(search, callers=self._load.callers, go_on=lambda _: going)
        )
        try:
            await asyncio.sleep(SETTLE_S)
            found = await event(search)
        finally:
            going = False
            served = await loop
        return {
            **found,
            "slowest_answer_s": max(served.latency_s, default=None),
            "load": served_summary(served),
        }

    async def _recovery(self, search: Callable[[int], Awaitable[None]]) -> dict[str, Any]:
        """A node is killed; times count from the kill."""
        before = (await self._executor.status()).placement_generation
        killed = time.perf_counter()
        await asyncio.to_thread(self._nodes.kill_newest)
        whole = await self._until(partial(_succeeds, search), killed)
        replicated = await self._until(
            partial(_replicated, self._executor, before, self._load.replicas), killed
        )
        return {
            "nodes_left": self._count - 1,
            "whole_again_s": whole,
            "replicated_again_s": replicated,
        }

    async def _rebalance(self, _search: Callable[[int], Awaitable[None]]) -> dict[str, Any]:
        """A node that has joined gets its share."""
        begun = time.perf_counter()
        plan = await self._executor.rebalance(dry_run=False)
        return {
            "nodes_after": self._count,
            "seconds": time.perf_counter() - begun,
            "partitions_moved": len(plan.moves),
            "partition_replicas": sum(load.after for load in plan.loads),
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


async def _replicated(executor: Executor, before: int, replicas: int) -> bool:
    """Whether a later map is in force and every partition has all its shards in it."""
    status = await executor.status()
    ready = [shard for shard in status.shards if shard.ready]
    held = [p for shard in ready for p in shard.partitions]
    return status.placement_generation > before and all(
        held.count(p) >= min(replicas, len(ready)) for p in range(status.partitions_total)
    )
