"""Impressions of a master: what a scanner shows of a finger on one occasion.

The skin is placed (rotation, elastic distortion, contact region), pressed (moisture sets how
far down the ridges' flanks touch; pressure falls off to the edge), broken up by its own
roughness and the occasion's, and recorded (contrast, blur, noise of the sensor).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from workers.biometrics.model import RESOLUTION_PPI, FingerImage
from workers.synthesis.contact import ContactModel, Region, draw_region
from workers.synthesis.distortion import draw_warp
from workers.synthesis.ridges import LEFT_PX, STEP_PX, TOP_PX, Master


@dataclass(frozen=True, slots=True)
class ImpressionSettings:
    """How impressions vary. Heights are those of the ridge profile: -1 valley, 1 crest.

    Attributes:
        moisture: standard deviation of the height down to which ridges touch, from occasion to
            occasion; wet skin touches further down and prints thicker ridges.
        mean_touch: that height on average.
        patchiness: standard deviation of the same over one print (moisture is uneven).
        patch_px: size of its patches, pixels at 500 ppi.
        roughness: of the finger's own skin, standard deviation in height; the same on every
            occasion.
        grain: of the occasion, standard deviation in height.
        edge_softness: share of the region's radius over which contact fades to nothing.
        profile_softness: height over which print turns from ridge to background.
        background: mean grey level of the empty platen, 0 to 255.
        ink: mean grey level of ridges at full contact.
        contrast_spread: standard deviation of the ink's grey level between occasions.
        residue: grey levels by which moisture darkens the valleys of a wet finger.
        sensor_noise: standard deviation of grey levels, independent between pixels.
        blur_px: standard deviation of the optics' point spread.
        scratches: mean number of thin lines of lost contact, dust and smears of one occasion.
    """

    moisture: float = 0.17
    mean_touch: float = 0.18
    patchiness: float = 0.18
    patch_px: float = 32.0
    roughness: float = 0.30
    grain: float = 0.34
    edge_softness: float = 0.16
    profile_softness: float = 0.16
    background: float = 246.0
    ink: float = 62.0
    contrast_spread: float = 14.0
    residue: float = 30.0
    sensor_noise: float = 3.0
    blur_px: float = 0.65
    scratches: float = 1.0


def impress(
    master: Master,
    contact: ContactModel,
    settings: ImpressionSettings,
    skill: float,
    rng: np.random.Generator,
) -> FingerImage:
    """Takes one impression.

    Args:
        master: the finger.
        contact: of the impression type; gives the size of the image.
        settings: of skin and sensor.
        skill: of the person's skin to give good prints, standard normal.
        rng: of this occasion.
    """
    region = draw_region(contact, master.flow.size, rng)
    x, y = _finger_coordinates(contact, region, rng)
    ridges, texture = _sample(master, x, y)
    shape = (contact.height, contact.width)

    # Poor skin is dry or worn: rougher and thinner.
    trouble = math.exp(0.3 * (rng.standard_normal() - skill))
    touch = settings.mean_touch - settings.moisture * rng.standard_normal()
    touch += 0.06 * (trouble - 1.0)
    height = ridges + settings.roughness * math.sqrt(trouble) * texture
    height += settings.grain * trouble * _grain(shape, rng)
    height -= _scratches(shape, settings.scratches, rng)
    threshold = touch + settings.patchiness * _patches(shape, settings.patch_px, rng)
    threshold += _edge(region, x, y, settings.edge_softness, rng)
    print_ = expit((height - threshold) / settings.profile_softness)

    # Sweat between the ridges of a wet finger, only where skin is near.
    wet = max(0.0, settings.mean_touch - touch) / settings.moisture
    near = expit(4.0 * (0.6 - threshold))
    ink = settings.ink + settings.contrast_spread * rng.standard_normal() - 12.0 * wet
    paper = settings.background - settings.residue * wet * near
    grey = paper + (max(ink, 5.0) - paper) * print_
    grey = ndimage.gaussian_filter(grey, settings.blur_px, mode="nearest", truncate=3.0)
    grey += settings.sensor_noise * rng.standard_normal(shape, np.float32)
    return FingerImage(np.clip(np.round(grey), 0, 255).astype(np.uint8), RESOLUTION_PPI)


def _finger_coordinates(
    contact: ContactModel, region: Region, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where on the finger each pixel of the image lies, each (height, width)."""
    warp = draw_warp(rng, contact.rotation, contact.bend_px, contact.half_height_px)
    play = rng.normal(0.0, contact.play_px, 2)
    y, x = np.mgrid[0 : contact.height, 0 : contact.width].astype(np.float64)
    x -= 0.5 * contact.width + play[0]
    y -= 0.5 * contact.height + play[1]
    x, y = warp.points(x.ravel(), y.ravel())
    shape = (contact.height, contact.width)
    return x.reshape(shape) + region.centre[0], y.reshape(shape) + region.centre[1]


def _sample(
    master: Master, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    at = np.stack([(y - TOP_PX) / STEP_PX, (x - LEFT_PX) / STEP_PX])
    ridges = ndimage.map_coordinates(master.ridges, at, order=3, mode="nearest")
    texture = ndimage.map_coordinates(master.texture, at, order=1, mode="nearest")
    return ridges, texture


def _grain(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of unit deviation at the scale of pores and dust, about two pixels."""
    noise = rng.standard_normal(shape, np.float32)
    smooth = ndimage.gaussian_filter(noise, 0.9, mode="wrap", truncate=3.0)
    scaled: NDArray[np.float32] = smooth / smooth.std()
    return scaled


def _patches(
    shape: tuple[int, int], size_px: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smooth noise of about unit deviation whose patches are `size_px` wide."""
    down, across = (_spline_basis(side, size_px) for side in shape)
    knots = rng.standard_normal((down.shape[1], across.shape[1]), np.float32)
    smooth: NDArray[np.float32] = (2.0 * down @ knots @ across.T).astype(np.float32)
    return smooth


@lru_cache(maxsize=16)
def _spline_basis(side: int, size_px: float) -> NDArray[np.float32]:
    """Cubic B-splines with knots `size_px` apart at every pixel of a side: (side, knots)."""
    knots = int(side / size_px) + 4
    t = np.abs(np.arange(side)[:, None] / size_px + 1.0 - np.arange(knots))
    inner, outer = 2.0 / 3.0 - t**2 + 0.5 * t**3, np.maximum(0.0, 2.0 - t) ** 3 / 6.0
    return np.where(t < 1.0, inner, outer).astype(np.float32)


def _edge(
    region: Region,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    softness: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Height that contact loses towards the edge of its region: 0 inside, 2 at the edge."""
    ragged = 1.0 + 0.03 * _patches(x.shape, 12.0, rng)
    beyond = np.maximum(0.0, region.radius(x, y) * ragged - 1.0 + softness) / softness
    return np.minimum(2.0 * beyond**2, 6.0)


def _scratches(
    shape: tuple[int, int], mean: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Depth of the occasion's own lines of lost contact, in heights of the profile."""
    depth = np.zeros(shape)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    for _ in range(rng.poisson(mean)):
        along = rng.uniform(0.0, math.pi)
        dx, dy = x - rng.uniform(0, shape[1]), y - rng.uniform(0, shape[0])
        down = math.cos(along) * dx + math.sin(along) * dy
        off = math.cos(along) * dy - math.sin(along) * dx
        length = rng.uniform(20.0, 80.0)
        line = np.exp(-((down / length) ** 4) - 0.5 * (off / rng.uniform(0.6, 1.6)) ** 2)
        depth += rng.uniform(0.6, 2.0) * line
    return depth
