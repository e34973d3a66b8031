"""Placement: which shards hold which partitions.

Rendezvous hashing with bounded loads: every partition ranks the shards by a hash of the pair
and goes to the first R that have room. V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent
Hashing with Bounded Loads", SODA 2018, with rendezvous (highest random weight) hashing in the
place of the ring. Without bounds the fullest node sets the pace, and the others wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for partitions: a shard and the node it runs on."""

    shard_id: str
    node: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The map of one generation.

    Attributes:
        generation: raised with every change of the map.
        replicas: shards of each partition, in order of preference; index is the partition.
    """

    generation: int
    replicas: tuple[tuple[str, ...], ...]

    def partitions_of(self, shard_id: str) -> tuple[int, ...]:
        """Partitions placed on a shard, ascending."""
        return tuple(p for p, shards in enumerate(self.replicas) if shard_id in shards)


def place(
    partitions: int, slots: Collection[Slot], *, replicas: int = 1, generation: int = 1
) -> Placement:
    """Places every partition on `replicas` shards, or on all where there are fewer.

    No shard gets more than ceil(partitions * replicas / shards) partitions, but for the odd one
    over where the last partitions' replicas must lie apart. Replicas of a partition lie on
    different nodes while there are nodes that hold none.

    Raises:
        ValueError: without shards, or for shards of the same id.
    """
    ids = [slot.shard_id for slot in slots]
    if not ids or len(set(ids)) != len(ids):
        raise ValueError(f"expected shards of different ids, got {sorted(ids)}")
    copies = min(replicas, len(ids))
    cap = -(-partitions * copies // len(ids))
    load = dict.fromkeys(ids, 0)
    chosen: list[list[Slot]] = [[] for _ in range(partitions)]
    # One replica of every partition before the second of any: a first choice displaced by
    # somebody's second replica would move more than it must.
    for _ in range(copies):
        for partition, held in enumerate(chosen):
            slot = _first_with_room(partition, slots, held, load, cap)
            held.append(slot)
            load[slot.shard_id] += 1
    return Placement(generation, tuple(tuple(s.shard_id for s in held) for held in chosen))


def _first_with_room(
    partition: int,
    slots: Collection[Slot],
    held: list[Slot],
    load: dict[str, int],
    cap: int,
) -> Slot:
    taken = {slot.shard_id for slot in held}
    nodes = {slot.node for slot in held}
    free = [slot for slot in slots if slot.shard_id not in taken]
    # Replicas apart matter more than the cap: a node that takes both with it loses data.
    free = [slot for slot in free if slot.node not in nodes] or free
    room = [slot for slot in free if load[slot.shard_id] < cap]
    if not room:
        # The last partitions can find every shard they may go to full: the least loaded
        # takes one more.
        least = min(load[slot.shard_id] for slot in free)
        room = [slot for slot in free if load[slot.shard_id] == least]
    return max(room, key=lambda slot: _weight(partition, slot.shard_id))


def _weight(partition: int, shard_id: str) -> tuple[int, str]:
    digest = hashlib.blake2b(f"{partition}/{shard_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big"), shard_id
