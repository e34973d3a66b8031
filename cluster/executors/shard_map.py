"""The map in force and the shards behind it: replaced at once, kept as long as a search uses it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from cluster.executors.shard_link import ShardLink
from cluster.placement import Placement
from workers.errors import ErrorCode, RidgelineError
from workers.shard import ShardAnswer, ShardRequest

_POLL_S: Final = 0.05
"""Between looks at whether an older map is still in use."""


class ShardMap:
    """Which shard holds what, now.

    Attributes:
        placement: the map in force.
        links: the shards by id, also those that an older map still needs.
    """

    def __init__(self, placement: Placement, links: dict[str, ShardLink]) -> None:
        self.placement = placement
        self.links = links
        self._using: Counter[int] = Counter()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Placement]:
        """The map that a search keeps from its beginning to its end."""
        placement = self.placement
        self._using[placement.generation] += 1
        try:
            yield placement
        finally:
            self._using[placement.generation] -= 1

    def switch(self, placement: Placement) -> None:
        """Puts another map in force; searches under way keep theirs."""
        self.placement = placement

    async def ask(self, shard_id: str, request: ShardRequest) -> ShardAnswer:
        """See `ShardLink.search`."""
        link = self.links.get(shard_id)
        if link is None:
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "the shard is not running")
        return await link.search(request)

    async def unused_before(self, generation: int) -> None:
        """Waits until no search under way uses an older map; their deadlines bound that."""
        while any(count for used, count in self._using.items() if used < generation):
            await asyncio.sleep(_POLL_S)
        self._using = Counter({g: n for g, n in self._using.items() if g >= generation})
