"""Sketches: what they do not depend on, and what a score of theirs means.

Backends are compared with each other elsewhere; both take rows from here, so what rows mean is
held against plain formulas.
"""

from __future__ import annotations

import math
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.matching.samples import encounter, gallery_row
from workers.biometrics.model import FingerPosition, Impression
from workers.matching.cohort import load_cohort
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import PARAMETERS, SKETCH_FILE, data_file, descriptor_hash
from workers.matching.probe import prepare_probe
from workers.matching.sketch import (
    PRESENCE,
    Level,
    aggregate,
    at_level,
    probe_row,
    sketch_finger,
    to_int8,
)
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_subject

DIMENSIONS = PARAMETERS.sketch.dimensions


def score(probe: EncounterTemplate, other: EncounterTemplate, level: Level) -> int:
    row = prepare_probe(probe).sketch[level].astype(np.int64)
    return int(row @ gallery_row(other, level).astype(np.int64))


def vlad_by_definition(
    descriptors: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Soft-assigned VLAD, one descriptor and one centre at a time.

    Each descriptor leaves to every centre its difference from it, in shares that fall off with
    exp(softness * cosine); then the signed root, each centre's part at unit length, and the whole.
    """
    parts = np.zeros(centres.shape)
    for descriptor in descriptors / PARAMETERS.descriptor.scale:
        weights = [math.exp(PARAMETERS.sketch.softness * float(descriptor @ c)) for c in centres]
        for k, centre in enumerate(centres):
            parts[k] += weights[k] / sum(weights) * (descriptor - centre)
    rooted = np.vectorize(lambda v: math.copysign(math.sqrt(abs(v)), v))(parts)
    rooted /= np.linalg.norm(rooted, axis=1, keepdims=True)
    return np.asarray(rooted.ravel() / np.linalg.norm(rooted))


def test_a_vector_is_the_projected_vlad_of_the_descriptors() -> None:
    (finger,) = encounter(2, fingers=(1,), minutiae=20).fingers
    with np.load(BytesIO(data_file(SKETCH_FILE))) as learned:
        centres, mean, matrix = (learned[name].astype(float) for name in learned)
    vlad = vlad_by_definition(finger.descriptors.astype(float), centres)
    np.testing.assert_allclose(aggregate(finger.descriptors.astype(np.float32)), vlad, atol=1e-4)
    expected = (vlad - mean) @ matrix
    expected *= 127 / np.linalg.norm(expected)
    np.testing.assert_allclose(finger.sketch, expected, atol=0.6)


def test_rows_hold_each_finger_in_its_place() -> None:
    template = encounter(1, fingers=(1, 2, 10))
    for level in Level:
        n = level.value
        row = gallery_row(template, level)
        assert level.width == -(-10 * (n + 1) // 32) * 32  # whole operands of tensor cores
        expected = np.zeros(level.width, np.int8)
        for finger in template.fingers:
            at = (int(finger.position) - 1) * n
            part = finger.sketch[:n].astype(float)
            expected[at : at + n] = np.rint(part * 127 / np.linalg.norm(part))
            expected[10 * n + int(finger.position) - 1] = PRESENCE
        np.testing.assert_array_equal(row, expected)


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
def test_a_probe_weighs_its_fingers_by_what_impostors_reach(level: Level) -> None:
    """Impostors of a mean that is not 0, far from equally spread about each finger."""
    rng = np.random.default_rng(3)
    n = level.value
    spread = np.where(np.arange(DIMENSIONS) % 2, 25, 3)
    cohort = np.rint(30 + spread * rng.normal(size=(50, DIMENSIONS))).astype(np.int8)
    odd = np.where(np.arange(DIMENSIONS) % 2, 30, 0).astype(np.int8)
    (first, second) = encounter(0, fingers=(1, 7), minutiae=9).fingers
    fingers = (replace(first, sketch=odd), replace(second, sketch=30 - odd))
    impostors = at_level(cohort, level).astype(float)
    expected = np.zeros(level.width)
    for finger in fingers:
        ours = at_level(finger.sketch, level).astype(float)
        products = impostors @ ours
        at = (int(finger.position) - 1) * n
        expected[at : at + n] = ours / products.std()
        expected[10 * n + int(finger.position) - 1] = -products.mean() / products.std() / PRESENCE
    expected *= 127 / np.abs(expected).max()
    found = probe_row(EncounterTemplate(fingers, ""), level, cohort)
    np.testing.assert_allclose(found, expected, atol=0.501)
    # No spread at all counts as the least there can be, 1.
    same = probe_row(EncounterTemplate(fingers[:1], ""), level, cohort[:1].repeat(9, axis=0))
    product = float(impostors[0] @ at_level(odd, level))
    largest = max(product / PRESENCE, float(at_level(odd, level).max()))
    assert same.min() == round(-product / PRESENCE / largest * 127)


def test_vectors_are_brought_to_full_length_each_by_itself() -> None:
    vectors = np.array([[3.0, 4.0, 0.0], [0.0, -0.01, 0.0], [0.0, 0.0, 0.0], [900.0, 0.0, 0.0]])
    expected = [[76, 102, 0], [0, -127, 0], [0, 0, 0], [127, 0, 0]]
    assert to_int8(vectors).tolist() == expected
    assert [to_int8(vector).tolist() for vector in vectors] == expected


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
    both = gallery_row(EncounterTemplate((plain, rolled), descriptor_hash()), Level.FINE)
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
