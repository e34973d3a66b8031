"""The executor on a Ray cluster: shards and extractors are actors.

Actor handles are held here and nothing asks Ray's GCS on the way of a search, so searches go on
while it is down.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster import launch
from cluster.config import ClusterConfig
from cluster.executors.fan_out import fan_out
from cluster.executors.interface import (
    ExecutorStatus,
    GalleryAnswer,
    GallerySearch,
    ShardReport,
)
from cluster.executors.results import prepared_or_error
from cluster.placement import Placement, Slot, place
from cluster.routing import Router
from cluster.source import StoreSourceFactory
from cluster.store import KeyProvider, Store
from workers import extractor_actor, shard_actor
from workers.biometrics.model import Submission
from workers.errors import ErrorCode, RidgelineError
from workers.prepare import PreparedSubmission
from workers.shard import ShardAnswer, ShardRequest, ShardState

_log = logging.getLogger(__name__)

T = TypeVar("T")

STATE_TIMEOUT_S = 2.0
"""A shard that does not give its state in this time counts as not ready."""


class RayExecutor:
    """Starts actors, sends them work, and stops them."""

    def __init__(self, config: ClusterConfig, store: Store, keys: KeyProvider) -> None:
        self._config = config
        self._store = store
        self._keys = keys
        self._owns_cluster = False
        self._placement: Placement | None = None
        self._nodes: dict[str, str] = {}
        self._shards: dict[str, Any] = {}
        self._ready: set[str] = set()
        self._extractors: list[Any] = []
        self._idle: asyncio.Queue[Any] = asyncio.Queue()

    async def start(self) -> None:
        """See `Executor.start`. First every actor runs, then every shard loads."""
        extractors = max(self._config.extractors, 1)
        wanted = self._config.shards
        # Ray sets signal handlers, so it has to start in the main thread, which this is.
        self._owns_cluster = launch.connect(self._config, cpus=max(wanted, 2) + extractors)
        nodes = launch.nodes()
        count = wanted or max(2, sum(node.cpus for node in nodes) - extractors)
        # A name for this start: a restarted coordinator must not meet actors of the last one.
        generation = uuid.uuid4().hex[:8]
        homes = launch.spread(count + extractors, nodes)
        slots = [Slot(f"shard-{i}", homes[i].node_id) for i in range(count)]
        self._placement = place(self._store.partitions, slots, replicas=self._config.replicas)
        self._nodes = {slot.shard_id: slot.node for slot in slots}
        factory = StoreSourceFactory(self._store.database.url, self._keys)
        remote: Any = ray.remote  # its overloads do not cover options given as a mapping
        shard_type = remote(**shard_actor.ACTOR_OPTIONS)(shard_actor.ShardActor)
        extractor_type = remote(**extractor_actor.ACTOR_OPTIONS)(extractor_actor.ExtractorActor)
        for slot in slots:
            self._shards[slot.shard_id] = shard_type.options(
                name=f"{generation}-{slot.shard_id}",
                scheduling_strategy=NodeAffinitySchedulingStrategy(slot.node, soft=True),
            ).remote(
                slot.shard_id,
                self._placement.partitions_of(slot.shard_id),
                factory,
                self._config.backend,
                self._config.segment_settings(self._keys),
            )
        for i, home in enumerate(homes[count:]):
            extractor = extractor_type.options(
                name=f"{generation}-extractor-{i}",
                scheduling_strategy=NodeAffinitySchedulingStrategy(home.node_id, soft=True),
            ).remote(self._config.gate)
            self._extractors.append(extractor)
        timeout = self._config.load_timeout_s
        await self._all(
            [x.ready.remote() for x in self._extractors]
            + [x.state.remote() for x in self._shards.values()],
            timeout,
        )
        states = await self._all([x.load.remote() for x in self._shards.values()], timeout)
        for state in states:
            if isinstance(state, RidgelineError):
                raise state
        self._ready = set(self._shards)
        for extractor in self._extractors:
            self._idle.put_nowait(extractor)

    async def stop(self) -> None:
        """See `Executor.stop`."""
        actors = [*self._shards.values(), *self._extractors]
        self._shards.clear()
        self._extractors.clear()
        self._ready.clear()
        if not ray.is_initialized():
            return
        for actor in actors:
            ray.kill(actor)
        if self._owns_cluster:
            self._owns_cluster = False
            ray.shutdown()

    async def prepare(
        self, submissions: Sequence[Submission], *, timeout_s: float
    ) -> list[PreparedSubmission | Exception]:
        """See `Executor.prepare`."""
        work = [asyncio.wait_for(self._prepare(one), timeout_s) for one in submissions]
        results = await asyncio.gather(*work, return_exceptions=True)
        return [prepared_or_error(result) for result in results]

    async def search(self, search: GallerySearch) -> GalleryAnswer:
        """See `Executor.search`."""
        if self._placement is None:
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "the cluster is not started")
        router = Router(self._placement, self._ready)
        return await fan_out(search, router, self._ask, self._config.replicas)

    async def status(self) -> ExecutorStatus:
        """See `Executor.status`; also refreshes which shards are asked first."""
        placement = self._placement
        ids = sorted(self._shards)
        states = await asyncio.gather(*(self._state(shard_id) for shard_id in ids))
        self._ready = {i for i, state in zip(ids, states, strict=True) if state is not None}
        return ExecutorStatus(
            executor="ray",
            shards=tuple(
                ShardReport(
                    shard_id,
                    self._nodes[shard_id],
                    state is not None,
                    placement.partitions_of(shard_id) if placement else (),
                    state,
                )
                for shard_id, state in zip(ids, states, strict=True)
            ),
            extractors=len(self._extractors),
            placement_generation=placement.generation if placement else 0,
            partitions_total=self._store.partitions,
        )

    async def _prepare(self, submission: Submission) -> PreparedSubmission | RidgelineError:
        extractor = await self._idle.get()
        try:
            result: PreparedSubmission | RidgelineError = await extractor.prepare.remote(submission)
        except ray.exceptions.RayError:
            _log.warning("an extractor died; the submission goes to another attempt")
            return RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "the extractor failed")
        finally:
            self._idle.put_nowait(extractor)
        return result

    async def _ask(self, shard_id: str, request: ShardRequest) -> ShardAnswer:
        shard = self._shards[shard_id]
        try:
            result: ShardAnswer | RidgelineError = await shard.search.remote(request)
        except asyncio.CancelledError:
            shard.cancel.remote(request.request_id)
            raise
        except ray.exceptions.RayError as error:
            self._ready.discard(shard_id)
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "a shard is gone") from error
        if isinstance(result, RidgelineError):
            raise result
        return result

    async def _state(self, shard_id: str) -> ShardState | None:
        try:
            state: ShardState = await asyncio.wait_for(
                _awaited(self._shards[shard_id].state.remote()), STATE_TIMEOUT_S
            )
        except (TimeoutError, ray.exceptions.RayError):
            return None
        return state

    async def _all(self, references: list[Any], timeout_s: float) -> list[Any]:
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.gather(*map(_awaited, references))
        except TimeoutError:
            raise RidgelineError(
                ErrorCode.SHARD_UNAVAILABLE, f"the cluster was not ready within {timeout_s:.0f} s"
            ) from None


async def _awaited(reference: Awaitable[T]) -> T:
    """An object reference as a coroutine, which asyncio's helpers want."""
    return await reference
