"""A shard that gains and drops partitions: whole answers for what it holds, none for the rest."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.partitions import partition_of
from tests.populations import encounter
from tests.unit.test_shard import PERSONS, History, hits, make_shard, request
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.matching.probe import prepare_probe
from workers.shard import Shard

FEW = 4


class InFew(History):
    """The same history in few partitions."""

    def changes(self, partitions, *, after, upto):  # type: ignore[no-untyped-def]
        for change in super().changes(range(64), after=after, upto=upto):
            if partition_of(change.encounter_id, FEW) in partitions:
                yield change.__class__(
                    change.sequence,
                    partition_of(change.encounter_id, FEW),
                    change.encounter_id,
                    change.template,
                )


def few(history: History, partitions: tuple[int, ...]) -> Shard:
    return Shard("shard", partitions, history, load_backend("numpy"))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_it_answers_for_what_it_was_assigned_and_refuses_the_rest(data: st.DataObject) -> None:
    history = InFew([("enroll", 0)])
    shard = few(history, ())
    probe = prepare_probe(encounter(0, session=1))
    everything = few(history, tuple(range(FEW)))
    for person in range(1, PERSONS):
        if data.draw(st.booleans()):
            history.events.append(("enroll", person))
        if data.draw(st.booleans()):
            shard.assign(data.draw(st.sets(st.integers(0, FEW - 1))))
        asked = tuple(sorted(data.draw(st.sets(st.integers(0, FEW - 1), min_size=1))))
        wanted = request(probe, history.sequence(), partitions=asked)
        if set(asked) <= set(shard.partitions):
            assert hits(shard.search(wanted)) == hits(everything.search(wanted))
        else:
            with pytest.raises(RidgelineError) as caught:
                shard.search(wanted)
            assert caught.value.code is ErrorCode.SHARD_UNAVAILABLE
    shard.close()
    everything.close()


def test_searches_stay_whole_while_partitions_come_and_go() -> None:
    history = InFew([("enroll", person) for person in range(PERSONS)])
    shard = few(history, tuple(range(FEW)))
    shard.load()
    probe = prepare_probe(encounter(0, session=1))
    wanted = request(probe, PERSONS, partitions=tuple(range(FEW)))
    expected = hits(shard.search(wanted))
    assert expected
    found: list[list[tuple[str, float]]] = []
    refused: list[ErrorCode] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                found.append(hits(shard.search(wanted)))
            except RidgelineError as error:
                refused.append(error.code)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for turn in range(60):
        shard.assign(range(FEW) if turn % 2 else (turn % FEW,))
    stop.set()
    for asker in askers:
        asker.join()
    shard.close()
    assert found
    assert all(answer == expected for answer in found)
    assert set(refused) <= {ErrorCode.SHARD_UNAVAILABLE}


def test_the_same_partitions_are_not_loaded_again() -> None:
    history = History([("enroll", person) for person in range(PERSONS)])
    shard = make_shard(history)
    shard.assign(range(64))
    loaded = shard._keeper.state
    shard.assign(range(64))
    assert shard._keeper.state is loaded
    shard.close()


def test_what_was_applied_during_a_load_is_not_lost() -> None:
    """A search brings the shard to a newer sequence than the one that is being loaded."""
    history = History([("enroll", 0), ("enroll", 1)])
    shard = make_shard(history, ())
    probe = prepare_probe(encounter(0, session=1))
    everywhere = tuple(range(64))
    load = shard._keeper._loaded

    def slow_load(partitions, sequence, *, whole):  # type: ignore[no-untyped-def]
        state = load(partitions, sequence, whole=whole)
        if sequence == 2:
            history.events.append(("enroll", 2))
            shard.catch_up(3)
        return state

    shard._keeper._loaded = slow_load  # type: ignore[method-assign]
    shard.assign(everywhere)
    assert shard.state().sequence == 3
    assert len(hits(shard.search(request(probe, 3, partitions=everywhere)))) == 3
    shard.close()
