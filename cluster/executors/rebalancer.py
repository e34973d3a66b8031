"""Spreads the gallery over the nodes that are there, while searches run and stay whole.

Two phases: shards load what comes to them and keep what they have; then the map is switched at
once; and what a shard does not hold any more it drops when no search uses the older map. Where a
shard fails on the way, the old map stays in force and whatever was loaded does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from cluster.executors.actors import controlled
from cluster.executors.shard_link import ShardLink
from cluster.executors.shard_map import ShardMap
from cluster.layout import Layout, Node, ShardSpec
from cluster.placement import Placement, Slot, place
from cluster.rebalance import RebalancePlan, plan
from cluster.shard_health import ShardHealth
from workers.errors import ErrorCode, RidgelineError

_log = logging.getLogger(__name__)


class Rebalancer:
    """Moves partitions between shards; one rebalancing at a time.

    Args:
        start: makes a shard actor.
        replicas: of each partition.
        timeout_s: for shards to start, and for those that gain partitions to load them.
    """

    def __init__(
        self,
        shards: ShardMap,
        layout: Layout,
        health: ShardHealth,
        start: Callable[[ShardSpec], Any],
        *,
        replicas: int,
        timeout_s: float,
    ) -> None:
        self._shards = shards
        self._layout = layout
        self._health = health
        self._start = start
        self._replicas = replicas
        self._timeout_s = timeout_s
        self._one = asyncio.Lock()

    def plan(self, nodes: Sequence[Node], *, join: bool = True) -> RebalancePlan:
        """What `rebalance` would do with these nodes now."""
        staying, coming = self._specs(nodes, join)
        return self._compare(self._target([*staying, *coming]), [*staying, *coming])

    async def rebalance(self, nodes: Sequence[Node], *, join: bool = True) -> RebalancePlan:
        """Makes it so.

        Args:
            nodes: that are alive.
            join: give nodes without shards their share; else only lost ones are made up for.

        Raises:
            RidgelineError: SHARD_UNAVAILABLE where no node is left, or a shard did not start or
                load in time; nothing has changed then.
        """
        async with self._one:
            staying, coming = self._specs(nodes, join)
            after = self._target([*staying, *coming])
            wanted = self._compare(after, [*staying, *coming])
            if not wanted.moves and not coming and len(staying) == len(self._shards.links):
                return wanted
            _log.info("rebalancing: %d moves", len(wanted.moves))
            opened: list[ShardLink] = []
            try:
                async with asyncio.timeout(self._timeout_s):
                    opened += await self._open(coming)
                    self._shards.links |= {link.shard_id: link for link in opened}
                    await self._load(after)
            except (TimeoutError, RidgelineError) as error:
                await self._close([link.shard_id for link in opened])
                if isinstance(error, RidgelineError):
                    raise
                raise RidgelineError(
                    ErrorCode.SHARD_UNAVAILABLE,
                    f"shards did not start or load within {self._timeout_s:.0f} s",
                ) from error
            self._shards.switch(after)
            _log.info("the map of generation %d is in force", after.generation)
            await self._shards.unused_before(after.generation)
            await self._drop(after, {spec.slot.shard_id for spec in [*staying, *coming]})
            return wanted

    def _specs(self, nodes: Sequence[Node], join: bool) -> tuple[list[ShardSpec], list[ShardSpec]]:
        """Shards that stay, and those to be started."""
        alive = {node.node_id for node in nodes}
        links = self._shards.links.values()
        staying = [link.spec for link in links if link.spec.slot.node in alive]
        used = {spec.slot.node for spec in staying}
        newcomers = [node for node in nodes if join and node.node_id not in used]
        return staying, [spec for node in newcomers for spec in self._layout.joining(node)]

    def _target(self, specs: Sequence[ShardSpec]) -> Placement:
        if not specs:
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "no node can run a shard")
        before = self._shards.placement
        return place(
            len(before.replicas),
            [spec.slot for spec in specs],
            replicas=self._replicas,
            generation=before.generation + 1,
        )

    def _compare(self, after: Placement, specs: Sequence[ShardSpec]) -> RebalancePlan:
        links = self._shards.links
        there = {spec.slot.shard_id for spec in specs}
        slots: dict[str, Slot] = {i: link.spec.slot for i, link in links.items()}
        slots |= {spec.slot.shard_id: spec.slot for spec in specs}
        held = {i: link.nbytes for i, link in links.items() if i in there}
        return plan(self._shards.placement, after, slots.values(), held)

    async def _open(self, specs: Collection[ShardSpec]) -> list[ShardLink]:
        links = []
        try:
            for spec in specs:
                actor = await controlled(self._start, spec)
                links.append(ShardLink(spec, actor, self._health))
            await asyncio.gather(*(link.open() for link in links))
        except BaseException:
            await asyncio.gather(*(link.close() for link in links))
            raise
        return links

    async def _load(self, after: Placement) -> None:
        """Every shard holds what it will hold, beside what it holds."""
        before = self._shards.placement
        work = []
        for shard_id in sorted({s for held in after.replicas for s in held}):
            old, new = before.partitions_of(shard_id), after.partitions_of(shard_id)
            if set(new) - set(old):
                union = tuple(sorted({*old, *new}))
                work.append(self._shards.links[shard_id].assign(union))
        await asyncio.gather(*work)

    async def _drop(self, after: Placement, staying: Collection[str]) -> None:
        """Shards hold what the map says, and no more; those whose node is lost end."""
        await self._close([i for i in self._shards.links if i not in staying])
        work = [link.assign(after.partitions_of(i)) for i, link in self._shards.links.items()]
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, RidgelineError):
                # It holds too much, which costs memory only; the watch gives it its own again.
                _log.warning("a shard did not drop what it gave up: %s", result)

    async def _close(self, shard_ids: Collection[str]) -> None:
        links = [self._shards.links.pop(i) for i in shard_ids if i in self._shards.links]
        await asyncio.gather(*(link.close() for link in links))
