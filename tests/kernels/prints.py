"""Drawn prints: any descriptors of full length, any angles, any places; and the same again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from workers.biometrics.model import FingerPosition, Impression
from workers.matching.parameters import PARAMETERS, descriptor_hash
from workers.matching.probe import Probe, prepare_probe
from workers.matching.template import EncounterTemplate, FingerTemplate


def drawn_encounter(
    seed: int,
    fingers: Mapping[int, int],
    *,
    impressions: Sequence[Impression] = (Impression.PLAIN,),
    repeat: bool = False,
) -> EncounterTemplate:
    """An encounter with so many minutiae on each finger.

    Args:
        repeat: all minutiae of a finger are the same one.
    """
    rng = np.random.default_rng(seed)
    prints = [
        drawn_finger(rng, position, impression, n, repeat=repeat)
        for position, n in sorted(fingers.items())
        for impression in impressions
    ]
    return EncounterTemplate(tuple(prints), descriptor_hash())


def drawn_probe(
    seed: int,
    fingers: Mapping[int, int],
    *,
    impressions: Sequence[Impression] = (Impression.PLAIN,),
    repeat: bool = False,
) -> Probe:
    """A probe; arguments as `drawn_encounter`."""
    return prepare_probe(drawn_encounter(seed, fingers, impressions=impressions, repeat=repeat))


def drawn_finger(
    rng: np.random.Generator, position: int, impression: Impression, n: int, *, repeat: bool
) -> FingerTemplate:
    """One print. Descriptors gather about few directions, so that many are alike."""
    d = PARAMETERS.descriptor.dimensions
    centres = np.random.default_rng(1).normal(size=(5, d))
    vectors = centres[rng.integers(0, 5, n)] + 0.4 * rng.normal(size=(n, d))
    vectors *= PARAMETERS.descriptor.scale / np.linalg.norm(vectors, axis=1, keepdims=True)
    angle = rng.integers(0, 65536, n)
    if repeat:
        vectors, angle = vectors[:1].repeat(n, axis=0), angle[:1].repeat(n)
    return FingerTemplate(
        position=FingerPosition(position),
        impression=impression,
        x=rng.integers(0, 500, n).astype(np.int16),
        y=rng.integers(0, 500, n).astype(np.int16),
        angle=angle.astype(np.uint16),
        kind=np.ones(n, np.uint8),
        quality=np.full(n, 50, np.uint8),
        descriptors=np.rint(vectors).astype(np.int8),
        sketch=rng.integers(-40, 41, PARAMETERS.sketch.dimensions).astype(np.int8),
    )


def drawn_again(template: EncounterTemplate, seed: int, unlike: float) -> EncounterTemplate:
    """The same fingers in another order of minutiae, each a little elsewhere.

    Args:
        unlike: 0 for the same to the bit, but for the order; at 1 the two hardly match.
    """
    rng = np.random.default_rng(seed)
    return replace(template, fingers=tuple(_again(rng, f, unlike) for f in template.fingers))


def _again(rng: np.random.Generator, finger: FingerTemplate, unlike: float) -> FingerTemplate:
    n, d = finger.descriptors.shape
    order = rng.permutation(n)
    vectors = finger.descriptors[order] + unlike * 10.0 * rng.normal(size=(n, d))
    vectors *= PARAMETERS.descriptor.scale / np.linalg.norm(vectors, axis=1, keepdims=True)
    turned = np.rint(unlike * 3000.0 * rng.normal(size=n)).astype(np.int64)
    return replace(
        finger,
        x=(finger.x[order] + np.rint(unlike * 8.0 * rng.normal(size=n))).astype(np.int16),
        y=(finger.y[order] + np.rint(unlike * 8.0 * rng.normal(size=n))).astype(np.int16),
        angle=((finger.angle[order] + turned) % 65536).astype(np.uint16),
        descriptors=np.rint(vectors).astype(np.int8),
        sketch=(
            finger.sketch + np.rint(unlike * 20.0 * rng.normal(size=len(finger.sketch)))
        ).astype(np.int8),
    )
