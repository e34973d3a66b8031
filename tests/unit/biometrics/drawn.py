"""Draws prints: ridges with minutiae at known places, and slaps made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.biometrics.model import FingerImage

PAPER = 250


def ridges(
    height: int, width: int, seed: int, *, count: int = 12, period: float = 9.0
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Wavy ridges with a spiral of phase, so a minutia, at `count` places (x, y), shape (n, 2).

    The places are at least 36 pixels apart and 20 from the border.
    """
    rng = np.random.default_rng(seed)
    places: list[NDArray[np.float64]] = []
    for _ in range(10_000):
        if len(places) == count:
            break
        new = rng.uniform((20, 20), (width - 20, height - 20))
        if all(np.hypot(*(new - old)) > 36 for old in places):
            places.append(new)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    phase = 2 * np.pi * (y + 12 * np.sin(x / 60 + seed)) / period
    for number, (px, py) in enumerate(places):
        phase += (-1) ** number * np.arctan2(y - py, x - px)
    grey = 128 + 90 * np.tanh(2 * np.cos(phase)) + rng.normal(0, 6, x.shape)
    return np.clip(grey, 0, 255).astype(np.uint8), np.array(places)


def finger(height: int = 320, width: int = 240, seed: int = 0) -> NDArray[np.uint8]:
    """A finger's print, oval, on paper."""
    pixels, _ = ridges(height, width, seed)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.where(np.hypot(x, y) < 1, pixels, np.uint8(PAPER))


def phalanx(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """The part of a finger below its first joint: a square of ridges without minutiae."""
    return ridges(height, width, seed, count=0)[0]


def sheet(
    pieces: Sequence[tuple[NDArray[np.uint8], int, int]],
    *,
    height: int = 900,
    width: int = 1500,
    lean: float = 0.0,
) -> FingerImage:
    """Paper with pieces at (top, left), turned by `lean` degrees counter-clockwise."""
    paper = np.full((height, width), PAPER, np.uint8)
    for piece, top, left in pieces:
        part = paper[top : top + piece.shape[0], left : left + piece.shape[1]]
        np.minimum(part, piece[: part.shape[0], : part.shape[1]], out=part)
    turned = Image.fromarray(paper).rotate(lean, Image.Resampling.BICUBIC, fillcolor=PAPER)
    return FingerImage(np.asarray(turned, np.uint8), 500.0)


FOUR = ((280, 120), (180, 430), (140, 740), (240, 1050))
"""Top and left of four fingers side by side."""


def slap(lean: float = 0.0, *, shown: Sequence[int] = range(4)) -> FingerImage:
    """Four fingers, or those `shown`; the n-th from the left is 320 + 10 n pixels high."""
    pieces = [(finger(320 + 10 * n, 240, n), *FOUR[n]) for n in shown]
    return sheet(pieces, lean=lean)
