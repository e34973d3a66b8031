"""Routing of one search: which shard is asked for which partitions, until when, and who is next.

A state machine without I/O and without a clock: events go in with the time at which they came
(an attempt answered, failed, or nothing happened until now), instructions come out (ask this
shard for these partitions until then). Executors carry them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cluster.placement import Placement

ATTEMPT_SHARE: Final = 0.6
"""Share of the remaining time that an attempt may take while another replica could follow."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An instruction: ask `shard_id` for `partitions`.

    Attributes:
        number: names the attempt in later events.
        expires: when to give up on it, by the clock of the events.
    """

    number: int
    shard_id: str
    partitions: tuple[int, ...]
    expires: float


class Router:
    """Sends every partition to its replicas in turn until one answers or the deadline has come.

    Args:
        placement: the map in force.
        rank: of a shard; a partition's replicas are asked lowest first, equals in the map's
            order.
        deadline: of the search, by the clock of the events.
        attempt_s: that an attempt may take at most while another replica could follow.
    """

    def __init__(
        self,
        placement: Placement,
        rank: Callable[[str], int],
        *,
        deadline: float,
        attempt_s: float,
    ) -> None:
        self._waiting = {
            partition: sorted(shards, key=rank)
            for partition, shards in enumerate(placement.replicas)
        }
        self._deadline = deadline
        self._attempt_s = attempt_s
        self._open: dict[int, Attempt] = {}
        self._answered: set[int] = set()
        self._attempts = 0

    def start(self, now: float) -> list[Attempt]:
        """The first attempts, one for each shard that is somebody's first choice."""
        return self._ask(self._waiting, now)

    def answered(self, number: int, now: float) -> bool:
        """An attempt answered in full; False where it came too late to be counted."""
        attempt = self._open.pop(number, None)
        if attempt is None or now > self._deadline:
            return False
        self._answered.update(attempt.partitions)
        return True

    def failed(self, number: int, now: float) -> list[Attempt]:
        """An attempt failed; its partitions go to their next replicas."""
        attempt = self._open.pop(number, None)
        return [] if attempt is None else self._ask(attempt.partitions, now)

    def expire(self, now: float) -> tuple[list[Attempt], list[Attempt]]:
        """Attempts to give up on now, and those that follow them."""
        over = [attempt for attempt in self._open.values() if attempt.expires <= now]
        for attempt in over:
            del self._open[attempt.number]
        return over, self._ask((p for attempt in over for p in attempt.partitions), now)

    @property
    def next_expiry(self) -> float:
        """When `expire` will have something to give up on; only while not `done`."""
        return min(attempt.expires for attempt in self._open.values())

    @property
    def done(self) -> bool:
        """Nothing is under way, so nothing more will be answered."""
        return not self._open

    @property
    def unsearched(self) -> tuple[int, ...]:
        """Partitions that nobody has answered for, ascending."""
        return tuple(p for p in sorted(self._waiting) if p not in self._answered)

    def _ask(self, partitions: Iterable[int], now: float) -> list[Attempt]:
        if now >= self._deadline:
            return []
        # What has another replica to go to is asked for apart from what has none, so that it
        # does not wait until the deadline for it.
        asked: dict[tuple[str, bool], list[int]] = {}
        for partition in partitions:
            replicas = self._waiting[partition]
            if replicas:
                shard_id = replicas.pop(0)
                asked.setdefault((shard_id, bool(replicas)), []).append(partition)
        left = self._deadline - now
        attempts = []
        for (shard_id, more), theirs in sorted(asked.items()):
            self._attempts += 1
            budget = min(left * ATTEMPT_SHARE, self._attempt_s) if more else left
            attempt = Attempt(self._attempts, shard_id, tuple(sorted(theirs)), now + budget)
            self._open[attempt.number] = attempt
            attempts.append(attempt)
        return attempts
