"""Planning, merging and deciding, as functions over values."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.store import SubjectOf
from coordinator.search.answers import loss_source, stage_reports
from coordinator.search.decide import (
    Band,
    Outcome,
    SearchedShare,
    band,
    candidates,
    outcome,
    require_coverage,
)
from coordinator.search.merge import SubjectHit, best_encounters, rank_subjects
from coordinator.search.plan import (
    checked_max_candidates,
    choose_sequence,
    partition_limit,
    stage_budget,
)
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import MeasuredLoss, Thresholds
from workers.shard import EncounterHit

THRESHOLDS = Thresholds(likely=60.0, possible=40.0)


def _hit(encounter: str, fused: float) -> EncounterHit:
    return EncounterHit(encounter, fused, {1: 0.1, 2: 0.2})


def _subject(subject: str, score: float) -> SubjectHit:
    return SubjectHit(
        subject, f"e-{subject}", score, score, 0.0, extrapolated=False, finger_scores={}
    )


def _owners(**subjects: str) -> dict[str, SubjectOf]:
    return {encounter: SubjectOf(subject, 1) for encounter, subject in subjects.items()}


def test_each_subject_keeps_its_best_encounter() -> None:
    hits = [_hit("e3", 10.0), _hit("e1", 30.0), _hit("e2", 30.0), _hit("gone", 99.0)]
    best = best_encounters(hits, _owners(e1="s1", e2="s1", e3="s2"))
    assert {subject: hit.encounter_id for subject, hit in best.items()} == {"s1": "e1", "s2": "e3"}


def test_ranks_by_fused_score_then_subject() -> None:
    hits = [_hit("e1", 50.0), _hit("e2", 50.0), _hit("e3", 70.0)]
    ranked = rank_subjects(hits, _owners(e1="b", e2="a", e3="c"), gallery_subjects=1000)
    assert [hit.subject_id for hit in ranked] == ["c", "a", "b"]
    assert ranked[0].score > ranked[1].score == ranked[2].score


def test_more_encounters_are_worth_less() -> None:
    hits = [_hit("e1", 60.0)]
    (once,) = rank_subjects(hits, {"e1": SubjectOf("a", 1)}, gallery_subjects=10)
    (ten,) = rank_subjects(hits, {"e1": SubjectOf("a", 10)}, gallery_subjects=10)
    assert once.score - ten.score == pytest.approx(10.0)
    assert ten.fused_score == once.fused_score
    assert ten.expected_false == pytest.approx(10 * once.expected_false)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 50)),
        unique_by=lambda row: row[0],
    ),
    st.randoms(use_true_random=False),
)
def test_merging_does_not_depend_on_how_partitions_lie(
    rows: list[tuple[int, int, int]], random: Random
) -> None:
    owners = {f"e{e}": SubjectOf(f"s{s}", 1) for e, s, _ in rows}
    hits = [_hit(f"e{e}", float(score)) for e, _, score in rows]
    first = rank_subjects(hits, owners, gallery_subjects=9)
    random.shuffle(hits)
    assert rank_subjects(hits, owners, gallery_subjects=9) == first


def test_bands_include_their_threshold() -> None:
    assert [band(s, THRESHOLDS) for s in (39.9, 40.0, 59.9, 60.0)] == [
        Band.BELOW,
        Band.POSSIBLE,
        Band.POSSIBLE,
        Band.LIKELY,
    ]


def test_weak_likenesses_are_no_leads() -> None:
    ranked = [_subject("a", 70.0), _subject("b", 45.0), _subject("c", 39.0)]
    assert [h.subject_id for h in candidates(ranked, THRESHOLDS, 10)] == ["a", "b"]
    assert [h.subject_id for h in candidates(ranked, THRESHOLDS, 1)] == ["a"]
    assert candidates(ranked[2:], THRESHOLDS, 10) == []


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((70.0, 45.0), Outcome.CANDIDATES),
        ((45.0,), Outcome.REVIEW),
        ((45.0, 70.0), Outcome.CANDIDATES),
        ((), Outcome.NO_CANDIDATE),
    ],
)
def test_the_highest_band_decides(scores: tuple[float, ...], expected: Outcome) -> None:
    assert outcome([_subject("s", score) for score in scores], THRESHOLDS) is expected


def test_coverage_is_required_unless_partial_answers_are_wanted() -> None:
    share = SearchedShare(63, 64, 990, 1000)
    require_coverage(share, 0.98, allow_partial=False)
    require_coverage(share, 1.0, allow_partial=True)
    require_coverage(replace(share, partitions_searched=64), 1.0, allow_partial=False)
    with pytest.raises(RidgelineError, match="63 of 64") as caught:
        require_coverage(share, 1.0, allow_partial=False)
    assert caught.value.code is ErrorCode.COVERAGE_TOO_LOW


def test_max_candidates() -> None:
    assert checked_max_candidates(0, default=20, limit=100) == 20
    assert checked_max_candidates(100, default=20, limit=100) == 100
    with pytest.raises(RidgelineError) as caught:
        checked_max_candidates(101, default=20, limit=100)
    assert caught.value.field == "max_candidates"
    assert partition_limit(5) >= 5


def test_the_newest_sequence_is_searched() -> None:
    assert choose_sequence(7, 0) == choose_sequence(7, 7) == 7
    with pytest.raises(RidgelineError) as caught:
        choose_sequence(7, 8)
    assert caught.value.code is ErrorCode.SEQUENCE_UNAVAILABLE


def test_something_is_kept_of_the_deadline() -> None:
    assert stage_budget(100.0) == 99.0
    assert stage_budget(10.0) == 9.5
    assert 0 < stage_budget(0.1) < 0.1
    for nothing in (0.0, -1.0, 0.02):
        with pytest.raises(RidgelineError) as caught:
            stage_budget(nothing)
        assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED


def test_a_loss_comes_with_its_upper_bound() -> None:
    none = loss_source(MeasuredLoss(0, 299, "a set"))
    assert none == "0 of 299 mates lost, below 0.997% at 95% confidence; a set"  # rule of three
    screen, merge = stage_reports(
        {"merge": 0.2, "screen": 0.1}, {"screen": 9}, {"screen": MeasuredLoss(1, 100, "a set")}
    )
    assert (screen.compared, screen.seconds, screen.measured_loss) == (9, 0.1, 0.01)
    assert "1 of 100" in screen.measured_loss_source
    assert not merge.HasField("measured_loss")
    (exhaustive,) = stage_reports({"screen": 0.1}, {"screen": 9}, {})
    assert not exhaustive.HasField("measured_loss")
