"""Elastic distortion of a finger on a platen, with its rotation.

A smooth random warp: polynomials of the second and third degree in both coordinates, which is
what skin does away from the edge of contact (Bazen and Gerez, 2003, model it by thin plates;
Cappelli, Maio and Maltoni, 2001, by a region that sticks while the rest is pulled and turned).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Warp:
    """Maps the finger frame to the platen: bend, then rotate about the origin.

    Attributes:
        coefficients: float64 (2, 7), pixels, of the terms of `_terms` for x and y.
        reach_px: distance from the origin at which each term is about one.
        rotation: radians, counter-clockwise as seen on the image.
    """

    coefficients: NDArray[np.float64]
    reach_px: float
    rotation: float

    def place(
        self, x: NDArray[np.float64], y: NDArray[np.float64], angle: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Points with directions after the warp (same units and frame)."""
        ahead = 2.0
        x2, y2 = self.points(
            np.concatenate([x, x + ahead * np.cos(angle)]),
            np.concatenate([y, y - ahead * np.sin(angle)]),
        )
        n = len(x)
        return x2[:n], y2[:n], np.arctan2(y2[:n] - y2[n:], x2[n:] - x2[:n])

    def points(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points after the warp."""
        dx, dy = self.coefficients @ _terms(x / self.reach_px, y / self.reach_px)
        x, y = x + dx, y + dy
        cos, sin = math.cos(self.rotation), math.sin(self.rotation)
        return cos * x + sin * y, cos * y - sin * x


def draw_warp(rng: np.random.Generator, rotation: float, bend_px: float, reach_px: float) -> Warp:
    """Draws a warp.

    Args:
        rng: consumed by a fixed number of draws.
        rotation: standard deviation, radians.
        bend_px: root mean square displacement within `reach_px`.
        reach_px: about the radius of the contact region, pixels.
    """
    coefficients = rng.standard_normal((2, 7)) * _SPREAD
    strength = bend_px * math.exp(0.4 * rng.standard_normal())
    return Warp(strength * coefficients, reach_px, rotation * rng.standard_normal())


# First, second and third degree. Over the disc of radius one each group adds about the same,
# and the sum has a mean square displacement of one in each coordinate.
_SPREAD = np.array([0.6, 0.6, 1.0, 1.0, 1.0, 0.9, 0.9])


def _terms(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    # Far outside the region skin follows the region's edge instead of running away.
    u, v = _LIMIT * np.tanh(u / _LIMIT), _LIMIT * np.tanh(v / _LIMIT)
    square = u * u + v * v
    return np.stack([u, v, u * u - 0.25, u * v, v * v - 0.25, u * square, v * square])


_LIMIT = 1.5
