"""What changes between two maps: which partitions move where, and what that weighs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cluster.placement import Placement, Slot


@dataclass(frozen=True, slots=True)
class Move:
    """A partition that a shard is to load.

    Attributes:
        source: shard that gives it up; empty where that one is lost, or a replica is added.
        nbytes: memory it takes, estimated: hash partitions are about equal, so the part of what
            its holders hold, or of what all shards hold where it has no holder.
    """

    partition: int
    source: str
    target: str
    node: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class ShardLoad:
    """Partitions of a shard before and after."""

    shard_id: str
    node: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class RebalancePlan:
    """The difference between the map in force and the one to come.

    Attributes:
        generation: of the map in force.
        moves: by partition.
        loads: of every shard of either map, by its id.
        lost: partitions whose every holder is gone, so that they cannot be searched until then.
    """

    generation: int
    moves: tuple[Move, ...]
    loads: tuple[ShardLoad, ...]
    lost: tuple[int, ...]


def plan(
    before: Placement,
    after: Placement,
    slots: Collection[Slot],
    held: Mapping[str, int],
) -> RebalancePlan:
    """Compares two maps.

    Args:
        slots: shards of either map.
        held: bytes that each shard of the first map holds; one without an entry is gone.
    """
    node_of = {slot.shard_id: slot.node for slot in slots}
    moves: list[Move] = []
    for partition, (old, new) in enumerate(zip(before.replicas, after.replicas, strict=True)):
        given_up = [shard_id for shard_id in old if shard_id not in new and shard_id in held]
        for target in new:
            if target not in old:
                source = given_up.pop(0) if given_up else ""
                size = _size(partition, before, held)
                moves.append(Move(partition, source, target, node_of[target], size))
    loads = tuple(
        ShardLoad(
            slot.shard_id,
            slot.node,
            len(before.partitions_of(slot.shard_id)),
            len(after.partitions_of(slot.shard_id)),
        )
        for slot in sorted(slots, key=lambda slot: slot.shard_id)
    )
    lost = tuple(p for p, old in enumerate(before.replicas) if not set(old) & held.keys())
    return RebalancePlan(before.generation, tuple(moves), loads, lost)


def _size(partition: int, before: Placement, held: Mapping[str, int]) -> int:
    holders = [s for s in before.replicas[partition] if s in held] or list(held)
    partitions = sum(len(before.partitions_of(shard_id)) for shard_id in holders)
    return sum(held[shard_id] for shard_id in holders) // partitions if partitions else 0
