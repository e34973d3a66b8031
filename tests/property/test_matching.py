"""What must hold for any input of the matcher."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tests.unit.matching.samples import encounter, moved, sample, with_minutiae
from workers.biometrics.model import FINGERS, Impression, MissingFinger, MissingReason
from workers.errors import ErrorCode, RidgelineError
from workers.matching.assign import assign
from workers.matching.backends import load_backend
from workers.matching.calibration import (
    SCORE_MAX,
    calibrate,
    calibrate_finger,
    expected_false_candidates,
    finger_curve,
    person_curve,
)
from workers.matching.codec import decode, encode
from workers.matching.columns import Columns
from workers.matching.cut import best_with_ties
from workers.matching.descriptor import describe_encounter, describe_finger
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import prepare_probe
from workers.matching.search import search_partitions
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.matching.verify import match_fingers

SIX = [encounter(person) for person in range(6)]


def finger_templates() -> st.SearchStrategy[FingerTemplate]:
    """Any finger that fits the types, sensible or not."""

    def build(n: int, d: int) -> st.SearchStrategy[FingerTemplate]:
        return st.builds(
            FingerTemplate,
            position=st.sampled_from(FINGERS),
            impression=st.sampled_from(Impression),
            x=hnp.arrays(np.int16, n),
            y=hnp.arrays(np.int16, n),
            angle=hnp.arrays(np.uint16, n),
            kind=hnp.arrays(np.uint8, n, elements=st.integers(0, 2)),
            quality=hnp.arrays(np.uint8, n, elements=st.integers(0, 100)),
            descriptors=hnp.arrays(np.int8, (n, d)),
            sketch=hnp.arrays(np.int8, d),
            nfiq2=st.none() | st.integers(0, 100),
        )

    return st.tuples(st.integers(0, 5), st.sampled_from([1, 64])).flatmap(lambda nd: build(*nd))


def templates() -> st.SearchStrategy[EncounterTemplate]:
    """Any encounter."""
    return st.builds(
        EncounterTemplate,
        fingers=st.lists(finger_templates(), max_size=3).map(tuple),
        parameters_hash=st.text("0123456789abcdef", min_size=64, max_size=64),
        missing=st.lists(
            st.builds(MissingFinger, st.sampled_from(FINGERS), st.sampled_from(MissingReason)),
            max_size=2,
        ).map(tuple),
    )


def assert_same(a: EncounterTemplate, b: EncounterTemplate) -> None:
    assert (a.parameters_hash, a.missing) == (b.parameters_hash, b.missing)
    assert len(a.fingers) == len(b.fingers)
    for one, other in zip(a.fingers, b.fingers, strict=True):
        for name in FingerTemplate.__slots__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(getattr(one, name), "dtype", None) == getattr(
                getattr(other, name), "dtype", None
            )


@given(templates())
def test_codec_round_trip(template: EncounterTemplate) -> None:
    assert_same(decode(encode(template)), template)


@given(templates(), st.data())
def test_codec_notices_any_changed_byte(template: EncounterTemplate, data: st.DataObject) -> None:
    encoded = bytearray(encode(template))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RidgelineError) as raised:
        decode(bytes(encoded))
    assert raised.value.code is ErrorCode.MALFORMED_TEMPLATE


@given(st.binary(max_size=200) | templates().map(lambda t: encode(t)[:-5]))
def test_codec_refuses_what_it_did_not_make(data: bytes) -> None:
    with pytest.raises(RidgelineError) as raised:
        decode(data)
    assert raised.value.code is ErrorCode.MALFORMED_TEMPLATE


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(len(SIX))), st.integers(0, 5), st.sets(st.integers(0, 5)))
def test_answer_does_not_depend_on_packing(order: list[int], person: int, hidden: set[int]) -> None:
    probe = prepare_probe(encounter(person, session=1))
    backend = load_backend("numpy")

    def fused_by_person(rows: list[int]) -> dict[int, float]:
        visible = np.array([i for i, row in enumerate(rows) if row not in hidden], np.intp)
        packed = backend.pack(Columns.of([SIX[row] for row in rows]))
        (answer,) = search_partitions(backend, probe, packed, [visible], limit=6).partitions
        assert np.all(np.diff(answer.fused) <= 0)
        return {rows[i]: float(f) for i, f in zip(answer.rows, answer.fused, strict=True)}

    whole = fused_by_person(list(range(6)))
    assert fused_by_person(order) == whole
    # Rows that are not visible might as well not be there.
    assert fused_by_person([row for row in order if row not in hidden]) == whole
    if person not in hidden:
        assert max(whole, key=lambda row: whole[row]) == person


@settings(max_examples=20, deadline=None)
@given(
    st.floats(-np.pi, np.pi), st.floats(-200.0, 200.0), st.floats(-200.0, 200.0), st.integers(0, 3)
)
def test_place_and_small_rotation_do_not_matter(
    angle: float, dx: float, dy: float, person: int
) -> None:
    mate = describe_finger(sample(person, 2))
    print_ = sample(person, 2, session=1)
    # The gate on rotation is a quarter turn, so turn both ways by half of that at most.
    turned = with_minutiae(print_, moved(print_.minutiae, angle / 4.0, dx, dy))
    straight = match_fingers(describe_finger(print_), mate)
    assert match_fingers(describe_finger(turned), mate) == pytest.approx(straight, rel=0.2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.integers(0, 5))
def test_nearly_symmetric(a: int, b: int) -> None:
    one, other = describe_finger(sample(a, 3)), describe_finger(sample(b, 3, session=1))
    assert match_fingers(one, other) == pytest.approx(match_fingers(other, one), rel=0.1)


@given(
    hnp.arrays(
        np.int32,
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7),
        elements=st.integers(0, 12),
    )
)
def test_assignment_is_greedy_and_one_to_one(similarity: NDArray[np.int32]) -> None:
    assigned = assign(similarity)
    for b in range(similarity.shape[2]):
        table = similarity[:, :, b]
        n = assigned.counts[b]
        found = list(
            zip(
                assigned.probe[:n, b],
                assigned.gallery[:n, b],
                assigned.similarity[:n, b],
                strict=True,
            )
        )
        expected = []
        left = sorted(
            (
                (i, j, table[j, i])
                for i in range(table.shape[1])
                for j in range(table.shape[0])
                if table[j, i] > 0
            ),
            key=lambda pair: (-pair[2], pair[0], pair[1]),
        )
        while left:
            best = left[0]
            expected.append(best)
            left = [p for p in left if p[0] != best[0] and p[1] != best[1]]
        # Up to seven minutiae may need seven rounds; what the rounds found is never wrong.
        assert (
            found[: PARAMETERS.consolidate.assignment_rounds]
            == expected[: PARAMETERS.consolidate.assignment_rounds]
        )
        assert set(found) <= set(expected)
        assert not assigned.similarity[n:, b].any()


@given(hnp.arrays(np.int32, st.integers(0, 30), elements=st.integers(-3, 3)), st.integers(0, 35))
def test_cut_keeps_ties(scores: NDArray[np.int32], count: int) -> None:
    kept = best_with_ties(scores, count)
    ranks = [(scores > score).sum() for score in scores]
    assert kept.tolist() == [i for i, rank in enumerate(ranks) if rank < count]


@given(st.floats(-100.0, 3000.0), st.floats(-100.0, 3000.0), st.sets(st.sampled_from(FINGERS)))
def test_calibration_is_monotone_and_bounded(a: float, b: float, positions: set[int]) -> None:
    low, high = (calibrate(fused, positions) for fused in sorted((a, b)))
    assert 0.0 <= low.score <= high.score <= SCORE_MAX
    assert low.extrapolated <= high.extrapolated
    one, many = calibrate(a, positions), calibrate(a, positions, encounters=10)
    assert many.score == pytest.approx(max(one.score - 10.0, 0.0)) or one.score == SCORE_MAX


@given(
    st.floats(-100.0, 3000.0),
    st.sets(st.sampled_from(FINGERS), min_size=1),
    st.integers(1, 30),
)
def test_no_score_exceeds_the_evidence_unmarked(
    fused: float, positions: set[int], encounters: int
) -> None:
    calibrated = calibrate(fused, positions, encounters=encounters)
    limit = person_curve(len(positions)).limit
    assert calibrated.extrapolated or calibrated.score <= limit - 10.0 * math.log10(encounters)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_finger_calibration_is_monotone(a: float, b: float) -> None:
    low, high = (calibrate_finger(raw) for raw in sorted((a, b)))
    assert 0.0 <= low.score <= high.score <= SCORE_MAX
    assert high.extrapolated or high.score <= finger_curve().limit


@given(st.floats(0.0, 120.0), st.integers(0, 10**9))
def test_expected_false_candidates(score: float, subjects: int) -> None:
    expected = expected_false_candidates(score, subjects)
    assert 0.0 <= expected <= subjects
    assert expected_false_candidates(score + 10.0, subjects) == pytest.approx(expected / 10.0)


def test_missing_fingers_are_carried() -> None:
    gone = (MissingFinger(FINGERS[4], MissingReason.AMPUTATED),)
    template = describe_encounter([sample(0, 1)], gone)
    assert decode(encode(template)).missing == gone
