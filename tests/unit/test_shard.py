"""A shard: exact at any sequence, whatever came before and after."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.partitions import partition_of
from tests.populations import encounter
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.matching.probe import Probe, prepare_probe
from workers.shard import Shard, ShardAnswer, ShardRequest
from workers.shard_gallery import GalleryChange

PARTITIONS = 64
PERSONS = 8


@dataclass(slots=True)
class History:
    """A gallery source in memory that keeps everything: the model shards are held against."""

    events: list[tuple[str, int]] = field(default_factory=list)

    def sequence(self) -> int:
        return len(self.events)

    def history(self, sequence: int) -> str:
        return repr(self.events[:sequence]) if sequence <= len(self.events) else ""

    def there(self, sequence: int) -> dict[int, int]:
        """Person -> sequence of enrolment, of those present."""
        present: dict[int, int] = {}
        for number, (what, person) in enumerate(self.events[:sequence], start=1):
            if what == "enroll":
                present[person] = number
            else:
                present.pop(person, None)
        return present

    def changes(
        self, partitions: Collection[int], *, after: int, upto: int
    ) -> Iterator[GalleryChange]:
        now = self.there(upto)
        for number, (what, person) in enumerate(self.events[:upto], start=1):
            name = f"e{person}"
            partition = partition_of(name, PARTITIONS)
            if number <= after or partition not in partitions:
                continue
            if what == "enroll" and person in now:
                yield GalleryChange(number, partition, name, encounter(person))
            elif what == "remove" and after > 0:
                yield GalleryChange(number, partition, name, None)


def request(probe: Probe, sequence: int, **changes: object) -> ShardRequest:
    values: dict[str, object] = {
        "request_id": "s",
        "probe": probe,
        "partitions": tuple(range(PARTITIONS)),
        "sequence": sequence,
        "limit": PERSONS,
        "exhaustive": True,
        "timeout_s": 30.0,
    }
    return ShardRequest(**values | changes)  # type: ignore[arg-type]


def make_shard(history: History, partitions: Collection[int] = range(PARTITIONS)) -> Shard:
    return Shard("shard", partitions, history, load_backend("numpy"))


def hits(answer: ShardAnswer) -> list[tuple[str, float]]:
    return sorted((h.encounter_id, h.fused_score) for p in answer.partitions for h in p.hits)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Enrolments and removals; an encounter id is used once."""
    history, fresh = History(), list(range(PERSONS))
    present: list[int] = []
    for _ in range(draw(st.integers(1, 12))):
        if fresh and (not present or draw(st.booleans())):
            person = fresh.pop(0)
            present.append(person)
            history.events.append(("enroll", person))
        elif present:
            person = present.pop(draw(st.integers(0, len(present) - 1)))
            history.events.append(("remove", person))
    return history


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.data())
def test_answers_are_exact_at_every_sequence(history: History, data: st.DataObject) -> None:
    """Exact, or refused; and refused only for what was erased or before the shard was loaded."""
    probe = prepare_probe(encounter(0, session=1))
    loaded = data.draw(st.integers(0, history.sequence()))
    shard = make_full(history, loaded)
    shard._keeper._source = history
    alone = hits(make_full(history, history.sequence()).search(request(probe, history.sequence())))
    highest = loaded
    for sequence in data.draw(st.lists(st.integers(0, history.sequence()), min_size=1, max_size=6)):
        answer = answer_or_refusal(shard, request(probe, sequence))
        highest = max(highest, sequence)
        if answer is None:
            erased = any(what == "remove" for what, _ in history.events[sequence:highest])
            assert sequence < loaded or erased or loaded == 0
            continue
        assert answer.sequence == sequence
        assert {e for e, _ in hits(answer)} == {f"e{p}" for p in history.there(sequence)}
    assert hits(shard.search(request(probe, history.sequence()))) == alone


def answer_or_refusal(shard: Shard, asked: ShardRequest) -> ShardAnswer | None:
    """None where the shard says that it cannot show the sequence."""
    try:
        return shard.search(asked)
    except RidgelineError as error:
        if error.code is not ErrorCode.SEQUENCE_UNAVAILABLE:
            raise
        return None


def make_full(history: History, sequence: int) -> Shard:
    """A shard that saw nothing but the state of that sequence."""
    loaded = make_shard(History(history.events[:sequence]))
    loaded.load()
    return loaded


def test_folding_the_delta_changes_no_answer() -> None:
    history = History([("enroll", 0)])
    shard = make_shard(history)
    probe = prepare_probe(encounter(0, session=1))
    for person in range(1, PERSONS):
        history.events.append(("enroll", person))
        answer = shard.search(request(probe, history.sequence()))
        shard.fold()
        assert shard.search(request(probe, history.sequence())).partitions == answer.partitions
        assert hits(answer) == hits(
            make_full(history, history.sequence()).search(request(probe, history.sequence()))
        )
    history.events.append(("remove", 0))
    assert "e0" not in dict(hits(shard.search(request(probe, history.sequence()))))


def test_a_folded_sequence_is_refused() -> None:
    history = History([("enroll", p) for p in range(4)])
    shard = make_full(history, 4)
    with pytest.raises(RidgelineError) as caught:
        shard.search(request(prepare_probe(encounter(0, session=1)), 2))
    assert caught.value.code is ErrorCode.SEQUENCE_UNAVAILABLE


def test_a_sequence_not_reached_is_refused() -> None:
    shard = make_shard(History([("enroll", 0)]))
    with pytest.raises(RidgelineError) as caught:
        shard.search(request(prepare_probe(encounter(0, session=1)), 9))
    assert caught.value.code is ErrorCode.SEQUENCE_UNAVAILABLE


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(st.integers(0, PERSONS - 1)), st.integers(0, PERSONS))
def test_hidden_encounters_are_as_if_they_had_never_been(hidden: set[int], in_delta: int) -> None:
    """Whether they lie in the base or in the delta; left out before the cuts."""
    everybody = [("enroll", person) for person in range(PERSONS)]
    shard = make_full(History(everybody[: PERSONS - in_delta]), PERSONS - in_delta)
    shard._keeper._source = History(everybody)
    probe = prepare_probe(encounter(3, session=1))
    names = frozenset(f"e{person}" for person in hidden) | {"nobody"}
    answer = shard.search(request(probe, PERSONS, exhaustive=False, hidden=names))
    others = History([event for event in everybody if event[1] not in hidden])
    alone = make_full(others, others.sequence())
    asked = request(probe, others.sequence(), exhaustive=False)
    # A shard that has seen no sequence at all cannot be asked for one.
    expected = alone.search(asked).partitions if others.events else ()
    assert [p for p in answer.partitions if p.screened] == [p for p in expected if p.screened]


def test_partitions_answer_alone_as_together() -> None:
    history = History([("enroll", p) for p in range(PERSONS)])
    probe = prepare_probe(encounter(3, session=1))
    together = make_full(history, PERSONS).search(request(probe, PERSONS, exhaustive=False))
    for answer in together.partitions:
        shard = make_shard(history, [answer.partition])
        [single] = shard.search(
            request(probe, PERSONS, partitions=(answer.partition,), exhaustive=False)
        ).partitions
        assert single == answer


def test_a_partition_elsewhere_is_refused() -> None:
    shard = make_shard(History([("enroll", 0)]), [0])
    with pytest.raises(RidgelineError) as caught:
        shard.search(request(prepare_probe(encounter(0)), 1, partitions=(1,)))
    assert caught.value.code is ErrorCode.SHARD_UNAVAILABLE


@pytest.mark.parametrize(
    ("timeout_s", "cancelled", "code"),
    [(-1.0, False, ErrorCode.DEADLINE_EXCEEDED), (30.0, True, ErrorCode.CANCELLED)],
)
def test_work_stops_between_blocks(timeout_s: float, cancelled: bool, code: ErrorCode) -> None:
    shard = make_full(History([("enroll", 0)]), 1)
    asked = request(prepare_probe(encounter(0)), 1, timeout_s=timeout_s)
    with pytest.raises(RidgelineError) as caught:
        shard.search(asked, lambda: cancelled)
    assert caught.value.code is code


def test_state_counts_what_is_there() -> None:
    shard = make_full(History([("enroll", 0), ("enroll", 1), ("remove", 0)]), 3)
    state = shard.state()
    assert (state.encounters, state.sequence, state.partitions) == (1, 3, tuple(range(PARTITIONS)))
    assert state.nbytes > 0
