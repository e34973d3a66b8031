"""Which shards to ask last for a while: what searches and the watcher found of them.

It outlives the searches and has no clock of its own: events come with their time. A shard that
failed, or was slow against the others of the same search, is asked last; after a hold one search
tries it again, and as long as that goes badly the hold doubles.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

WELL: Final = 0
SLOW: Final = 1
DOWN: Final = 2
"""Ranks for `cluster.routing.Router`: the lowest is asked first."""

HOLD_S: Final = 1.0
HOLD_MAX_S: Final = 60.0
"""That a shard is asked last, the first time and at most."""

SLOW_FACTOR: Final = 4.0
"""A shard is slow when it takes this many times as long as those that answered before it: well
above what unequal shares of a search take, well below a tenfold slow one."""

SLOW_MIN_S: Final = 0.25
"""Nothing faster is called slow: pauses of a process, which every shard has, are as long."""


@dataclass(slots=True)
class _Demotion:
    """Attributes:
    until: asked last until then.
    hold_s: length of that time.
    tried: the hold was over, and a search tries the shard again.
    """

    rank: int
    until: float
    hold_s: float
    tried: bool = False


class ShardHealth:
    """What is remembered of shards between searches."""

    def __init__(self) -> None:
        self._demoted: dict[str, _Demotion] = {}

    def ranks(self, shard_ids: Collection[str], now: float) -> dict[str, int]:
        """Ranks for a search that begins now; where a hold is over, it is the one to try."""
        ranks = {}
        for shard_id in shard_ids:
            demotion = self._demoted.get(shard_id)
            if demotion is None:
                ranks[shard_id] = WELL
            elif now < demotion.until:
                ranks[shard_id] = demotion.rank
            else:
                ranks[shard_id] = WELL
                demotion.tried, demotion.until = True, now + demotion.hold_s
        return ranks

    def failed(self, shard_id: str, now: float) -> None:
        """It is gone, or silent."""
        self._demote(shard_id, DOWN, now)

    def late(self, shard_id: str, seconds: float, others: Sequence[float], now: float) -> None:
        """An attempt was given up on after so long.

        Args:
            others: seconds that the same search's earlier answers took. Without any there is
                nothing to hold it against: a short deadline or a hard probe is not its fault.
        """
        if _slow(seconds, others):
            self._demote(shard_id, SLOW, now)

    def answered(self, shard_id: str, seconds: float, others: Sequence[float], now: float) -> None:
        """An attempt answered; at the others' pace it is well again. Arguments as for `late`."""
        if _slow(seconds, others):
            self._demote(shard_id, SLOW, now)
        else:
            self._demoted.pop(shard_id, None)

    def alive(self, shard_id: str) -> None:
        """It gave its state, so it is not down; whether it is slow only searches can tell."""
        demotion = self._demoted.get(shard_id)
        if demotion is not None and demotion.rank == DOWN:
            del self._demoted[shard_id]

    def forget(self, shard_id: str) -> None:
        """It is no part of the cluster any more."""
        self._demoted.pop(shard_id, None)

    def _demote(self, shard_id: str, rank: int, now: float) -> None:
        known = self._demoted.get(shard_id)
        hold = HOLD_S
        if known is not None:
            # Searches side by side report one trouble each: only the one that tried again
            # doubles the hold.
            hold = min(2.0 * known.hold_s, HOLD_MAX_S) if known.tried else known.hold_s
            rank = rank if known.tried else max(rank, known.rank)
        self._demoted[shard_id] = _Demotion(rank, now + hold, hold)


def _slow(seconds: float, others: Sequence[float]) -> bool:
    return bool(others) and seconds > max(SLOW_MIN_S, SLOW_FACTOR * statistics.median(others))
