"""Search, verification, explanation and calibration on generated persons."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.unit.matching.samples import encounter, sample
from workers.biometrics.model import FINGERS, Impression
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backends import load_backend
from workers.matching.calibration import (
    calibrate,
    calibrate_finger,
    finger_curve,
    person_curve,
)
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter, describe_finger
from workers.matching.explain import explain
from workers.matching.fuse import fuse
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import prepare_probe
from workers.matching.search import cut_depth, screen_loss, search_batch, search_partitions
from workers.matching.template import EncounterTemplate
from workers.matching.verify import compare_all, match_fingers

LIKELY = PARAMETERS.thresholds.likely


def test_mates_are_likely_and_others_are_not() -> None:
    gallery = [encounter(person, minutiae=None) for person in range(12)]
    backend = load_backend("numpy")
    packed = backend.pack(Columns.of(gallery))
    for person in range(4):
        probe = prepare_probe(encounter(person, session=1, minutiae=None))
        (answer,) = search_partitions(
            backend, probe, packed, [np.arange(12)], limit=12, exhaustive=True
        ).partitions
        scores = [calibrate(fused, (1, 2, 7)).score for fused in answer.fused]
        assert answer.rows[0] == person
        assert scores[0] > LIKELY
        assert max(scores[1:]) < PARAMETERS.thresholds.possible


def test_rolled_and_plain_of_one_finger_match() -> None:
    plain = describe_finger(sample(3, 2, session=1))
    rolled = describe_finger(sample(3, 2, impression=Impression.ROLLED))
    assert calibrate_finger(match_fingers(plain, rolled)).score > LIKELY
    assert calibrate_finger(match_fingers(rolled, plain)).score > LIKELY


def test_the_best_impression_counts() -> None:
    rolled = sample(3, 2, impression=Impression.ROLLED)
    plain = sample(3, 2)
    probe = prepare_probe(encounter(3, fingers=(2,), session=1, minutiae=None))
    backend = load_backend("numpy")
    packed = backend.pack(
        Columns.of([describe_encounter(p) for p in ([rolled], [plain], [rolled, plain])])
    )
    scores = backend.consolidate(probe, packed, np.arange(3), lambda: None)[:, 1]
    assert scores[2] == max(scores[0], scores[1])


def test_compare_all_equals_one_at_a_time() -> None:
    probe = describe_finger(sample(0, 1))
    gallery = [describe_finger(sample(person, 1, session=1)) for person in range(20)]
    np.testing.assert_array_equal(
        compare_all(probe, gallery), [match_fingers(probe, finger) for finger in gallery]
    )
    assert compare_all(probe, []).shape == (0,)


def test_explain_shows_pairs_of_mates_only() -> None:
    mates = explain(encounter(0, session=1, minutiae=None), encounter(0, minutiae=None))
    assert [match.position for match in mates] == [1, 2, 7]
    for match in mates:
        assert len(match.pairs) >= 8
        assert match.pairs.dtype == np.intp
        assert len(set(match.pairs[:, 0])) == len(set(match.pairs[:, 1])) == len(match.pairs)
        assert np.all(np.diff(match.similarity) <= 0)
    others = explain(encounter(0, session=1, minutiae=None), encounter(1, minutiae=None))
    assert max(len(match.pairs) for match in others) <= 2


def test_explained_pairs_lie_on_each_other() -> None:
    """A generated mate differs by a bend and a small turn, so pairs keep their distances."""
    probe, mate = encounter(4, session=1, minutiae=None), encounter(4, minutiae=None)
    for match in explain(prepare_probe(probe), mate):
        a, b = probe.fingers[match.probe_finger], mate.fingers[match.gallery_finger]
        best = match.pairs[:12]
        ours = a.x[best[:, 0]] + 1j * a.y[best[:, 0]]
        theirs = b.x[best[:, 1]] + 1j * b.y[best[:, 1]]
        apart = np.abs(ours[:, None] - ours) - np.abs(theirs[:, None] - theirs)
        assert np.median(np.abs(apart)) < 5.0


def test_depth_of_the_cut() -> None:
    several = prepare_probe(encounter(0))
    one = prepare_probe(encounter(0, fingers=(1,)))
    assert cut_depth(several, 0) == cut_depth(several, 10) == PARAMETERS.screen.cut_rows_min
    assert cut_depth(several, 10_000) == 20
    assert cut_depth(one, 10_000) == 1000
    assert screen_loss(one).mates > screen_loss(one).lost > 0
    assert screen_loss(several).lost == 0


def test_an_exhaustive_search_leaves_the_sketch_out() -> None:
    backend = load_backend("numpy")
    count = PARAMETERS.sketch.rows_min + 20
    packed = backend.pack(
        Columns.of([encounter(p, fingers=(1, 2), minutiae=9) for p in range(count)])
    )
    visible = [np.delete(np.arange(count), 2)]
    probe = prepare_probe(encounter(3, fingers=(1, 2), session=1, minutiae=9))
    (cut,) = search_partitions(backend, probe, packed, visible, limit=3).partitions
    (whole,) = search_partitions(
        backend, probe, packed, visible, limit=3, exhaustive=True
    ).partitions
    assert (cut.sketched, whole.sketched) == (count - 1, 0)
    assert cut.screened < whole.screened == count - 1
    assert cut.consolidated == whole.consolidated


def test_probes_in_a_batch_get_what_each_gets_alone() -> None:
    backend = load_backend("numpy")
    count = PARAMETERS.sketch.rows_min + 20
    packed = backend.pack(
        Columns.of([encounter(p, fingers=(1, 2), minutiae=9) for p in range(count)])
    )
    visible = [np.arange(0, count, 2), np.arange(count)]
    probes = [
        prepare_probe(encounter(p, fingers=fingers, session=1, minutiae=9))
        for p, fingers in ((1, (1, 2)), (4, (1,)), (9, (2, 7)))
    ]
    together = search_batch(backend, probes, packed, visible, limit=3)
    for probe, answer in zip(probes, together, strict=True):
        alone = search_partitions(backend, probe, packed, visible, limit=3)
        for one, other in zip(answer.partitions, alone.partitions, strict=True):
            np.testing.assert_array_equal(one.rows, other.rows)
            np.testing.assert_array_equal(one.fused, other.fused)
            assert one.sketched == other.sketched


def test_fusion_adds_the_common_fingers() -> None:
    raw = np.full((3, 10), np.nan)
    raw[0, [0, 4]] = 0.3, 0.02
    raw[1, 0] = 0.3
    fused = fuse(raw)
    alone = fuse(np.where(np.arange(10) == 4, raw[:1], np.nan))[0]
    assert fused[0] == pytest.approx(fused[1] + alone)
    assert fused[2] == 0.0


def test_shipped_curves_rise() -> None:
    for curve in (finger_curve(), *(person_curve(k) for k in range(1, 11))):
        assert np.all(np.diff(curve.values) > 0)
        assert np.all(np.diff(curve.scores) > 0)
        assert curve.slope > 0
    scores = [calibrate(fused, FINGERS).score for fused in np.linspace(-40, 300, 100)]
    assert scores[0] == 0.0
    assert np.all(np.diff(scores) >= 0)


def test_no_common_finger_is_worth_nothing() -> None:
    assert calibrate(500.0, ()).score == 0.0


def test_probe_survives_pickling() -> None:
    probe = prepare_probe(encounter(0))
    again = pickle.loads(pickle.dumps(probe))
    np.testing.assert_array_equal(again.fingers[1].score_mean, probe.fingers[1].score_mean)
    assert again.template.parameters_hash == probe.template.parameters_hash


def test_probe_of_other_parameters_is_refused() -> None:
    with pytest.raises(RidgelineError) as raised:
        prepare_probe(EncounterTemplate(encounter(0).fingers, "f" * 64))
    assert raised.value.code is ErrorCode.PARAMETERS_MISMATCH


def test_impostors_are_at_zero_and_unit_deviation_on_the_screen() -> None:
    """What the probe's own normalisation promises, on persons outside the cohort."""
    backend = load_backend("numpy")
    gallery = [encounter(person, fingers=(1,), minutiae=None) for person in range(40)]
    packed = backend.pack(Columns.of(gallery))
    scores = np.concatenate(
        [
            backend.screen(
                prepare_probe(encounter(100 + person, fingers=(1,), minutiae=None)),
                packed,
                np.arange(len(gallery)),
                lambda: None,
            )
            for person in range(15)
        ]
    )
    assert abs(scores.mean() / 256) < 0.5
    assert 0.6 < scores.std() / 256 < 1.4


def test_backends_are_known_by_name() -> None:
    assert load_backend().name in ("cupy", "numpy")
    assert load_backend("numpy").name == "numpy"
    assert load_backend("reference").name == "reference"
    with pytest.raises(RidgelineError) as raised:
        load_backend("abacus")
    assert raised.value.field == "backend"
