"""Placement: which shards hold which partitions.

Rendezvous hashing with bounded loads: every partition ranks the shards by a hash of the pair
and goes to the first R that have room. V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent
Hashing with Bounded Loads", SODA 2018, with rendezvous (highest random weight) hashing in the
place of the ring. Without bounds the fullest node sets the pace, and the others wait.

Shards of different capacity rank by the logarithm of the hash over their weight, so that each
comes first in proportion to it: J. Resch, "New Hashing Algorithms for Data Storage", SNIA 2015.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

HASHES: Final = 2**64
"""Values that the hash of a partition and a shard can have."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for partitions: a shard and the node it runs on.

    Attributes:
        weight: its capacity against the others', a positive whole number.
    """

    shard_id: str
    node: str
    weight: int = 1


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

    Replicas of a partition lie on different nodes while there are nodes that hold none. First
    choices, second choices and so on are each spread by weight, up to `caps`; where no shard
    that a partition's replica may go to has room, one holds more.

    Raises:
        ValueError: without shards, for shards of the same id, or of no weight.
    """
    slots = sorted(slots, key=lambda slot: slot.shard_id)
    ids = [slot.shard_id for slot in slots]
    if not ids or len(set(ids)) != len(ids):
        raise ValueError(f"expected shards of different ids, got {sorted(ids)}")
    if any(slot.weight < 1 for slot in slots):
        raise ValueError(f"expected positive weights, got {[slot.weight for slot in slots]}")
    copies = min(replicas, len(ids))
    everywhere = _holding_all(partitions, slots, copies)
    load = dict.fromkeys(ids, 0)
    chosen: list[list[Slot]] = [[] for _ in range(partitions)]
    # One replica of every partition before the second of any: who is asked first decides how
    # the work is spread, and a first choice displaced by somebody's second replica would move
    # more than it must.
    for copy in range(1, copies + 1):
        cap = caps(partitions, slots, copy)
        for partition, held in enumerate(chosen):
            free = _free(slots, held, everywhere, copies)
            slot = _first_with_room(partition, free, load, cap)
            held.append(slot)
            load[slot.shard_id] += 1
        _level(chosen, slots, load, cap)
    return Placement(generation, tuple(tuple(s.shard_id for s in held) for held in chosen))


def caps(partitions: int, slots: Collection[Slot], copies: int) -> dict[str, int]:
    """Partitions that each shard may hold: its part, by weight, of all the copies, rounded up.

    A shard holds a partition once, and so does a node while there is another for each copy; what
    that keeps from the heavy is the others' to hold.
    """
    result: dict[str, int] = {}
    for node, part in _node_parts(partitions, slots, copies).items():
        weights = {slot.shard_id: slot.weight for slot in slots if slot.node == node}
        parts = _shared(part, weights, dict.fromkeys(weights, partitions))
        result |= {shard_id: math.ceil(of_shard) for shard_id, of_shard in parts.items()}
    return result


def _node_parts(partitions: int, slots: Collection[Slot], copies: int) -> dict[str, Fraction]:
    """Partitions for each node to hold."""
    nodes: dict[str, list[int]] = {}
    for slot in slots:
        nodes.setdefault(slot.node, []).append(slot.weight)
    weights = {node: sum(on_it) for node, on_it in nodes.items()}
    if copies <= len(nodes):
        total = Fraction(partitions * copies)
        return _shared(total, weights, dict.fromkeys(nodes, partitions))
    # One copy lies on every node, and what is over goes by weight.
    over = Fraction(partitions * (copies - len(nodes)))
    most = {node: partitions * (len(on_it) - 1) for node, on_it in nodes.items()}
    return {node: partitions + part for node, part in _shared(over, weights, most).items()}


def _holding_all(partitions: int, slots: Collection[Slot], copies: int) -> frozenset[str]:
    """Nodes heavy enough to hold a replica of every partition."""
    parts = _node_parts(partitions, slots, copies)
    return frozenset(node for node, part in parts.items() if part >= partitions)


def _shared(
    total: Fraction, weights: Mapping[str, int], most: Mapping[str, int]
) -> dict[str, Fraction]:
    """A total in parts proportional to weights, none above its most."""
    parts: dict[str, Fraction] = {}
    while rest := weights.keys() - parts.keys():
        unit = (total - sum(parts.values())) / sum(weights[name] for name in rest)
        full = {name for name in rest if unit * weights[name] > most[name]}
        if not full:
            return parts | {name: unit * weights[name] for name in rest}
        parts |= {name: Fraction(most[name]) for name in full}
    return parts


def _free(
    slots: Collection[Slot], held: Collection[Slot], everywhere: Collection[str], copies: int
) -> list[Slot]:
    """Shards that may take the next replica of a partition, whatever room they have."""
    taken = {slot.shard_id for slot in held}
    nodes = {slot.node for slot in held}
    free = [slot for slot in slots if slot.shard_id not in taken]
    # Replicas apart matter more than the caps: a node that takes both with it loses data.
    free = [slot for slot in free if slot.node not in nodes] or free
    waiting = [slot for slot in free if slot.node in everywhere and slot.node not in nodes]
    # A node that is to hold every partition cannot be left out any longer.
    left_out = len({slot.node for slot in waiting}) >= copies - len(held)
    return waiting if waiting and left_out else free


def _first_with_room(
    partition: int, free: Collection[Slot], load: Mapping[str, int], cap: Mapping[str, int]
) -> Slot:
    room = [slot for slot in free if load[slot.shard_id] < cap[slot.shard_id]]
    if not room:
        least = min(load[slot.shard_id] / slot.weight for slot in free)
        room = [slot for slot in free if load[slot.shard_id] / slot.weight == least]
    return min(room, key=lambda slot: _distance(partition, slot))


def _level(
    chosen: list[list[Slot]], slots: Collection[Slot], load: dict[str, int], cap: Mapping[str, int]
) -> None:
    """Takes the newest replicas of some partitions from shards above their cap to shards below.

    The last partitions can find every shard that they may go to full, though another has room.
    """
    for full in slots:
        while load[full.shard_id] > cap[full.shard_id]:
            moves = [
                (*_distance(partition, slot), partition, slot)
                for partition, held in enumerate(chosen)
                if held[-1] is full
                for slot in slots
                if load[slot.shard_id] < cap[slot.shard_id] and _may_replace(slot, held)
            ]
            if not moves:
                break
            *_, partition, slot = min(moves, key=lambda move: move[:3])
            chosen[partition][-1] = slot
            load[full.shard_id] -= 1
            load[slot.shard_id] += 1


def _may_replace(slot: Slot, held: Sequence[Slot]) -> bool:
    """Whether a shard may hold a partition in the place of the last that does."""
    others = held[:-1]
    apart = slot.node == held[-1].node or slot.node not in {other.node for other in others}
    return apart and slot not in others


def _distance(partition: int, slot: Slot) -> tuple[float, str]:
    """How far a shard is from a partition: exponentially distributed, with its weight as rate."""
    name = f"{partition}/{slot.shard_id}"
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    share = (int.from_bytes(digest, "big") + 1) / (HASHES + 1)
    return -math.log(share) / slot.weight, slot.shard_id
