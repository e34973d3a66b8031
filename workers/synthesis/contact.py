"""The part of a finger that touches the platen, by impression type."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import Impression


@dataclass(frozen=True, slots=True)
class ContactModel:
    """How an impression type shows a finger; lengths in pixels at 500 ppi, angles in radians.

    Attributes:
        half_width_px: mean half width of the contact region.
        half_height_px: mean half height.
        spread: standard deviation of the logarithm of both.
        shift_px: standard deviation (x, y) of the region's middle on the finger.
        rotation: standard deviation of the finger's rotation on the platen.
        bend_px: root mean square displacement by elastic distortion.
        play_px: standard deviation of the region's middle in the image, each way.
        width: of the image.
        height: of the image.
    """

    half_width_px: float
    half_height_px: float
    spread: float
    shift_px: tuple[float, float]
    rotation: float
    bend_px: float
    play_px: float
    width: int
    height: int


CONTACT = {
    Impression.PLAIN: ContactModel(
        half_width_px=128.0,
        half_height_px=188.0,
        spread=0.09,
        shift_px=(13.0, 22.0),
        rotation=math.radians(7.0),
        bend_px=4.0,
        play_px=6.0,
        width=336,
        height=416,
    ),
    Impression.ROLLED: ContactModel(
        half_width_px=228.0,
        half_height_px=288.0,
        spread=0.05,
        shift_px=(10.0, 20.0),
        rotation=math.radians(4.0),
        bend_px=6.0,
        play_px=15.0,
        width=720,
        height=750,
    ),
}
"""Plain impressions as on single-finger scanners, rolled ones as on cards."""

MIDDLE_Y_PX = 20.0
"""Where the middle of the average contact region lies below the middle of the pattern."""


SQUARENESS = 0.06
"""How far the corners of a contact region reach beyond an ellipse, relative to the radius."""


@dataclass(frozen=True, slots=True)
class Region:
    """A contact region: a rounded oval with a wavy edge, in the finger frame.

    Attributes:
        centre: x, y, pixels.
        axes: half width and half height, pixels.
        waves: float64 (k, 2), cosine and sine of the edge's second and higher harmonics,
            relative to the radius.
    """

    centre: tuple[float, float]
    axes: tuple[float, float]
    waves: NDArray[np.float64]

    def radius(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance from the centre relative to the edge: below 1 inside."""
        u = (x - self.centre[0]) / self.axes[0]
        v = (y - self.centre[1]) / self.axes[1]
        distance = np.hypot(u, v)
        ray = (u + 1j * v) / np.maximum(distance, 1e-9)
        power = ray * ray
        edge = 1.0 - SQUARENESS * (power * power).real
        for cosine, sine in self.waves:
            edge += cosine * power.real + sine * power.imag
            power = power * ray
        relative: NDArray[np.float64] = distance / edge
        return relative


def draw_region(contact: ContactModel, size: float, rng: np.random.Generator) -> Region:
    """Draws the contact region of one impression of a finger of relative size `size`."""
    scale = size * np.exp(contact.spread * rng.standard_normal(2))
    shift = rng.standard_normal(2) * contact.shift_px
    return Region(
        (float(shift[0]), float(MIDDLE_Y_PX + shift[1])),
        (float(contact.half_width_px * scale[0]), float(contact.half_height_px * scale[1])),
        rng.normal(0.0, 0.025, (3, 2)) / np.array([[1.0], [1.5], [2.0]]),
    )
