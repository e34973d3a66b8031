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

from workers.biometrics.model import (
    FINGERS,
    FingerPosition,
    FingerSample,
    Impression,
    Minutiae,
    MinutiaKind,
    TenPrint,
)
from workers.synthesis.contact import CONTACT, ContactModel, Region, draw_region
from workers.synthesis.distortion import draw_warp
from workers.synthesis.flow import Flow
from workers.synthesis.latent import LatentFinger, latent_finger
from workers.synthesis.population import Person, Stream, stream, traits


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """What extraction from an impression does to latent minutiae; lengths in pixels, 500 ppi.

    How unclear a minutia comes out is its deficit: 100 less its quality. It is lognormal, in
    part the minutia's own and in part the impression's.

    Attributes:
        edge: share of the contact region's radius within which minutiae are found.
        deficit: median.
        deficit_spread: standard deviation of its logarithm.
        deficit_own: share of that variance that is the minutia's own on every impression.
        deficit_limit: a minutia with more is not found: the extractor's threshold.
        missed: probability that a minutia is not found for other reasons, per unit of deficit.
        trouble: standard deviation of the logarithm by which a print's deficits differ.
        spurious: made-up minutiae, relative to the true ones shown.
        spurious_deficit: median deficit of those.
        position_jitter_px: standard deviation of each coordinate.
        angle_jitter: standard deviation, radians.
        reversed: probability that the direction comes out reversed.
        kind_flip: probability that an ending is taken for a bifurcation or the reverse.
    """

    edge: float = 0.93
    deficit: float = 4.5
    deficit_spread: float = 1.35
    deficit_own: float = 0.7
    deficit_limit: float = 68.0
    missed: float = 0.004
    trouble: float = 0.35
    spurious: float = 0.025
    spurious_deficit: float = 30.0
    position_jitter_px: float = 1.0
    angle_jitter: float = math.radians(2.2)
    reversed: float = 0.001
    kind_flip: float = 0.055


ERRORS = ErrorModel()


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
    # Some skins, and some touches, print less clearly than others.
    trouble = ERRORS.trouble * (rng.standard_normal() - latent.skill)
    region = draw_region(contact, latent.flow.size, rng)
    shown = np.flatnonzero(region.radius(latent.x, latent.y) < ERRORS.edge)
    deficit = _deficit(latent.dullness[shown], trouble, rng)
    clear = deficit < ERRORS.deficit_limit
    clear &= rng.random(len(shown)) >= ERRORS.missed * deficit
    found = shown[clear]
    true = _Found(
        latent.x[found],
        latent.y[found],
        latent.angle[found],
        latent.ending[found],
        deficit[clear],
    )
    count = rng.poisson(ERRORS.spurious * math.exp(trouble) * len(found))
    made_up = _spurious(latent.flow, region, true, count, rng)
    return _in_image(_disturb(true, made_up, region, contact, rng), contact, rng)


@dataclass(frozen=True, slots=True)
class _Found:
    """Minutiae of an impression before they are placed in its image; arrays of length n."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    angle: NDArray[np.float64]
    ending: NDArray[np.bool_]
    deficit: NDArray[np.float64]


def _deficit(
    dullness: NDArray[np.float64], trouble: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    own = math.sqrt(ERRORS.deficit_own) * dullness
    level = own + math.sqrt(1.0 - ERRORS.deficit_own) * rng.standard_normal(len(dullness))
    return np.asarray(ERRORS.deficit * np.exp(trouble + ERRORS.deficit_spread * level))


def _disturb(
    true: _Found,
    made_up: _Found,
    region: Region,
    contact: ContactModel,
    rng: np.random.Generator,
) -> _Found:
    """Joins true and made-up minutiae, bends the skin and jitters what the extractor reads."""
    x, y, angle, ending, deficit = (
        np.concatenate([getattr(true, name), getattr(made_up, name)])
        for name in ("x", "y", "angle", "ending", "deficit")
    )
    ending = ending ^ (rng.random(len(x)) < ERRORS.kind_flip)
    angle = angle + ERRORS.angle_jitter * _heavy_tailed(rng, len(x))
    angle = angle + np.pi * (rng.random(len(x)) < ERRORS.reversed)
    warp = draw_warp(rng, contact.rotation, contact.bend_px, contact.half_height_px)
    x, y, angle = warp.place(x - region.centre[0], y - region.centre[1], angle)
    x = x + ERRORS.position_jitter_px * _heavy_tailed(rng, len(x))
    y = y + ERRORS.position_jitter_px * _heavy_tailed(rng, len(x))
    return _Found(x, y, angle, ending, deficit)


def _spurious(
    flow: Flow, region: Region, true: _Found, count: int, rng: np.random.Generator
) -> _Found:
    """Made-up minutiae inside a region; they lie along the flow, as breaks in ridges do."""
    tries = 3 * count + 8
    x = region.centre[0] + region.axes[0] * rng.uniform(-1.1, 1.1, tries)
    y = region.centre[1] + region.axes[1] * rng.uniform(-1.1, 1.1, tries)
    near = np.hypot(x[:, None] - true.x, y[:, None] - true.y).min(axis=1, initial=np.inf)
    keep = np.flatnonzero((region.radius(x, y) < ERRORS.edge) & (near > _CLEARANCE_PX))[:count]
    x, y = x[keep], y[keep]
    turn = np.pi * rng.integers(0, 2, len(x)) + 0.1 * rng.standard_normal(len(x))
    level = 0.6 * rng.standard_normal(len(x))
    return _Found(
        x,
        y,
        flow.orientation(x, y) + turn,
        rng.random(len(x)) < 0.5,
        np.minimum(ERRORS.spurious_deficit * np.exp(level), ERRORS.deficit_limit),
    )


_CLEARANCE_PX = 10.0
"""The extractor gives no two minutiae closer than about a ridge period."""


def _heavy_tailed(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Unit-variance noise of Student's t with 4 degrees of freedom: most small, a few large."""
    return rng.standard_t(4, count) * math.sqrt(0.5)


def _in_image(found: _Found, contact: ContactModel, rng: np.random.Generator) -> Minutiae:
    """Centres an impression in its image, with a little play, and drops what falls outside."""
    play = rng.normal(0.0, contact.play_px, 2)
    x = found.x + 0.5 * contact.width + play[0]
    y = found.y + 0.5 * contact.height + play[1]
    keep = (x >= 0) & (x <= contact.width - 1) & (y >= 0) & (y <= contact.height - 1)
    # The best that the extractor gives is 97.
    quality = np.clip(100.0 - np.maximum(found.deficit, 3.0), 1.0, 97.0)
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
