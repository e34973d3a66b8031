"""Routing of one search: which shard is asked for which partitions, and who is next.

A state machine without I/O: events go in (an attempt answered, failed or timed out),
instructions come out (ask this shard for these partitions). Executors carry them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cluster.placement import Placement


@dataclass(frozen=True, slots=True)
class Attempt:
    """An instruction: ask `shard_id` for `partitions`.

    Attributes:
        number: names the attempt in later events.
    """

    number: int
    shard_id: str
    partitions: tuple[int, ...]


class Router:
    """Sends every partition to its replicas in turn until one answers.

    Args:
        placement: the map in force.
        ready: shards that are believed to answer; the others are asked last.
    """

    def __init__(self, placement: Placement, ready: Collection[str]) -> None:
        self._waiting = {
            partition: sorted(shards, key=lambda shard: shard not in ready)
            for partition, shards in enumerate(placement.replicas)
        }
        self._open: dict[int, Attempt] = {}
        self._answered: set[int] = set()
        self._attempts = 0

    def start(self) -> list[Attempt]:
        """The first attempts, one for each shard that is somebody's first choice."""
        return self._ask(self._waiting)

    def answered(self, number: int) -> None:
        """An attempt answered in full."""
        attempt = self._open.pop(number, None)
        if attempt is not None:
            self._answered.update(attempt.partitions)

    def failed(self, number: int) -> list[Attempt]:
        """An attempt failed or ran out of its time; its partitions go to their next replicas."""
        attempt = self._open.pop(number, None)
        if attempt is None:
            return []
        return self._ask(p for p in attempt.partitions if p not in self._answered)

    @property
    def done(self) -> bool:
        """Nothing is under way, so nothing more will be answered."""
        return not self._open

    @property
    def unsearched(self) -> tuple[int, ...]:
        """Partitions that nobody has answered for, ascending."""
        return tuple(p for p in sorted(self._waiting) if p not in self._answered)

    def _ask(self, partitions: Iterable[int]) -> list[Attempt]:
        by_shard: dict[str, list[int]] = {}
        for partition in partitions:
            if self._waiting[partition]:
                by_shard.setdefault(self._waiting[partition].pop(0), []).append(partition)
        attempts = []
        for shard_id, theirs in sorted(by_shard.items()):
            self._attempts += 1
            attempt = Attempt(self._attempts, shard_id, tuple(sorted(theirs)))
            self._open[attempt.number] = attempt
            attempts.append(attempt)
        return attempts
