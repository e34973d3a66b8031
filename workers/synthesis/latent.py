"""Latent fingers: all minutiae of a finger, laid out along its flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from workers.biometrics.model import FingerPosition
from workers.synthesis.contact import MIDDLE_Y_PX
from workers.synthesis.flow import Flow, finger_flow
from workers.synthesis.population import Person, Stream, Traits, stream


@dataclass(frozen=True, slots=True)
class LatentModel:
    """Constants of latent fingers; lengths in pixels at 500 ppi.

    Attributes:
        density: minutiae per square pixel away from singular points.
        core_gain: extra density at a loop or delta, relative.
        core_reach_px: standard deviation of that extra density.
        half_width_px: half the width of the skin that a rolled print can show.
        half_height_px: half its height.
        inhibition_px: distance below which two minutiae exclude each other with probability
            one half; minutiae are rarely closer than a ridge period.
        inhibition_slope_px: how sharply that sets in.
        ending_share: share of minutiae that are ridge endings.
        opposed: share of nearest pairs that point against each other whatever the flow.
        opposed_within_px: how far apart such a pair may be.
    """

    density: float = 5.6e-4
    core_gain: float = 0.5
    core_reach_px: float = 55.0
    half_width_px: float = 245.0
    half_height_px: float = 312.0
    inhibition_px: float = 12.5
    inhibition_slope_px: float = 1.2
    ending_share: float = 0.66
    opposed: float = 0.42
    opposed_within_px: float = 22.0


MODEL = LatentModel()


@dataclass(frozen=True, slots=True)
class LatentFinger:
    """All minutiae of a finger, n of them, in the finger frame of `workers.synthesis.flow`.

    Attributes:
        person: whose finger it is.
        finger: 1-10.
        skill: of the person's skin, see `Traits`.
        x: float64 (n,), pixels.
        y: float64 (n,), pixels, down.
        angle: float64 (n,), radians counter-clockwise.
        ending: bool (n,).
        dullness: float64 (n,), standard normal; the higher, the less clear a minutia is.
        flow: that they lie on.
    """

    person: Person
    finger: FingerPosition
    skill: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    angle: NDArray[np.float64]
    ending: NDArray[np.bool_]
    dullness: NDArray[np.float64]
    flow: Flow


def latent_finger(person: Person, finger: FingerPosition, shared: Traits) -> LatentFinger:
    """Draws all minutiae of one finger of `person`, whose traits are `shared`."""
    flow = finger_flow(person, finger, shared)
    rng = stream(Stream.MINUTIAE, person.seed, person.index, int(finger))
    x, y = _scatter(flow, rng)
    angle, spread = _line_spread(flow, x, y)
    # Where lines spread apart in the direction t, new ridges must start along t to keep their
    # distance: the net density of starts is div t / period. The rest starts either way.
    net = spread / flow.period(x, y) / MODEL.density
    forward = rng.random(len(x)) < 0.5 * (1.0 + np.clip(net, -1.0, 1.0))
    forward = _oppose(x, y, forward, rng)
    return LatentFinger(
        person=person,
        finger=finger,
        skill=shared.skill,
        x=x,
        y=y,
        angle=angle + np.where(forward, 0.0, np.pi),
        ending=rng.random(len(x)) < MODEL.ending_share,
        dullness=rng.standard_normal(len(x)),
        flow=flow,
    )


def _oppose(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    forward: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Turns one of some close pairs against the other, as the two ends of a short ridge are."""
    distance, near = cKDTree(np.column_stack([x, y])).query(
        np.column_stack([x, y]), k=[2], distance_upper_bound=MODEL.opposed_within_px
    )
    index = np.arange(len(x))
    partner = np.where(np.isfinite(distance[:, 0]), near[:, 0], index)
    later = (partner < index) & (partner[partner] == index)
    later &= rng.random(len(x)) < MODEL.opposed
    return np.where(later, ~forward[partner], forward)


def _scatter(
    flow: Flow, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of the latent density that keep their distance (a soft Matern process)."""
    width, height = MODEL.half_width_px * flow.size, MODEL.half_height_px * flow.size
    # Thinning takes about a third, the peak density at singular points must be offered.
    offered = MODEL.density * 1.55 * (1.0 + MODEL.core_gain)
    count = rng.poisson(offered * 4.0 * width * height)
    x = rng.uniform(-width, width, count)
    y = rng.uniform(-height, height, count) + MIDDLE_Y_PX
    gain = np.zeros(count)
    for point in np.concatenate([flow.loops, flow.deltas]):
        square = (x - point.real) ** 2 + (y - point.imag) ** 2
        gain = np.maximum(gain, np.exp(-0.5 * square / MODEL.core_reach_px**2))
    keep = rng.random(count) * (1.0 + MODEL.core_gain) < 1.0 + MODEL.core_gain * gain
    keep &= (x / width) ** 2 + ((y - MIDDLE_Y_PX) / height) ** 2 < 1.0
    x, y = x[keep], y[keep]
    near = MODEL.inhibition_px + 6.0 * MODEL.inhibition_slope_px
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(near, output_type="ndarray")
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    distance = np.hypot(x[pairs[:, 0]] - x[pairs[:, 1]], y[pairs[:, 0]] - y[pairs[:, 1]])
    excludes = 1.0 / (1.0 + np.exp((distance - MODEL.inhibition_px) / MODEL.inhibition_slope_px))
    # Each pair that is too close loses its later member.
    lost = np.zeros(len(x), np.bool_)
    lost[pairs[rng.random(len(pairs)) < excludes, 1]] = True
    return x[~lost], y[~lost]


def _line_spread(
    flow: Flow, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orientation t at points, and the divergence of its unit vector, per pixel."""
    step = 2.0
    at = flow.orientation(
        np.concatenate([x, x + step, x - step, x, x]),
        np.concatenate([y, y, y, y + step, y - step]),
    ).reshape(5, -1)
    # The orientation is defined modulo pi: differences are taken there.
    dx = _half_turn(at[1] - at[2]) / (2 * step)
    dy = _half_turn(at[3] - at[4]) / (2 * step)
    # Unit vector (cos t, -sin t) with y down.
    return at[0], -np.sin(at[0]) * dx - np.cos(at[0]) * dy


def _half_turn(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return (angle + 0.5 * np.pi) % np.pi - 0.5 * np.pi
