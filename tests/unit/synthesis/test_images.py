"""Generated images: determinism, ridges of the stated period, a cache that is whole or absent."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from workers.biometrics.model import FingerPosition, Impression
from workers.synthesis import cache
from workers.synthesis.cache import cached_population
from workers.synthesis.images import impression
from workers.synthesis.population import Person
from workers.synthesis.ridges import LEFT_PX, STEP_PX, TOP_PX, Master, master

PERSON = Person(4, 2)
FINGER = FingerPosition.RIGHT_MIDDLE


@pytest.fixture(scope="module")
def grown() -> Master:
    return master(PERSON, FINGER)


def _pixels(session: int) -> NDArray[np.uint8]:
    return impression(PERSON, FINGER, session).pixels


def test_same_key_same_pixels_in_any_order_and_process(grown: Master) -> None:
    later = impression(PERSON, FINGER, 1, ridges=grown).pixels
    assert np.array_equal(later, _pixels(1))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.apply(_pixels, (1,)), later)


def test_sessions_fingers_and_persons_differ(grown: Master) -> None:
    images = [
        impression(PERSON, FINGER, 0, ridges=grown),
        impression(PERSON, FINGER, 1, ridges=grown),
        impression(PERSON, FingerPosition.RIGHT_RING, 0),
        impression(Person(4, 3), FINGER, 0),
    ]
    for i, left in enumerate(images):
        for right in images[:i]:
            assert not np.array_equal(left.pixels, right.pixels)


def test_ridges_have_the_period_and_direction_of_the_flow(grown: Master) -> None:
    rows, columns = grown.ridges.shape
    side = 32
    relative, off = [], []
    for top in range(64, rows - 64 - side, side):
        for left in range(48, columns - 48 - side, side):
            x = LEFT_PX + STEP_PX * (left + np.arange(side))
            y = TOP_PX + STEP_PX * (top + np.arange(side))
            angle = grown.flow.orientation(*np.meshgrid(x, y))
            if np.abs(np.exp(2j * angle).mean()) < 0.95:
                continue  # the flow turns within the block
            block = grown.ridges[top : top + side, left : left + side]
            window = np.hanning(side)[:, None] * np.hanning(side)
            power = np.abs(np.fft.fft2((block - block.mean()) * window, (256, 256))) ** 2
            fy, fx = np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256), indexing="ij")
            peak = np.unravel_index(np.argmax(power), power.shape)
            period = STEP_PX / np.hypot(fx[peak], fy[peak])
            expected = grown.flow.period(*np.meshgrid(x, y)).mean()
            relative.append(period / expected)
            across = np.arctan2(-fy[peak], fx[peak])
            mean = 0.5 * np.angle(np.exp(2j * angle).mean())
            off.append(np.degrees(np.arccos(min(1.0, abs(np.sin(across - mean))))))
    assert len(relative) >= 10
    # Single blocks may hold minutiae, which squeeze or spread the ridges about them.
    assert np.median(relative) == pytest.approx(1.0, abs=0.06)
    assert 0.75 < min(relative) < max(relative) < 1.3
    assert np.median(off) < 4.0
    assert max(off) < 15.0


def test_master_is_half_ridge_half_valley(grown: Master) -> None:
    assert np.mean(grown.ridges > 0) == pytest.approx(0.5, abs=0.03)
    assert np.abs(grown.ridges).mean() > 0.6


@pytest.mark.parametrize("kind", list(Impression))
def test_print_lies_within_a_clean_margin(grown: Master, kind: Impression) -> None:
    image = impression(PERSON, FINGER, 0, kind=kind, ridges=grown)
    dark = image.pixels < 160
    assert image.resolution_ppi == 500.0
    assert 0.1 < dark.mean() < 0.6
    corners = [dark[:20, :20], dark[:20, -20:], dark[-20:, :20], dark[-20:, -20:]]
    assert max(c.mean() for c in corners) < 0.05


def test_cache_gives_what_the_generator_gives(tmp_path: Path) -> None:
    fingers = (FINGER,)
    first = list(cached_population(tmp_path, 4, 1, fingers=fingers))
    assert [(p.person, p.finger, p.session) for p in first] == [(0, FINGER, 0), (0, FINGER, 1)]
    for made in first:
        direct = impression(Person(4, 0), FINGER, made.session).pixels
        assert np.array_equal(made.image.pixels, direct)
        with Image.open(made.path) as picture:
            assert picture.info["dpi"] == pytest.approx((500, 500), abs=0.01)
    assert not list(tmp_path.rglob("*.part"))


def test_cache_is_used_again_and_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = list(cached_population(tmp_path, 4, 1, fingers=(FINGER,)))
    with monkeypatch.context() as patch:
        patch.setattr(cache, "master", None)  # growing again would fail
        again = list(cached_population(tmp_path, 4, 1, fingers=(FINGER,)))
    first[1].path.unlink()
    repaired = list(cached_population(tmp_path, 4, 1, fingers=(FINGER,)))
    for a, b, c in zip(first, again, repaired, strict=True):
        assert np.array_equal(a.image.pixels, b.image.pixels)
        assert np.array_equal(a.image.pixels, c.image.pixels)


def test_cache_made_by_two_processes_is_the_same(tmp_path: Path) -> None:
    fingers = (FINGER, FingerPosition.LEFT_THUMB)
    one = list(cached_population(tmp_path / "one", 5, 1, sessions=1, fingers=fingers))
    two = list(cached_population(tmp_path / "two", 5, 1, sessions=1, fingers=fingers, processes=2))
    for a, b in zip(one, two, strict=True):
        assert a.finger == b.finger
        assert np.array_equal(a.image.pixels, b.image.pixels)
