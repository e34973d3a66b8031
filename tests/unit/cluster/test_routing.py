"""The routing machine: every partition answered once, failures go to the next replica."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.placement import Placement, Slot, place
from cluster.routing import Router

TWO = Placement(1, (("a", "b"), ("b", "a"), ("a", "b")))


def test_each_first_choice_is_asked_once() -> None:
    router = Router(TWO, {"a", "b"})
    attempts = router.start()
    assert [(x.shard_id, x.partitions) for x in attempts] == [("a", (0, 2)), ("b", (1,))]
    for attempt in attempts:
        router.answered(attempt.number)
    assert router.done
    assert router.unsearched == ()


def test_a_failure_goes_to_the_next_replica() -> None:
    router = Router(TWO, {"a", "b"})
    first, second = router.start()
    [retry] = router.failed(first.number)
    assert (retry.shard_id, retry.partitions) == ("b", (0, 2))
    router.answered(second.number)
    assert router.failed(retry.number) == []
    assert router.done
    assert router.unsearched == (0, 2)


def test_a_shard_that_is_not_ready_is_asked_last() -> None:
    router = Router(TWO, {"b"})
    [only] = router.start()
    assert (only.shard_id, only.partitions) == ("b", (0, 1, 2))
    [fallback] = router.failed(only.number)
    assert fallback.shard_id == "a"


def test_late_events_are_ignored() -> None:
    router = Router(TWO, {"a", "b"})
    first, _ = router.start()
    router.failed(first.number)
    router.answered(first.number)
    assert router.failed(first.number) == []
    assert 0 in router.unsearched


@given(st.integers(1, 6), st.integers(1, 3), st.data())
def test_every_partition_is_answered_or_named(
    shards: int, replicas: int, data: st.DataObject
) -> None:
    placement = place(32, [Slot(f"s{i}", f"n{i}") for i in range(shards)], replicas=replicas)
    dead = data.draw(st.sets(st.sampled_from([f"s{i}" for i in range(shards)])))
    router = Router(placement, set())
    waiting = router.start()
    answered: list[int] = []
    while waiting:
        attempt = waiting.pop(0)
        if attempt.shard_id in dead:
            waiting += router.failed(attempt.number)
        else:
            router.answered(attempt.number)
            answered += attempt.partitions
    assert len(answered) == len(set(answered))
    assert set(answered) | set(router.unsearched) == set(range(32))
    lost = {p for p, held in enumerate(placement.replicas) if set(held) <= dead}
    assert set(router.unsearched) == lost
