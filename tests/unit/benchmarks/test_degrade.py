"""Prints made worse, as they are meant to be."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.degrade import best, part, quantise, turn, turn_image
from workers.biometrics.model import FingerImage, Minutiae
from workers.matching.descriptor import cylinders

RNG = np.random.default_rng(4)
N = 40


@pytest.fixture
def minutiae() -> Minutiae:
    rng = np.random.default_rng(9)
    return Minutiae(
        rng.uniform(0, 300, N).astype(np.float32),
        rng.uniform(0, 400, N).astype(np.float32),
        rng.uniform(0, 2 * np.pi, N).astype(np.float32),
        np.ones(N, np.uint8),
        rng.permutation(np.arange(1, N + 1)).astype(np.uint8),
        300,
        400,
    )


def test_minutiae_turn_as_the_image_does() -> None:
    pixels = np.full((101, 201), 255, np.uint8)
    pixels[20:23, 150:153] = 0
    there = Minutiae(
        np.array([151.0], np.float32),
        np.array([21.0], np.float32),
        np.array([0.1], np.float32),
        np.ones(1, np.uint8),
        np.ones(1, np.uint8),
        201,
        101,
    )
    image = turn_image(FingerImage(pixels, 500.0), 30.0)
    rows, columns = np.nonzero(image.pixels < 128)
    height, width = image.pixels.shape
    turned = turn(there, 30.0)
    assert columns.mean() - (width - 1) / 2 == pytest.approx(
        turned.x[0] - (turned.width - 1) / 2, abs=0.7
    )
    assert rows.mean() - (height - 1) / 2 == pytest.approx(
        turned.y[0] - (turned.height - 1) / 2, abs=0.7
    )
    assert turned.angle[0] == pytest.approx(0.1 + np.radians(30.0))


def test_a_turn_leaves_the_cylinders(minutiae: Minutiae) -> None:
    assert np.allclose(cylinders(turn(minutiae, 37.0)), cylinders(minutiae), atol=1e-3)


def test_a_turn_back_restores(minutiae: Minutiae) -> None:
    back = turn(turn(minutiae, 25.0), -25.0)
    assert np.allclose(np.diff(back.x), np.diff(minutiae.x), atol=1e-3)
    assert np.allclose(np.exp(1j * back.angle), np.exp(1j * minutiae.angle), atol=1e-5)


@pytest.mark.parametrize(("share", "kept"), [(0.6, 24), (0.25, 10), (1.0, 40)])
def test_a_part_is_a_circle(minutiae: Minutiae, share: float, kept: int) -> None:
    piece = part(minutiae, share, RNG)
    assert len(piece) == kept
    inside = set(piece.x.tolist())
    gone = [k for k in range(N) if float(minutiae.x[k]) not in inside]

    def fits(centre: int) -> bool:
        x, y = piece.x[centre], piece.y[centre]
        radius = np.hypot(piece.x - x, piece.y - y).max()
        return bool((np.hypot(minutiae.x[gone] - x, minutiae.y[gone] - y) >= radius).all())

    assert any(fits(centre) for centre in range(kept))


def test_a_part_of_nothing_is_nothing(minutiae: Minutiae) -> None:
    assert len(part(minutiae.take(np.zeros(0, np.intp)), 0.5, RNG)) == 0


def test_the_best_are_kept(minutiae: Minutiae) -> None:
    assert sorted(best(minutiae, 8).quality.tolist()) == list(range(N - 7, N + 1))
    assert len(best(minutiae, 100)) == N


def test_quantised_angles_are_whole_steps(minutiae: Minutiae) -> None:
    coarse = quantise(minutiae)
    steps = coarse.angle * 256 / (2 * np.pi)
    assert np.allclose(steps, np.rint(steps), atol=1e-4)
    assert (coarse.angle < 2 * np.pi).all()
    assert np.abs(coarse.x - minutiae.x).max() <= 0.5
