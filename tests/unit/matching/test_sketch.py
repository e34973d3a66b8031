"""Sketches: what they do not depend on, and what a score of theirs means.

Backends are compared with each other elsewhere; both take rows from here, so what rows mean is
held against plain formulas.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.matching.samples import encounter
from workers.biometrics.model import FingerPosition, Impression
from workers.matching.cohort import load_cohort
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import prepare_probe
from workers.matching.sketch import Level, at_level, gallery_row, probe_row, sketch_finger
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_subject

DIMENSIONS = PARAMETERS.sketch.dimensions


def score(probe: EncounterTemplate, other: EncounterTemplate, level: Level) -> int:
    row = prepare_probe(probe).sketch[level].astype(np.int64)
    return int(row @ gallery_row(other, level).astype(np.int64))


def test_a_finger_is_one_vector_whatever_the_order_of_its_minutiae() -> None:
    (finger,) = encounter(0, fingers=(1,), minutiae=40).fingers
    order = np.random.default_rng(1).permutation(len(finger))
    again = sketch_finger(finger.descriptors[order], finger.quality[order])
    assert finger.sketch.shape == (DIMENSIONS,)
    assert np.abs(again.astype(int) - finger.sketch).max() <= 1  # sums in another order
    assert abs(np.linalg.norm(finger.sketch.astype(float)) - 127) < 4


def test_nothing_described_is_no_vector() -> None:
    nothing = sketch_finger(np.zeros((0, 64), np.int8), np.zeros(0, np.uint8))
    alone = sketch_finger(np.zeros((1, 64), np.int8), np.ones(1, np.uint8))
    assert not nothing.any()
    assert not alone.any()


def test_the_worst_minutiae_take_no_part() -> None:
    (finger,) = encounter(0, fingers=(1,), minutiae=None, impression=Impression.ROLLED).fingers
    most = PARAMETERS.sketch.minutiae_max
    assert len(finger) > most
    best = finger.cut(most)
    np.testing.assert_array_equal(finger.sketch, sketch_finger(best.descriptors, best.quality))


@pytest.mark.parametrize("level", Level)
def test_a_score_is_the_sum_of_deviations_above_the_impostor_mean(level: Level) -> None:
    """By the definition: for each common finger (product - mean) / deviation over the cohort."""
    probe, other = encounter(0, minutiae=None), encounter(5, fingers=(2, 7, 9), minutiae=None)
    cohort = at_level(load_cohort().sketches, level).astype(float)
    expected, scale = 0.0, 0.0
    weights = prepare_probe(probe).sketch[level]
    theirs = {f.position: at_level(f.sketch, level).astype(float) for f in other.fingers}
    for finger in probe.fingers:
        ours = at_level(finger.sketch, level).astype(float)
        impostors = cohort @ ours
        scale = max(scale, float(np.abs(ours).max() / impostors.std()))
        if finger.position in theirs:
            product = theirs[finger.position] @ ours
            expected += (product - impostors.mean()) / impostors.std()
    # Weights are rounded after the largest of them is made 127.
    assert np.abs(weights.astype(int)).max() == 127
    assert score(probe, other, level) * scale / 127 == pytest.approx(expected, abs=0.35)


@pytest.mark.parametrize("level", Level)
def test_a_finger_that_one_side_lacks_does_not_count(level: Level) -> None:
    probe, other = encounter(0), encounter(5)
    less = EncounterTemplate(other.fingers[:2], other.parameters_hash)
    elsewhere = replace(other.fingers[2], position=FingerPosition.LEFT_RING)
    more = EncounterTemplate((*less.fingers, elsewhere), other.parameters_hash)
    assert score(probe, less, level) == score(probe, more, level)
    assert score(probe, EncounterTemplate((), other.parameters_hash), level) == 0


@pytest.mark.parametrize("level", Level)
def test_mates_of_ten_fingers_stand_above_all_impostors(level: Level) -> None:
    gallery = [describe_encounter(generate_subject(77, person)) for person in range(40)]
    for person in (0, 13, 39):
        probe = describe_encounter(generate_subject(77, person, 1))
        scores = [score(probe, other, level) for other in gallery]
        assert int(np.argmax(scores)) == person


def test_impressions_of_a_finger_add_up() -> None:
    (plain,) = encounter(3, fingers=(1,), minutiae=None).fingers
    (rolled,) = encounter(3, fingers=(1,), minutiae=None, impression=Impression.ROLLED).fingers
    both = gallery_row(EncounterTemplate((plain, rolled), ""), Level.FINE)
    together = plain.sketch.astype(float) + rolled.sketch
    expected = np.rint(together * 127 / np.linalg.norm(together))
    np.testing.assert_array_equal(both[:DIMENSIONS], expected)


def test_a_row_fits_its_level() -> None:
    template = encounter(0)
    for level in Level:
        assert gallery_row(template, level).shape == (level.width,)
        assert probe_row(template, level, load_cohort().sketches).dtype == np.int8
        # Sums stay where float32 counts exactly.
        assert level.width * 127 * 127 < 2**24
