"""Extraction on drawn ridges, whose minutiae are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.unit.biometrics.drawn import PAPER, ridges
from workers.biometrics.extraction import extract, extraction_version
from workers.biometrics.model import FingerImage, Minutiae, MinutiaKind


def nearest(found: Minutiae, places: NDArray[np.float32 | np.float64]) -> NDArray[np.float64]:
    """Distance of each place to the nearest minutia."""
    dx, dy = found.x[:, None] - places[:, 0], found.y[:, None] - places[:, 1]
    return np.asarray(np.hypot(dx, dy).min(axis=0))


@pytest.mark.parametrize("seed", range(3))
def test_finds_the_drawn_minutiae_and_no_others(seed: int) -> None:
    pixels, places = ridges(256, 256, seed)
    found = extract(FingerImage(pixels, 500.0))
    inner = ((places > 32) & (places < 224)).all(axis=1)
    assert (nearest(found, places[inner]) < 8).mean() >= 0.9
    assert len(found) <= len(places) + 3
    assert (found.width, found.height) == (256, 256)
    assert set(found.kind) <= {MinutiaKind.ENDING, MinutiaKind.BIFURCATION}
    assert found.quality.min() >= 30
    assert (np.diff(found.quality.astype(int)) <= 0).all()
    assert ((found.angle >= 0) & (found.angle < 2 * np.pi)).all()


def test_half_a_turn_of_the_image_turns_the_minutiae() -> None:
    pixels, _ = ridges(256, 256, 4)
    upright = extract(FingerImage(pixels, 500.0))
    turned = extract(FingerImage(np.ascontiguousarray(pixels[::-1, ::-1]), 500.0))
    # The constant offset in y does not turn with the image: 255 - y, less one pixel each way.
    apart = np.hypot(
        (255 - turned.x)[:, None] - upright.x, (255 - 2 - turned.y)[:, None] - upright.y
    )
    mate = apart.argmin(axis=0)
    close = apart.min(axis=0) < 5
    assert close.mean() > 0.8
    turn = turned.angle[mate] - upright.angle
    off = np.abs((turn + 2 * np.pi) % (2 * np.pi) - np.pi)[close]
    assert np.median(off) < 0.1


def test_resolution_does_not_move_minutiae() -> None:
    pixels, _ = ridges(256, 256, 5)
    double = np.asarray(Image.fromarray(pixels).resize((512, 512), Image.Resampling.LANCZOS))
    at_500, at_1000 = extract(FingerImage(pixels, 500.0)), extract(FingerImage(double, 1000.0))
    assert (at_1000.width, at_1000.height) == (256, 256)
    places = np.stack([at_500.x, at_500.y], axis=1)
    assert (nearest(at_1000, places) <= 2).mean() > 0.9


def test_paper_around_a_print_changes_nothing_but_the_origin() -> None:
    pixels, _ = ridges(230, 200, 6)
    framed = np.pad(pixels, 40, constant_values=PAPER)
    wide = np.pad(framed, ((150, 163), (211, 190)), constant_values=PAPER)
    small, large = extract(FingerImage(framed, 500.0)), extract(FingerImage(wide, 500.0))
    assert (large.width, large.height) == wide.shape[::-1]
    places = np.stack([small.x + 211, small.y + 150], axis=1)
    assert (nearest(large, places) <= 2).mean() > 0.9
    assert abs(len(large) - len(small)) <= 2


@pytest.mark.parametrize("shape", [(16, 16), (33, 400), (500, 500)])
def test_blank_images_have_no_minutiae(shape: tuple[int, int]) -> None:
    for grey in (0, 128, 255):
        found = extract(FingerImage(np.full(shape, grey, np.uint8), 500.0))
        assert len(found) == 0
        assert (found.height, found.width) == shape


def test_faint_shading_is_no_print() -> None:
    shade = np.tile(np.linspace(120, 250, 400).astype(np.uint8), (400, 1))
    assert len(extract(FingerImage(shade, 500.0))) == 0


def test_minutiae_lie_inside_odd_sizes() -> None:
    for height, width in ((97, 131), (161, 64), (40, 40)):
        pixels, _ = ridges(height, width, 7, count=2)
        found = extract(FingerImage(pixels, 500.0))
        assert ((found.x >= 0) & (found.x < width)).all()
        assert ((found.y >= 0) & (found.y < height)).all()


def test_version_names_weights_and_settings() -> None:
    assert extraction_version() == extraction_version()
    assert extraction_version().startswith("leader-")
