"""The plan of a rebalancing: what moves, from where, and how much it weighs."""

from __future__ import annotations

from cluster.placement import Placement, Slot, place
from cluster.rebalance import Move, plan

SLOTS = [Slot("a", "n1"), Slot("b", "n2"), Slot("c", "n3")]


def test_a_move_is_weighed_by_what_its_holders_hold() -> None:
    before = Placement(4, (("a", "b"), ("a", "b")))
    after = Placement(5, (("a", "c"), ("a", "b")))
    found = plan(before, after, SLOTS, {"a": 400, "b": 200})
    assert found.generation == 4
    assert found.moves == (Move(0, "b", "c", "n3", 150),)
    assert [(x.shard_id, x.before, x.after) for x in found.loads] == [
        ("a", 2, 2),
        ("b", 2, 1),
        ("c", 0, 1),
    ]
    assert found.lost == ()


def test_the_partitions_of_a_lost_shard_have_no_source() -> None:
    before = Placement(1, (("a",), ("b",), ("b",)))
    after = Placement(2, (("a",), ("c",), ("a",)))
    found = plan(before, after, SLOTS, {"a": 100})
    assert [(m.partition, m.source, m.target) for m in found.moves] == [(1, "", "c"), (2, "", "a")]
    assert found.lost == (1, 2)
    assert {m.nbytes for m in found.moves} == {100}


def test_order_alone_moves_nothing() -> None:
    before, after = Placement(1, (("a", "b"),)), Placement(2, (("b", "a"),))
    assert plan(before, after, SLOTS, {"a": 1, "b": 1}).moves == ()


def test_a_joining_node_takes_its_share_from_the_others() -> None:
    before = place(64, SLOTS[:2], replicas=2)
    after = place(64, SLOTS, replicas=2, generation=2)
    found = plan(before, after, SLOTS, {"a": 64, "b": 64})
    assert {move.target for move in found.moves} == {"c"}
    assert {move.source for move in found.moves} <= {"a", "b"}
    loads = {load.shard_id: load.after for load in found.loads}
    assert len(found.moves) == loads["c"]
    assert 41 <= loads["c"] <= 45
