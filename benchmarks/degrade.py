"""Prints made worse: turned, cut down, thinned out, quantised. Pure functions of minutiae."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from workers.biometrics.model import FingerImage, Minutiae
from workers.matching.template import best_by_quality

ISO_ANGLES = 256
"""Of ISO/IEC 19794-2:2005, 7.4.2.4: steps of 1.40625 degrees."""


def turn(m: Minutiae, degrees: float) -> Minutiae:
    """Turned counter-clockwise on the image about its centre, in a square that holds it all."""
    side = math.ceil(math.hypot(m.width, m.height))
    angle = math.radians(degrees)
    dx = m.x - (m.width - 1) / 2
    dy = m.y - (m.height - 1) / 2
    middle = (side - 1) / 2
    return Minutiae(
        (middle + math.cos(angle) * dx + math.sin(angle) * dy).astype(np.float32),
        (middle - math.sin(angle) * dx + math.cos(angle) * dy).astype(np.float32),
        np.mod(m.angle + angle, 2 * np.pi).astype(np.float32),
        m.kind,
        m.quality,
        side,
        side,
    )


def turn_image(image: FingerImage, degrees: float) -> FingerImage:
    """The image turned counter-clockwise, bicubic, enlarged to hold it all; what comes in has the
    median grey of the border."""
    grey = image.pixels
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    turned = Image.fromarray(grey).rotate(
        degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=int(np.median(border))
    )
    return FingerImage(np.asarray(turned), image.resolution_ppi)


def part(m: Minutiae, share: float, rng: np.random.Generator) -> Minutiae:
    """The minutiae in a circle about one of them, drawn, which holds that share of all."""
    if not len(m):
        return m
    centre = int(rng.integers(len(m)))
    distance = np.hypot(m.x - m.x[centre], m.y - m.y[centre])
    nearest = np.argsort(distance, kind="stable")[: math.ceil(share * len(m))]
    return m.take(np.sort(nearest))


def best(m: Minutiae, most: int) -> Minutiae:
    """At most so many, by quality."""
    return m.take(best_by_quality(m.quality, most))


def quantise(m: Minutiae) -> Minutiae:
    """As ISO/IEC 19794-2:2005 keeps minutiae: whole pixels and 256 angles."""
    step = 2 * np.pi / ISO_ANGLES
    return Minutiae(
        np.rint(m.x),
        np.rint(m.y),
        (np.mod(np.rint(m.angle / step), ISO_ANGLES) * step).astype(np.float32),
        m.kind,
        m.quality,
        m.width,
        m.height,
    )
