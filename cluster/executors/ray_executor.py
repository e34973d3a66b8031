"""The executor on a Ray cluster: shards and extractors are actors.

Actor handles are held here and nothing asks Ray's GCS on the way of a search, so searches go on
while it is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import ray

from cluster import launch
from cluster.config import ClusterConfig
from cluster.executors.actors import ActorStarter, controlled
from cluster.executors.admission import Admission
from cluster.executors.extractors import ExtractorPool
from cluster.executors.fan_out import fan_out
from cluster.executors.interface import (
    ExecutorStatus,
    GalleryAnswer,
    GallerySearch,
    ShardReport,
)
from cluster.executors.node_watch import NodeWatch
from cluster.executors.rebalancer import Rebalancer
from cluster.executors.results import prepared_or_error
from cluster.executors.shard_link import ShardLink
from cluster.executors.shard_map import ShardMap
from cluster.layout import Layout, Node, first_nodes
from cluster.placement import place
from cluster.rebalance import RebalancePlan
from cluster.shard_health import ShardHealth
from cluster.source import StoreSourceFactory
from cluster.store import KeyProvider, Store
from workers.biometrics.model import Submission
from workers.errors import ErrorCode, RidgelineError
from workers.prepare import PreparedSubmission

T = TypeVar("T")

NODES_TIMEOUT_S: Final = 10.0
"""For Ray's GCS to list the nodes, where an operator waits for it."""


class RayExecutor:
    """Starts actors, sends them work, spreads the gallery anew, and stops them."""

    def __init__(self, config: ClusterConfig, store: Store, keys: KeyProvider) -> None:
        self._config = config
        self._store = store
        self._starter = ActorStarter(
            StoreSourceFactory(store.database.url, keys),
            config.gate,
            config.segment_settings(keys),
        )
        self._extractors = ExtractorPool(self._starter.extractor)
        self._health = ShardHealth()
        self._admission = Admission(config.searches_max)
        self._owns_cluster = False
        self._shards: ShardMap | None = None
        self._rebalancer: Rebalancer | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """See `Executor.start`. First every actor runs, then every shard loads."""
        config = self._config
        # Ray sets signal handlers, so it has to start in the main thread, which this is.
        cpus = max(config.shards, 2) + max(config.extractors, 1)
        self._owns_cluster = launch.connect(config, cpus=cpus)
        layout = Layout(config, first_nodes(launch.nodes(), config.nodes_max))
        links = {
            spec.slot.shard_id: ShardLink(spec, self._starter.shard(spec), self._health)
            for spec in layout.shards
        }
        slots = [spec.slot for spec in layout.shards]
        placement = place(self._store.partitions, slots, replicas=config.replicas)
        self._shards = ShardMap(placement, links)
        self._rebalancer = Rebalancer(
            self._shards,
            layout,
            self._health,
            self._starter.shard,
            replicas=config.replicas,
            timeout_s=config.load_timeout_s,
        )
        try:
            async with asyncio.timeout(config.load_timeout_s):
                await asyncio.gather(
                    self._extractors.open(layout.extractors),
                    *(link.open() for link in links.values()),
                )
                await asyncio.gather(
                    *(link.assign(placement.partitions_of(i)) for i, link in links.items())
                )
        except TimeoutError:
            raise RidgelineError(
                ErrorCode.SHARD_UNAVAILABLE,
                f"the cluster was not ready within {config.load_timeout_s:.0f} s",
            ) from None
        watch = NodeWatch(self._shards, layout, self._rebalancer, join=config.rebalance == "auto")
        self._keep(asyncio.create_task(watch.run()))

    async def stop(self) -> None:
        """See `Executor.stop`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shards, self._shards, self._rebalancer = self._shards, None, None
        if not ray.is_initialized():
            return
        if shards is not None:
            await asyncio.gather(*(link.close() for link in shards.links.values()))
        await self._extractors.close()
        if self._owns_cluster:
            self._owns_cluster = False
            ray.shutdown()

    async def prepare(
        self, submissions: Sequence[Submission], *, timeout_s: float
    ) -> list[PreparedSubmission | Exception]:
        """See `Executor.prepare`."""
        work = [asyncio.wait_for(self._extractors.prepare(x), timeout_s) for x in submissions]
        results = await asyncio.gather(*work, return_exceptions=True)
        return [prepared_or_error(result) for result in results]

    async def search(self, search: GallerySearch) -> GalleryAnswer:
        """See `Executor.search`."""
        shards = self._running()
        with self._admission.admitted(), shards.in_use() as placement:
            return await fan_out(
                search,
                placement,
                self._health,
                shards.ask,
                attempt_s=self._config.attempt_timeout_s,
            )

    async def status(self) -> ExecutorStatus:
        """See `Executor.status`; as the shards were last seen, so nobody waits for a silent one."""
        shards = self._shards
        placement = shards.placement if shards else None
        links = sorted(shards.links.items()) if shards else []
        return ExecutorStatus(
            executor="ray",
            shards=tuple(
                ShardReport(
                    shard_id,
                    link.spec.slot.node,
                    link.state is not None,
                    placement.partitions_of(shard_id) if placement else (),
                    link.state,
                )
                for shard_id, link in links
            ),
            extractors=len(self._extractors),
            placement_generation=placement.generation if placement else 0,
            partitions_total=self._store.partitions,
        )

    async def rebalance(self, *, dry_run: bool) -> RebalancePlan:
        """See `Executor.rebalance`."""
        self._running()
        nodes = await self._nodes()
        if self._rebalancer is None:
            raise _not_started()
        if dry_run:
            return self._rebalancer.plan(nodes)
        # It goes on when its caller leaves: half a rebalancing would only be done again.
        return await asyncio.shield(
            self._keep(asyncio.create_task(self._rebalancer.rebalance(nodes)))
        )

    def _running(self) -> ShardMap:
        if self._shards is None:
            raise _not_started()
        return self._shards

    def _keep(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _nodes(self) -> list[Node]:
        try:
            return await asyncio.wait_for(controlled(launch.nodes), NODES_TIMEOUT_S)
        except TimeoutError:
            raise RidgelineError(
                ErrorCode.SHARD_UNAVAILABLE, "Ray's GCS does not list its nodes"
            ) from None


def _not_started() -> RidgelineError:
    return RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "the cluster is not started")
