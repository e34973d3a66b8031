"""Slaps cut into fingers: by the segments the transaction states, else by our own search.

The search works on a mask of skin at 125 ppi: it turns the slap until the pieces stand upright,
takes the pieces with nothing above them for fingertips, and keeps the distal phalanx of each.
It knows how many fingers to expect (amputated ones are stated) and refuses a slap that shows
fewer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from workers.biometrics.images import resample
from workers.biometrics.model import (
    RESOLUTION_PPI,
    SLAP_FINGERS,
    FingerImage,
    FingerPosition,
    Segment,
)
from workers.errors import ErrorCode, RidgelineError

REDUCTION: Final = 4
"""The mask is made at 500 / 4 ppi, where a ridge is two pixels."""

MAX_SKEW_DEG: Final = 36
"""Slaps lean up to about 30 degrees."""

MIN_FINGER_WIDTH: Final = 40
"""Narrowest finger, mask pixels (0.32 inch; a child's little finger)."""

MIN_FINGER_AREA: Final = 2_600
"""Least ridged area of a finger, mask pixels (0.17 square inches)."""

PHALANX_RATIO: Final = 1.5
"""Height kept of a finger, in its widths: the distal phalanx, without the next one."""

MARGIN: Final = 3
"""Kept around a finger's ridges, mask pixels."""

RIDGE_DEVIATION: Final = 14.0
"""Grey deviation within a 9-pixel window of the 250 ppi image from which a pixel is ridged."""


MIN_THICKNESS: Final = 22
"""Thinnest piece of skin, mask pixels (0.18 inch); print and handwriting are thinner."""

MAX_FINGER_WIDTH: Final = 105
"""Widest finger, mask pixels (0.84 inch); a piece of twice that shows two."""

_Box = tuple[int, int, int, int]
"""Top, bottom, left, right; the second and last are exclusive."""


@dataclass(frozen=True, slots=True)
class _Tip:
    """Where a fingertip may be, mask pixels, and the area of its piece."""

    top: int
    bottom: int
    left: int
    right: int
    area: int


@dataclass(frozen=True, slots=True)
class SlapFinger:
    """One finger cut from a slap: its position and upright image at 500 ppi."""

    position: FingerPosition
    image: FingerImage


def segment(
    image: FingerImage,
    position: FingerPosition,
    missing: Collection[FingerPosition] = (),
    stated: Sequence[Segment] = (),
) -> list[SlapFinger]:
    """The fingers of a slap, in finger position order.

    Args:
        position: 13, 14 or 15.
        missing: fingers known to have no print; they are not looked for.
        stated: segments of the transaction (14.021), in pixels of `image`; they are believed.

    Raises:
        RidgelineError: MALFORMED_IMAGE when the slap does not show the expected fingers.
    """
    if stated:
        return [_stated(image, one) for one in stated if one.finger not in missing]
    expected = [f for f in _left_to_right(position) if f not in missing]
    if not expected:
        return []
    pixels = resample(image).pixels
    boxes, upright = _find(pixels, len(expected))
    fingers = [
        SlapFinger(finger, FingerImage(upright[top:bottom, left:right], RESOLUTION_PPI))
        for finger, (top, bottom, left, right) in zip(expected, boxes, strict=True)
    ]
    return sorted(fingers, key=lambda f: f.position)


def _left_to_right(position: FingerPosition) -> tuple[FingerPosition, ...]:
    """Fingers in the order in which the image shows them."""
    fingers = SLAP_FINGERS[position]
    # The right hand shows its index first; the left hand its little finger, the thumbs the left.
    return fingers if position is FingerPosition.PLAIN_RIGHT_FOUR else fingers[::-1]


def _stated(image: FingerImage, segment_: Segment) -> SlapFinger:
    rows = slice(max(segment_.top, 0), segment_.bottom + 1)
    columns = slice(max(segment_.left, 0), segment_.right + 1)
    pixels = image.pixels[rows, columns]
    if min(pixels.shape) < MIN_FINGER_WIDTH:
        raise _unlike(f"the segment stated for finger {int(segment_.finger)} is too small")
    return SlapFinger(segment_.finger, FingerImage(pixels, image.resolution_ppi))


def _find(pixels: NDArray[np.uint8], count: int) -> tuple[list[_Box], NDArray[np.uint8]]:
    """Boxes of `count` fingertips, left to right, in the upright slap."""
    mask = _ridged(pixels)
    skew = _skew(mask)
    turned = ndimage.rotate(mask.astype(np.uint8), skew, order=0) > 0
    tips = _tips(turned, count)
    if len(tips) < count:
        raise _unlike(f"expected {count} fingers, found {len(tips)}")
    # What is left over beside the fingers (a neighbouring block of the card, handwriting) is
    # smaller than a fingertip, or cut by the edge.
    chosen = sorted(sorted(tips, key=lambda tip: -tip.area)[:count], key=lambda tip: tip.left)
    white = int(np.percentile(pixels, 95))
    upright = Image.fromarray(pixels).rotate(
        skew, Image.Resampling.BICUBIC, expand=True, fillcolor=white
    )
    full = np.asarray(upright, np.uint8)
    return [_scale(tip, full.shape) for tip in chosen], full


def _scale(tip: _Tip, shape: tuple[int, ...]) -> _Box:
    """The tip's box with its margin, pixels of the full image."""
    return (
        max((tip.top - MARGIN) * REDUCTION, 0),
        min((tip.bottom + MARGIN) * REDUCTION, shape[0]),
        max((tip.left - MARGIN) * REDUCTION, 0),
        min((tip.right + MARGIN) * REDUCTION, shape[1]),
    )


def _ridged(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where there is skin, at a quarter of the resolution.

    Ridges fill an area; print and handwriting on a card are thin, and are opened away.
    """
    height, width = (side - side % REDUCTION for side in pixels.shape)
    halves = pixels[:height, :width].astype(np.float32)
    halves = halves.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    mean = ndimage.uniform_filter(halves, 9)
    deviation = np.sqrt(np.maximum(ndimage.uniform_filter(halves * halves, 9) - mean * mean, 0))
    ridged = ndimage.binary_fill_holes((deviation > RIDGE_DEVIATION)[::2, ::2])
    # Distances to the background make disc-shaped erosion and dilation cheap.
    core = ndimage.distance_transform_edt(np.pad(ridged, 1))[1:-1, 1:-1] > MIN_THICKNESS / 2
    if not core.any():
        raise _unlike("it shows no ridges")
    return np.asarray(ndimage.distance_transform_edt(~core) <= MIN_THICKNESS / 2)


def _skew(mask: NDArray[np.bool_]) -> float:
    """Rotation, degrees counter-clockwise, that sets the fingers upright.

    The area-weighted mean of the pieces' major axes; a finger is longer than it is wide.
    """
    labels, found = ndimage.label(mask)
    doubled = 0.0 + 0.0j
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        y, x = np.nonzero(labels[box] == index)
        if len(x) < MIN_FINGER_AREA:
            continue
        covariance = np.cov(x, y)
        spread = complex(covariance[0, 0] - covariance[1, 1], 2.0 * covariance[0, 1])
        # |spread| / trace is 0 for a round piece, which has no axis.
        doubled += len(x) * spread / (covariance[0, 0] + covariance[1, 1])
    if not found or doubled == 0:
        return 0.0
    axis = 0.5 * np.degrees(np.angle(doubled))  # from the x axis, y down
    lean = (axis - 90.0 + 90.0) % 180.0 - 90.0
    return float(np.clip(lean, -MAX_SKEW_DEG, MAX_SKEW_DEG))


def _tips(mask: NDArray[np.bool_], count: int) -> list[_Tip]:
    """Pieces that are fingertips: large enough, and with no fingertip above them."""
    labels, _ = ndimage.label(mask)
    pieces = [
        piece
        for index, box in enumerate(ndimage.find_objects(labels), start=1)
        for piece in _split(labels[box] == index, box[0].start, box[1].start, count)
    ]
    tips: list[_Tip] = []
    for piece in sorted(pieces, key=lambda piece: piece.top):
        if not any(_below(piece, tip) for tip in tips):
            tips.append(piece)
    return tips


def _split(piece: NDArray[np.bool_], top: int, left: int, count: int) -> list[_Tip]:
    """The fingertips in one piece; touching fingers are parted at their narrowest columns."""
    if piece.sum() < MIN_FINGER_AREA:
        return []
    profile = ndimage.gaussian_filter1d(piece.sum(axis=0).astype(np.float64), 2.0)
    fingers = min(max(round(piece.shape[1] / MAX_FINGER_WIDTH), 1), count)
    cuts = [0]
    for k in range(1, fingers):
        middle, reach = piece.shape[1] * k // fingers, piece.shape[1] // (3 * fingers)
        window = profile[middle - reach : middle + reach]
        cuts.append(middle - reach + int(window.argmin()))
    cuts.append(piece.shape[1])
    parts = []
    for first, last in pairwise(cuts):
        rows = np.flatnonzero(piece[:, first:last].any(axis=1))
        area = int(piece[:, first:last].sum())
        if area < MIN_FINGER_AREA or last - first < MIN_FINGER_WIDTH:
            continue
        head, foot = top + int(rows[0]), top + int(rows[-1]) + 1
        bottom = min(foot, head + round(PHALANX_RATIO * (last - first)))
        parts.append(_Tip(head, bottom, left + first, left + last, area))
    return parts


def _below(piece: _Tip, tip: _Tip) -> bool:
    """Whether a piece continues the finger of a tip: it overlaps half of the narrower one."""
    overlap = min(piece.right, tip.right) - max(piece.left, tip.left)
    narrower = min(piece.right - piece.left, tip.right - tip.left)
    return piece.top > tip.top and overlap > 0.5 * narrower


def _unlike(detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.MALFORMED_IMAGE, f"the slap cannot be segmented: {detail}")
