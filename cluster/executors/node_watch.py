"""Watches which nodes are there, and has the gallery spread over them when that changes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from cluster import launch
from cluster.executors.actors import controlled
from cluster.executors.rebalancer import Rebalancer
from cluster.executors.shard_map import ShardMap
from cluster.layout import Layout, Node
from workers.errors import RidgelineError

_log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""Between two looks at the nodes."""

AGAIN_S: Final = 15.0
"""After a rebalancing that failed, before the next."""


class NodeWatch:
    """Reacts to nodes that are lost, and to those that join.

    Args:
        join: whether a node that joins gets its share by itself.
    """

    def __init__(
        self, shards: ShardMap, layout: Layout, rebalancer: Rebalancer, *, join: bool
    ) -> None:
        self._shards = shards
        self._layout = layout
        self._rebalancer = rebalancer
        self._join = join

    async def run(self) -> None:
        """Looks until cancelled. While Ray's GCS is down it waits for it, and only it."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                nodes = await controlled(launch.nodes)
                if self._lost(nodes) or (self._join and self._joined(nodes)):
                    await self._rebalancer.rebalance(nodes, join=self._join)
            except RidgelineError as error:
                _log.warning("the gallery could not be spread anew: %s", error)
                await asyncio.sleep(AGAIN_S)
            except Exception as error:  # noqa: BLE001 - Ray raises all kinds while its GCS is away
                _log.warning("the nodes are unknown: %s", type(error).__name__)

    def _lost(self, nodes: list[Node]) -> bool:
        """A node is gone when Ray says so and its shards do not answer either."""
        alive = {node.node_id for node in nodes}
        links = self._shards.links.values()
        return any(link.spec.slot.node not in alive and link.state is None for link in links)

    def _joined(self, nodes: list[Node]) -> bool:
        used = {link.spec.slot.node for link in self._shards.links.values()}
        return any(n.node_id not in used and bool(self._layout.joining(n)) for n in nodes)
