"""Master fingerprints: ridges grown along a finger's flow by iterated oriented filtering.

The idea is that of SFinGe (Cappelli, Maio and Maltoni, 2000 to 2004): filter noise again and
again with filters tuned to the local orientation and period, until ridges stand everywhere;
where they cannot fit, minutiae form by themselves. The filters are log-Gabor functions applied
in the frequency domain, a bank of orientations and periods between whose responses each pixel
interpolates. All this happens at half resolution, where a ridge period is still four to six
samples; impressions sample it with cubic splines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from workers.biometrics.model import FingerPosition
from workers.synthesis.flow import Flow, finger_flow
from workers.synthesis.population import Person, Stream, stream, traits

STEP_PX = 2.0
"""Spacing of a master's samples, pixels at 500 ppi."""

ROWS, COLUMNS = 384, 300
"""Size of a master, samples; products of small primes suit the transform."""

LEFT_PX, TOP_PX = -STEP_PX * COLUMNS / 2, 20.0 - STEP_PX * ROWS / 2
"""Finger frame coordinates of the first sample."""

CREASES = 5.0
"""Mean number of creases over the whole finger; a plain print shows about half."""

_ORIENTATIONS = 12
_PERIODS = np.array([0.86, 1.0, 1.16])
_RADIAL_SPREAD = 0.22


@dataclass(frozen=True, slots=True)
class Master:
    """All ridges of a finger.

    Attributes:
        ridges: float32 (ROWS, COLUMNS), about -1 in the middle of a valley and 1 on the crest
            of a ridge; sample (i, j) lies at (LEFT_PX + STEP_PX j, TOP_PX + STEP_PX i) in the
            finger frame.
        texture: float32, same shape: roughness of the skin (standard normal, pores and edges)
            with creases, where it is far below zero.
        flow: that they follow.
    """

    ridges: NDArray[np.float32]
    texture: NDArray[np.float32]
    flow: Flow


@dataclass(frozen=True, slots=True)
class Growth:
    """How ridges are grown.

    Attributes:
        first_spread: angular standard deviation of the first pass's filters, radians; the
            smaller, the longer the ridges and the fewer the minutiae.
        spread: the same of the later passes.
        passes: number of later passes.
        gain: steepness of the clipping between passes, relative to the response's deviation.
    """

    first_spread: float = 0.13
    spread: float = 0.24
    passes: int = 3
    gain: float = 1.6


def master(person: Person, finger: FingerPosition, growth: Growth | None = None) -> Master:
    """Grows the ridges of one finger, 1-10, of a person."""
    flow = finger_flow(person, finger, traits(person))
    rng = stream(Stream.RIDGES, person.seed, person.index, int(finger))
    ridges = grow(flow, rng, growth or Growth())
    return Master(ridges, _texture(rng), flow)


def grow(flow: Flow, rng: np.random.Generator, growth: Growth) -> NDArray[np.float32]:
    """Grows ridges along `flow` from white noise."""
    y, x = np.meshgrid(
        TOP_PX + STEP_PX * np.arange(ROWS), LEFT_PX + STEP_PX * np.arange(COLUMNS), indexing="ij"
    )
    weights = _weights(flow.orientation(x, y), flow.period(x, y) / flow.period_px)
    image = rng.standard_normal((ROWS, COLUMNS), np.float32)
    spreads = [growth.first_spread] + [growth.spread] * growth.passes
    for spread in spreads:
        image = _filter(image, weights, flow.period_px / STEP_PX, spread)
        image = np.tanh(growth.gain / image.std() * image)
    return _cosine(image)


def _cosine(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The wave of `image` without its amplitude, by the monogenic signal (Felsberg, 2001).

    Amplitude falls to nothing where a ridge ends or forks, so that a little more or less
    pressure would turn one into the other, which real minutiae seldom do.
    """
    _, angle = _polar()
    spectrum = fft.rfft2(image)
    along_x = fft.irfft2(-1j * np.cos(angle) * spectrum, s=image.shape)
    along_y = fft.irfft2(-1j * np.sin(angle) * spectrum, s=image.shape)
    amplitude = np.sqrt(image**2 + along_x**2 + along_y**2)
    wave: NDArray[np.float32] = (image / np.maximum(amplitude, 1e-6)).astype(np.float32)
    return wave


def _texture(rng: np.random.Generator) -> NDArray[np.float32]:
    rough = rng.standard_normal((ROWS, COLUMNS), np.float32)
    row, column = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    for _ in range(rng.poisson(CREASES)):
        # Most creases run across the finger; the longest are the most even.
        along = math.radians(rng.normal(0.0, 25.0))
        x, y = column - rng.uniform(0, COLUMNS), row - rng.uniform(0.2, 1.0) * ROWS
        down = math.cos(along) * x + math.sin(along) * y
        off = math.cos(along) * y - math.sin(along) * x + rng.normal(0, 8e-4) * down**2
        length = rng.uniform(20.0, 70.0)
        depth = rng.uniform(3.0, 9.0) * np.exp(-((down / length) ** 4))
        rough -= depth * np.exp(-0.5 * (off / rng.uniform(0.5, 1.1)) ** 2)
    texture: NDArray[np.float32] = rough.astype(np.float32)
    return texture


def _weights(orientation: NDArray[np.float64], period: NDArray[np.float64]) -> NDArray[np.float32]:
    """Share of each filter at each sample: (orientations, periods, rows, columns)."""
    turn = (orientation / np.pi * _ORIENTATIONS) % _ORIENTATIONS
    numbers = np.arange(_ORIENTATIONS)[:, None, None]
    apart = np.abs(turn - numbers)
    by_angle = np.maximum(0.0, 1.0 - np.minimum(apart, _ORIENTATIONS - apart))
    level = np.interp(period, _PERIODS, np.arange(len(_PERIODS)))
    by_period = np.maximum(0.0, 1.0 - np.abs(level - np.arange(len(_PERIODS))[:, None, None]))
    share: NDArray[np.float32] = (by_angle[:, None] * by_period).astype(np.float32)
    return share


def _filter(
    image: NDArray[np.float32], weights: NDArray[np.float32], period: float, spread: float
) -> NDArray[np.float32]:
    spectrum = fft.rfft2(image)
    result = np.zeros_like(image)
    for number, radial in enumerate(_radial(period)):
        banded = spectrum * radial
        for angular, share in zip(_angular(spread), weights[:, number], strict=True):
            result += share * fft.irfft2(banded * angular, s=image.shape)
    return result


def _radial(period: float) -> NDArray[np.float32]:
    """Log-Gabor radial parts, (periods, rows, columns / 2 + 1), of periods in samples."""
    radius, _ = _polar()
    octaves = np.log(radius * period * _PERIODS[:, None, None])
    part: NDArray[np.float32] = np.exp(-0.5 * (octaves / _RADIAL_SPREAD) ** 2).astype(np.float32)
    return part


@lru_cache(maxsize=4)
def _angular(spread: float) -> NDArray[np.float32]:
    """Angular parts, (orientations, rows, columns / 2 + 1), of angular deviation `spread`."""
    _, angle = _polar()
    # Ridges along t vary across: their wave vector is at t + 90 degrees.
    centre = math.pi * (np.arange(_ORIENTATIONS)[:, None, None] / _ORIENTATIONS + 0.5)
    off = (angle - centre + 0.5 * np.pi) % np.pi - 0.5 * np.pi
    part: NDArray[np.float32] = np.exp(-0.5 * (off / spread) ** 2).astype(np.float32)
    return part


@lru_cache(maxsize=1)
def _polar() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequency (cycles a sample) and its direction (counter-clockwise, y down)."""
    fy = fft.fftfreq(ROWS)[:, None]
    fx = fft.rfftfreq(COLUMNS)[None, :]
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1e-9
    return radius, np.arctan2(-fy, fx)
