"""The routing machine: every partition answered once or named, failures go on, in time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.placement import Placement, Slot, place
from cluster.routing import ATTEMPT_SHARE, Attempt, Router

TWO = Placement(1, (("a", "b"), ("b", "a"), ("a", "b")))


def router(
    placement: Placement = TWO,
    rank: Callable[[str], int] = lambda _: 0,
    deadline: float = 100.0,
    attempt_s: float = 10.0,
) -> Router:
    return Router(placement, rank, deadline=deadline, attempt_s=attempt_s)


def test_each_first_choice_is_asked_once() -> None:
    machine = router()
    attempts = machine.start(0.0)
    assert [(x.shard_id, x.partitions) for x in attempts] == [("a", (0, 2)), ("b", (1,))]
    assert all(machine.answered(attempt.number, 1.0) for attempt in attempts)
    assert machine.done
    assert machine.unsearched == ()


def test_a_failure_goes_to_the_next_replica() -> None:
    machine = router()
    first, second = machine.start(0.0)
    [retry] = machine.failed(first.number, 1.0)
    assert (retry.shard_id, retry.partitions) == ("b", (0, 2))
    machine.answered(second.number, 2.0)
    assert machine.failed(retry.number, 3.0) == []
    assert machine.done
    assert machine.unsearched == (0, 2)


def test_lower_ranks_are_asked_first() -> None:
    machine = router(rank={"a": 2, "b": 1}.__getitem__)
    [only] = machine.start(0.0)
    assert (only.shard_id, only.partitions) == ("b", (0, 1, 2))
    [fallback] = machine.failed(only.number, 1.0)
    assert fallback.shard_id == "a"


def test_an_attempt_has_a_time_of_its_own_while_another_could_follow() -> None:
    machine = router(deadline=100.0, attempt_s=10.0)
    first, second = machine.start(0.0)
    assert first.expires == second.expires == machine.next_expiry == 10.0
    machine.answered(second.number, 1.0)
    assert machine.expire(9.9) == ([], [])
    [over], [following] = machine.expire(10.0)
    assert over == first
    # The last one has the time that is left, whatever the usual one.
    assert (following.shard_id, following.expires) == ("b", 100.0)
    assert machine.answered(following.number, 99.0)
    assert machine.unsearched == ()


def test_a_short_deadline_is_shared() -> None:
    [first, _] = router(deadline=1.0, attempt_s=10.0).start(0.0)
    assert first.expires == pytest.approx(ATTEMPT_SHARE)


def test_what_has_no_other_replica_does_not_hold_up_the_rest() -> None:
    machine = router(Placement(1, (("a",), ("a", "b"))))
    alone, shared = sorted(machine.start(0.0), key=lambda attempt: attempt.partitions)
    assert (alone.partitions, alone.expires) == ((0,), 100.0)
    assert (shared.partitions, shared.expires) == ((1,), 10.0)


def test_late_events_are_ignored() -> None:
    machine = router()
    first, _ = machine.start(0.0)
    machine.failed(first.number, 1.0)
    assert not machine.answered(first.number, 2.0)
    assert machine.failed(first.number, 2.0) == []
    assert 0 in machine.unsearched


def test_nothing_is_answered_or_asked_past_the_deadline() -> None:
    machine = router(deadline=5.0, attempt_s=10.0)
    first, second = machine.start(0.0)
    assert not machine.answered(first.number, 5.1)
    assert machine.failed(second.number, 5.1) == []
    assert machine.done
    assert machine.unsearched == (0, 1, 2)
    assert router(deadline=5.0).start(5.0) == []


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.data())
def test_whatever_happens_in_whatever_order(
    shards: int, replicas: int, data: st.DataObject
) -> None:
    """Each partition is answered once or named, never twice, never past the deadline; and it is
    named only once every replica was asked or the time was over."""
    ids = [f"s{i}" for i in range(shards)]
    placement = place(16, [Slot(name, f"n{name}") for name in ids], replicas=replicas)
    ranks = {name: data.draw(st.integers(0, 2)) for name in ids}
    machine = router(placement, ranks.__getitem__, deadline=20.0, attempt_s=6.0)
    now = 0.0
    known: dict[int, Attempt] = {}
    answered: list[int] = []
    asked: list[tuple[str, int]] = []

    def note(attempts: list[Attempt]) -> None:
        for attempt in attempts:
            assert now < attempt.expires <= 20.0
            known[attempt.number] = attempt
            asked.extend((attempt.shard_id, partition) for partition in attempt.partitions)

    note(machine.start(now))
    for _ in range(200):
        if machine.done:
            break
        now += data.draw(st.sampled_from([0.0, 0.1, 1.0, 4.0]))
        # Of any attempt, also one that is long over.
        number = data.draw(st.sampled_from(sorted(known)))
        event = data.draw(st.sampled_from(["answer", "fail", "expire", "expire"]))
        if event == "answer":
            if machine.answered(number, now):
                assert now <= 20.0
                answered += known[number].partitions
        elif event == "fail":
            note(machine.failed(number, now))
        else:
            over, following = machine.expire(now)
            assert all(attempt.expires <= now for attempt in over)
            note(following)
            assert machine.done or machine.next_expiry > now
    if not machine.done:
        now = max(now, 20.0)
        assert machine.expire(now)[1] == []
    assert machine.done
    assert len(answered) == len(set(answered))
    assert set(answered) | set(machine.unsearched) == set(range(16))
    assert not set(answered) & set(machine.unsearched)
    assert len(asked) == len(set(asked))
    if now < 20.0:
        for partition in machine.unsearched:
            assert {s for s, p in asked if p == partition} == set(placement.replicas[partition])
