"""Generated minutiae templates: a latent finger, and impressions drawn from it.

The fast sibling of the image generator, for populations and load tests. A finger's latent
minutiae cover what a rolled print can show; an impression shows part of them, moved, bent,
jittered, some missed, some made up. Constants come from `benchmarks/calibrate_synthesis.py`,
which measures the image generator's prints through the extractor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from workers.biometrics.model import (
    FINGERS,
    FingerPosition,
    FingerSample,
    Impression,
    Minutiae,
    MinutiaKind,
    TenPrint,
)
from workers.synthesis.contact import CONTACT, MIDDLE_Y_PX, ContactModel, Region, draw_region
from workers.synthesis.distortion import draw_warp
from workers.synthesis.flow import Flow, finger_flow
from workers.synthesis.population import Person, Stream, Traits, stream, traits


@dataclass(frozen=True, slots=True)
class TemplateModel:
    """Constants of the statistical generator; lengths in pixels at 500 ppi.

    Attributes:
        density: latent minutiae per square pixel away from singular points.
        core_gain: extra density at a loop or delta, relative.
        core_reach_px: standard deviation of that extra density.
        half_width_px: half the width of the skin that a rolled print can show.
        half_height_px: half its height.
        inhibition_px: distance below which two minutiae exclude each other with probability
            one half; minutiae are rarely closer than a ridge period.
        inhibition_slope_px: how sharply that sets in.
        ending_share: share of latent minutiae that are ridge endings.
        missed: mean probability that an impression misses a latent minutia inside its region.
        missed_concentration: of the beta distribution of that probability over minutiae; small
            means that some minutiae are missed often and most never.
        spurious: made-up minutiae, relative to the true ones shown.
        position_jitter_px: standard deviation of each coordinate.
        angle_jitter: standard deviation, radians.
        angle_flip: probability that the direction comes out reversed.
        kind_flip: probability that an ending is taken for a bifurcation or the reverse.
    """

    density: float = 6.5e-4
    core_gain: float = 0.4
    core_reach_px: float = 55.0
    half_width_px: float = 220.0
    half_height_px: float = 290.0
    inhibition_px: float = 14.0
    inhibition_slope_px: float = 2.5
    ending_share: float = 0.68
    missed: float = 0.13
    missed_concentration: float = 1.5
    spurious: float = 0.10
    position_jitter_px: float = 1.3
    angle_jitter: float = math.radians(5.0)
    angle_flip: float = 0.01
    kind_flip: float = 0.12


MODEL = TemplateModel()


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
        missed: float64 (n,), probability of not being found where the print shows its place.
        flow: that they lie on.
    """

    person: Person
    finger: FingerPosition
    skill: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    angle: NDArray[np.float64]
    ending: NDArray[np.bool_]
    missed: NDArray[np.float64]
    flow: Flow


def generate_population(
    seed: int,
    subjects: int,
    *,
    session: int = 0,
    fingers: Sequence[FingerPosition] = FINGERS,
    impression: Impression = Impression.PLAIN,
    start: int = 0,
) -> Iterator[TenPrint]:
    """The encounters of persons `start` to `start + subjects - 1`, one session each."""
    for index in range(start, start + subjects):
        yield TenPrint(
            generate_subject(seed, index, session, fingers=fingers, impression=impression)
        )


def generate_subject(
    seed: int,
    index: int,
    session: int = 0,
    *,
    fingers: Sequence[FingerPosition] = FINGERS,
    impression: Impression = Impression.PLAIN,
) -> tuple[FingerSample, ...]:
    """One session of impressions of one person's fingers, as the extractor would give them.

    The same (seed, index) is the same person whatever the session, fingers and impression.
    """
    person = Person(seed, index)
    shared = traits(person)
    return tuple(
        FingerSample(
            position=finger,
            impression=impression,
            minutiae=draw_impression(latent_finger(person, finger, shared), impression, session),
            nfiq2=None,
            source=f"generated {seed}/{index}/{int(finger)}/{session}/{impression}",
        )
        for finger in fingers
    )


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
    alpha = MODEL.missed * MODEL.missed_concentration
    return LatentFinger(
        person=person,
        finger=finger,
        skill=shared.skill,
        x=x,
        y=y,
        angle=angle + np.where(forward, 0.0, np.pi),
        ending=rng.random(len(x)) < MODEL.ending_share,
        missed=rng.beta(alpha, MODEL.missed_concentration - alpha, len(x)),
        flow=flow,
    )


def draw_impression(latent: LatentFinger, impression: Impression, session: int) -> Minutiae:
    """Draws one impression of `latent`; its errors depend on (session, impression) alone."""
    contact = CONTACT[impression]
    take = 2 * session + (impression is Impression.ROLLED)
    rng = stream(
        Stream.TEMPLATE_IMPRESSION,
        latent.person.seed,
        latent.person.index,
        int(latent.finger),
        take,
    )
    # Some skins, and some touches, lose several times as many minutiae as others.
    trouble = math.exp(0.35 * (rng.standard_normal() - latent.skill))
    region = draw_region(contact, latent.flow.size, rng)
    shown = region.radius(latent.x, latent.y) < 1.0
    found = shown & (rng.random(len(shown)) >= np.minimum(latent.missed * trouble, 0.95))
    made_up = _spurious(
        latent.flow, region, rng.poisson(MODEL.spurious * trouble * found.sum()), rng
    )

    x = np.concatenate([latent.x[found], made_up[0]])
    y = np.concatenate([latent.y[found], made_up[1]])
    angle = np.concatenate([latent.angle[found], made_up[2]])
    ending = np.concatenate([latent.ending[found], rng.random(len(made_up[0])) < 0.5])
    clear = np.concatenate([1.0 - latent.missed[found], rng.uniform(0.0, 0.8, len(made_up[0]))])

    ending = ending ^ (rng.random(len(x)) < MODEL.kind_flip)
    angle = angle + MODEL.angle_jitter * _heavy_tailed(rng, len(x))
    angle = angle + np.pi * (rng.random(len(x)) < MODEL.angle_flip)
    warp = draw_warp(rng, contact.rotation, contact.bend_px)
    x, y, angle = warp.place(x - region.centre[0], y - region.centre[1], angle)
    x = x + MODEL.position_jitter_px * _heavy_tailed(rng, len(x))
    y = y + MODEL.position_jitter_px * _heavy_tailed(rng, len(x))
    return _in_image(_Found(x, y, angle, ending, clear), contact, rng)


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


def _spurious(
    flow: Flow, region: Region, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Made-up minutiae inside a region; they lie along the flow, as breaks in ridges do."""
    tries = 3 * count + 8
    x = region.centre[0] + region.axes[0] * rng.uniform(-1.1, 1.1, tries)
    y = region.centre[1] + region.axes[1] * rng.uniform(-1.1, 1.1, tries)
    keep = np.flatnonzero(region.radius(x, y) < 1.0)[:count]
    x, y = x[keep], y[keep]
    turn = np.pi * rng.integers(0, 2, len(x)) + 0.2 * rng.standard_normal(len(x))
    return x, y, flow.orientation(x, y) + turn


def _heavy_tailed(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Unit-variance noise of Student's t with 5 degrees of freedom: most small, a few large."""
    return rng.standard_t(5, count) * math.sqrt(3.0 / 5.0)


@dataclass(frozen=True, slots=True)
class _Found:
    """Minutiae of an impression before they are placed in its image; arrays of length n."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    angle: NDArray[np.float64]
    ending: NDArray[np.bool_]
    clear: NDArray[np.float64]


def _in_image(found: _Found, contact: ContactModel, rng: np.random.Generator) -> Minutiae:
    """Centres an impression in its image, with a little play, and drops what falls outside."""
    play = rng.normal(0.0, contact.play_px, 2)
    x = found.x + 0.5 * contact.width + play[0]
    y = found.y + 0.5 * contact.height + play[1]
    keep = (x >= 0) & (x <= contact.width - 1) & (y >= 0) & (y <= contact.height - 1)
    # The extractor gives the most of its minutiae 83 to 96; unclear ones trail off below.
    quality = np.clip(
        96.0 - 55.0 * (1.0 - found.clear) ** 1.5 - rng.exponential(6.0, len(x)), 30, 97
    )
    kind = np.where(found.ending, MinutiaKind.ENDING, MinutiaKind.BIFURCATION)
    return Minutiae(
        x=x[keep].astype(np.float32),
        y=y[keep].astype(np.float32),
        angle=_turn(found.angle[keep]),
        kind=kind[keep].astype(np.uint8),
        quality=np.round(quality[keep]).astype(np.uint8),
        width=contact.width,
        height=contact.height,
    )


def _turn(angle: NDArray[np.float64]) -> NDArray[np.float32]:
    """Angles in [0, 2 pi), also after rounding to float32."""
    turned = (angle % (2.0 * np.pi)).astype(np.float32)
    return np.where(turned >= np.float32(2.0 * np.pi), np.float32(0.0), turned)
