"""Starts the actors: each on the node that was chosen for it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.layout import Node, ShardSpec
from workers import extractor_actor, shard_actor
from workers.biometrics.quality import QualityGate
from workers.segments.folder import SegmentSettings
from workers.shard_gallery import GallerySource

T = TypeVar("T")

_CONTROL: Final = ThreadPoolExecutor(4, thread_name_prefix="ray-control")
"""Threads that may wait for Ray's GCS, however long it is down: none that others need."""


class ActorStarter:
    """Starts actors for one coordinator.

    Args:
        open_source: opens the gallery's source in the process of a shard.
        segments: where shards keep theirs, if anywhere.
    """

    def __init__(
        self,
        open_source: Callable[[], GallerySource],
        gate: QualityGate,
        segments: SegmentSettings | None,
    ) -> None:
        # In every name: a restarted coordinator must not meet actors of the last one.
        self._generation = uuid.uuid4().hex[:8]
        self._open_source = open_source
        self._gate = gate
        self._segments = segments

    def shard(self, spec: ShardSpec) -> Any:
        """A shard without partitions. It stays on its node: a node that is lost is made up for
        on those that are there, by a new map, not by moving the shard."""
        return (
            _remote(shard_actor.ACTOR_OPTIONS, shard_actor.ShardActor)
            .options(
                name=self._name(spec.slot.shard_id),
                num_gpus=spec.gpus,
                scheduling_strategy=NodeAffinitySchedulingStrategy(spec.slot.node, soft=False),
            )
            .remote(spec.slot.shard_id, (), self._open_source, spec.backend, self._segments)
        )

    def extractor(self, home: Node) -> Any:
        """An extractor, which may go elsewhere when its node is lost."""
        return (
            _remote(extractor_actor.ACTOR_OPTIONS, extractor_actor.ExtractorActor)
            .options(
                name=self._name("extractor"),
                scheduling_strategy=NodeAffinitySchedulingStrategy(home.node_id, soft=True),
            )
            .remote(self._gate)
        )

    def _name(self, role: str) -> str:
        return f"{self._generation}-{role}-{uuid.uuid4().hex[:8]}"


def _remote(options: Any, actor: type) -> Any:
    remote: Any = ray.remote  # its overloads do not cover options given as a mapping
    return remote(**options)(actor)


async def awaited(reference: Awaitable[T]) -> T:
    """An object reference as a coroutine, which asyncio's helpers want."""
    return await reference


async def controlled(call: Callable[..., T], *arguments: object) -> T:
    """A blocking call to Ray's GCS, which no search waits for."""
    return await asyncio.get_running_loop().run_in_executor(_CONTROL, call, *arguments)
