"""Descriptors: their form, what they do not depend on, and what they do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.matching.samples import middle, moved, sample, with_minutiae
from workers.biometrics.model import Impression, Minutiae
from workers.matching.descriptor import (
    cylinder_size,
    cylinders,
    describe_encounter,
    describe_finger,
    describe_minutiae,
    project,
    redescribe,
)
from workers.matching.parameters import PARAMETERS, descriptor_hash, parameters_hash


def joined(minutiae: Minutiae, times: int) -> Minutiae:
    """A print side by side with copies of itself, too far off to be neighbours."""
    return Minutiae(
        np.concatenate([minutiae.x + 900 * i for i in range(times)]).astype(np.float32),
        np.tile(minutiae.y, times),
        np.tile(minutiae.angle, times),
        np.tile(minutiae.kind, times),
        np.concatenate([np.full(len(minutiae), 90 - i, np.uint8) for i in range(times)]),
        900 * times,
        minutiae.height,
    )


def test_form() -> None:
    minutiae = sample(0).minutiae
    descriptors = describe_minutiae(minutiae)
    assert descriptors.dtype == np.int8
    assert descriptors.shape == (len(minutiae), PARAMETERS.descriptor.dimensions)
    lengths = np.sqrt((descriptors.astype(np.float64) ** 2).sum(axis=1))
    np.testing.assert_allclose(lengths, PARAMETERS.descriptor.scale, atol=3.0)


def cylinder_by_definition(minutiae: Minutiae, of: int) -> list[float]:
    """One cylinder as Cappelli et al. 2010, section 3, draws it: cells laid over the print.

    By equation 4 the middles of the cells, by 5 what each neighbour adds to them by its distance
    (6), by 7 what it adds to each section by its turn; pixels and y up.
    """
    p = PARAMETERS.descriptor
    x, y, angle = minutiae.x.tolist(), (-minutiae.y).tolist(), minutiae.angle.tolist()
    cos, sin = math.cos(angle[of]), math.sin(angle[of])
    reach = p.radius_px + 3 * p.spatial_deviation_px
    near = [t for t in range(len(x)) if t != of and math.dist((x[t], y[t]), (x[of], y[of])) < reach]
    middles = [(i + 0.5) * 2 * p.radius_px / p.cells - p.radius_px for i in range(p.cells)]
    values = []
    for along in middles:
        for left in middles:
            if math.hypot(along, left) > p.radius_px:
                continue
            cell = (x[of] + along * cos - left * sin, y[of] + along * sin + left * cos)
            for section in range(p.sections):
                middle_turn = -math.pi + (section + 0.5) * 2 * math.pi / p.sections
                total = 0.0
                for t in near:
                    away = math.dist((x[t], y[t]), cell) / p.spatial_deviation_px
                    turn = math.remainder(angle[of] - angle[t] - middle_turn, 2 * math.pi)
                    turned = turn / p.directional_deviation_rad
                    total += math.exp(-(away**2) / 2) * math.exp(-(turned**2) / 2)
                values.append(total)
    return values


def test_cylinders_are_those_of_the_definition() -> None:
    minutiae = sample(3, minutiae=30).minutiae
    for of, cylinder in enumerate(cylinders(minutiae)):
        expected = cylinder_by_definition(minutiae, of)
        np.testing.assert_allclose(cylinder, expected, rtol=1e-3, atol=1e-5)


def test_what_is_out_of_reach_adds_nothing() -> None:
    """A neighbour just inside the radius and three deviations, and one just outside."""
    edge = PARAMETERS.descriptor.radius_px + 3 * PARAMETERS.descriptor.spatial_deviation_px
    at = np.array([0.0, edge - 0.01, -edge - 0.01], np.float32)
    flat, some = np.zeros(3, np.float32), np.ones(3, np.uint8)
    first, _, _ = cylinders(Minutiae(at, flat, flat, some, some, 400, 1))
    cells = first.reshape(-1, PARAMETERS.descriptor.sections).sum(axis=1)
    ahead, behind = cells[len(cells) // 2 :].sum(), cells[: len(cells) // 2].sum()
    assert ahead > 1e-4
    assert behind < 1e-12  # what the one ahead adds to the cells behind


def test_projection_is_the_root_less_the_mean_at_full_length() -> None:
    rng = np.random.default_rng(8)
    of, mean = rng.random((9, 20)).astype(np.float32), rng.random(20).astype(np.float32)
    matrix = rng.normal(size=(20, 6)).astype(np.float32)
    wide = (np.sqrt(of.astype(np.float64)) - mean) @ matrix.astype(np.float64)
    expected = 127 * wide / np.linalg.norm(wide, axis=1, keepdims=True)
    np.testing.assert_allclose(project(of, mean, matrix), expected, atol=0.501)
    # Along one axis the length is reached whole, either way.
    square, none = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    for sign in (1, -1):
        assert project(np.array([[4.0, 0.0]], np.float32), none, sign * square).tolist() == [
            [sign * 127, 0]
        ]


def test_cylinders_turn_with_their_minutia() -> None:
    minutiae = sample(1).minutiae
    for angle in (0.4, 2.0, -1.1):
        np.testing.assert_allclose(
            cylinders(moved(minutiae, angle, 50.0, -30.0)), cylinders(minutiae), atol=2e-3
        )


def test_a_lone_neighbour_fills_the_cell_it_lies_in() -> None:
    """One neighbour 26 px ahead: the mass is ahead of the middle, and even to both sides."""
    pair = Minutiae(
        np.array([100.0, 126.25], np.float32),
        np.array([100.0, 100.0], np.float32),
        np.zeros(2, np.float32),
        np.ones(2, np.uint8),
        np.full(2, 80, np.uint8),
        200,
        200,
    )
    first, second = cylinders(pair)
    by_section = first.reshape(-1, PARAMETERS.descriptor.sections)
    assert by_section.sum(axis=0).argmax() == PARAMETERS.descriptor.sections // 2
    # The second sees the first behind it: the same cells in reverse order.
    cells, behind = by_section.sum(axis=1), second.reshape(by_section.shape).sum(axis=1)
    np.testing.assert_allclose(cells[::-1], behind, rtol=1e-4)
    assert cells[len(cells) // 2 :].sum() > 10 * cells[: len(cells) // 2].sum()


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_minutiae(count: int) -> None:
    minutiae = middle(sample(0).minutiae, count)
    assert cylinders(minutiae).shape == (count, cylinder_size())
    assert describe_minutiae(minutiae).shape == (count, PARAMETERS.descriptor.dimensions)
    assert not cylinders(minutiae).any()


def test_only_so_many_minutiae_are_kept_the_best() -> None:
    print_ = sample(0, impression=Impression.ROLLED, minutiae=60)
    large = with_minutiae(print_, joined(print_.minutiae, 3))
    finger = describe_finger(large)
    assert len(finger) == PARAMETERS.descriptor.minutiae_max < len(large.minutiae)
    n = len(print_.minutiae)
    np.testing.assert_array_equal(finger.descriptors[:n], describe_minutiae(print_.minutiae))
    assert finger.quality.min() == large.minutiae.quality[finger.quality.argmin()]


def test_angles_and_places_are_rounded() -> None:
    print_ = sample(2)
    finger = describe_finger(print_)
    turn = finger.angle.astype(np.float64) * (2.0 * np.pi / 65536)
    apart = np.angle(np.exp(1j * (turn - print_.minutiae.angle)))
    assert np.abs(apart).max() < 1e-4
    np.testing.assert_allclose(finger.x, print_.minutiae.x, atol=0.5)


def test_angles_wrap_and_places_stay_in_range() -> None:
    print_ = sample(2, minutiae=3)
    far = replace(
        print_.minutiae,
        x=np.array([-4e4, 0.6, 4e4], np.float32),
        y=np.array([4e4, -1.4, -4e4], np.float32),
        angle=np.array([np.float32(2 * np.pi) - 1e-6, np.pi, 0.0], np.float32),
    )
    finger = describe_finger(with_minutiae(print_, far))
    assert finger.angle.tolist() == [0, 32768, 0]
    assert finger.x.tolist() == [-32768, 1, 32767]
    assert finger.y.tolist() == [32767, -1, -32768]


def test_encounter_orders_fingers_and_names_parameters() -> None:
    template = describe_encounter(
        [sample(0, 7), sample(0, 1, impression=Impression.ROLLED), sample(0, 1)]
    )
    assert [(int(f.position), f.impression) for f in template.fingers] == [
        (1, Impression.PLAIN),
        (1, Impression.ROLLED),
        (7, Impression.PLAIN),
    ]
    assert template.parameters_hash == descriptor_hash() != parameters_hash()


def test_stored_fingers_are_described_again_as_they_were() -> None:
    samples = [sample(3, finger) for finger in (1, 7)]
    template = describe_encounter(samples)
    again = redescribe(template)
    for before, after in zip(template.fingers, again.fingers, strict=True):
        for name in ("x", "y", "angle", "kind", "quality"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
        a, b = before.descriptors.astype(np.float64), after.descriptors.astype(np.float64)
        alike = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        # Whole pixels move a neighbour by half of one at most, 1/19 of a cell's deviation.
        assert alike.min() > 0.98
    assert again.parameters_hash == template.parameters_hash
    twice = redescribe(again)
    for once, more in zip(again.fingers, twice.fingers, strict=True):
        np.testing.assert_array_equal(once.descriptors, more.descriptors)
