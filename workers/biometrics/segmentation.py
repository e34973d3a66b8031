"""Slaps cut into fingers: by the segments the transaction states, else by our own search.

The search works on a mask of ridges at 125 ppi: it turns the slap until the pieces stand upright,
takes the pieces with nothing above them for fingertips, and keeps the distal phalanx of each.
It knows how many fingers to expect (amputated ones are stated) and refuses a slap that shows
fewer, or more. What lies beside a finger in its box (a neighbour, writing) is painted over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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

MIN_CORE_AREA: Final = 300
"""Least area of a finger's core, mask pixels."""

PHALANX_RATIO: Final = 1.5
"""Height kept of a finger, in its widths: the distal phalanx, without the next one."""

MARGIN: Final = 3
"""Kept around a finger's ridges, mask pixels."""

RIDGE_DEVIATION: Final = 5.0
"""Grey deviation in the band of ridge periods from which a pixel may be ridged; the paper of the
NIST card samples has 1 to 3, faint ridges 8."""

RIDGE_SHARE: Final = 0.35
"""Least share of that band in the variance around a pixel. On the NIST card samples ridges have
0.5 to 0.95, print, handwriting and ruled lines below 0.25."""

RIDGE_BAND_PX: Final = (0.8, 2.0)
"""Deviations of the two Gaussians whose difference is that band, pixels at 250 ppi: periods of
about 3 to 8, and ridges have 3.5 to 6.5 (0.35 to 0.65 mm)."""

RIDGE_WINDOW: Final = 13
"""Window of the two variances, pixels at 250 ppi; the mask is grown back by a quarter."""

MIN_THICKNESS: Final = 22
"""Thinnest piece of skin, mask pixels (0.18 inch); print and handwriting are thinner."""

CORE_DEPTH: Final = 16
"""Distance from the edge of the skin, mask pixels, from which the cores begin that tell the skew:
they are longer for their width than fingers, and rarely touch."""

VALLEY: Final = 0.85
"""Touching fingers part where the skin is this share as high as on either side, or less; a single
finger is highest in its middle."""

SURPLUS_SHARE: Final = 0.6
"""A further whole fingertip of this share of the smallest expected one's area is a finger too
many; one that the image's edge cuts belongs to a neighbouring block of the card."""


@dataclass(frozen=True, slots=True)
class _Tip:
    """Where a fingertip may be, mask pixels, the area of its piece, and the piece in the box."""

    top: int
    bottom: int
    left: int
    right: int
    area: int
    skin: NDArray[np.bool_]


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
    fingers = [
        SlapFinger(finger, FingerImage(pixels, RESOLUTION_PPI))
        for finger, pixels in zip(
            expected, _find(resample(image).pixels, len(expected)), strict=True
        )
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


def _find(pixels: NDArray[np.uint8], count: int) -> list[NDArray[np.uint8]]:
    """Upright images of `count` fingertips, left to right."""
    mask = _ridged(pixels)
    skew = _skew(mask)
    turned = ndimage.rotate(mask.astype(np.uint8), skew, order=0) > 0
    tips = _choose(_tips(turned, count), count, turned.shape)
    paper = int(np.percentile(pixels, 95))
    upright = Image.fromarray(pixels).rotate(
        skew, Image.Resampling.BICUBIC, expand=True, fillcolor=paper
    )
    full = np.asarray(upright, np.uint8)
    return [_cut(full, tip, paper) for tip in tips]


def _choose(tips: list[_Tip], count: int, shape: tuple[int, ...]) -> list[_Tip]:
    """The `count` largest tips, left to right.

    What is left over must be small or cut by the edge, since a finger too many or too few
    leaves it open which is which.
    """
    if len(tips) < count:
        raise _unlike(f"expected {count} fingers, found {len(tips)}")
    by_area = sorted(tips, key=lambda tip: -tip.area)
    chosen, rest = by_area[:count], by_area[count:]
    for tip in rest:
        whole = tip.left > 0 and tip.right < shape[1]
        if whole and tip.area > SURPLUS_SHARE * chosen[-1].area:
            raise _unlike(f"expected {count} fingers, found more")
    return sorted(chosen, key=lambda tip: tip.left)


def _cut(full: NDArray[np.uint8], tip: _Tip, paper: int) -> NDArray[np.uint8]:
    """The tip's box with its margin; what is not the tip's own piece becomes paper."""
    skin = np.pad(tip.skin[: tip.bottom - tip.top], MARGIN)
    near = ndimage.distance_transform_edt(~skin) <= MARGIN
    near = near.repeat(REDUCTION, axis=0).repeat(REDUCTION, axis=1)
    top, left = (tip.top - MARGIN) * REDUCTION, (tip.left - MARGIN) * REDUCTION
    # The margin may reach beyond the image.
    near = near[max(-top, 0) :, max(-left, 0) :]
    box = full[max(top, 0) :, max(left, 0) :][: near.shape[0], : near.shape[1]]
    return np.where(near[: box.shape[0], : box.shape[1]], box, np.uint8(paper))


def _ridged(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where there are ridges, at a quarter of the resolution.

    Their variance lies in a narrow band of periods, that of print and handwriting does not;
    what of these is left is thin, and is opened away.
    """
    height, width = (side - side % REDUCTION for side in pixels.shape)
    halves = pixels[:height, :width].astype(np.float32)
    halves = halves.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    fine, coarse = (ndimage.gaussian_filter(halves, deviation) for deviation in RIDGE_BAND_PX)
    band = ndimage.uniform_filter((fine - coarse) ** 2, RIDGE_WINDOW)
    mean = ndimage.uniform_filter(coarse, RIDGE_WINDOW)
    rest = np.maximum(ndimage.uniform_filter(coarse * coarse, RIDGE_WINDOW) - mean * mean, 0.0)
    ridged = (band > RIDGE_DEVIATION**2) & (band > RIDGE_SHARE * (band + rest))
    filled = ndimage.binary_fill_holes(ridged[::2, ::2])
    # Distances to the background make disc-shaped erosion and dilation cheap.
    core = ndimage.distance_transform_edt(np.pad(filled, 1))[1:-1, 1:-1] > MIN_THICKNESS / 2
    if not core.any():
        raise _unlike("it shows no ridges")
    grown = MIN_THICKNESS / 2 + RIDGE_WINDOW / 4
    return np.asarray(ndimage.distance_transform_edt(~core) <= grown)


def _skew(mask: NDArray[np.bool_]) -> float:
    """Rotation, degrees counter-clockwise, that sets the fingers upright.

    The area-weighted mean of the major axes of their cores; a finger is longer than it is wide.
    """
    cores = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] > CORE_DEPTH
    labels, _ = ndimage.label(cores)
    doubled = 0.0 + 0.0j
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        y, x = np.nonzero(labels[box] == index)
        if len(x) < MIN_CORE_AREA:
            continue
        covariance = np.cov(x, y)
        spread = complex(covariance[0, 0] - covariance[1, 1], 2.0 * covariance[0, 1])
        if spread.real > 0.0:
            continue  # lying: several fingers in one
        # |spread| / trace is 0 for a round piece, which has no axis.
        doubled += len(x) * spread / (covariance[0, 0] + covariance[1, 1])
    if doubled == 0:
        return 0.0
    lean = 0.5 * np.degrees(np.angle(-doubled))  # from upright, y down
    return float(np.clip(lean, -MAX_SKEW_DEG, MAX_SKEW_DEG))


def _tips(mask: NDArray[np.bool_], count: int) -> list[_Tip]:
    """Pieces that are fingertips: large enough, and with no fingertip above them.

    Where they are fewer than `count`, the deepest valleys part touching fingers.
    """
    labels, _ = ndimage.label(mask)
    pieces = [
        piece
        for index, box in enumerate(ndimage.find_objects(labels), start=1)
        for piece in _piece(labels[box] == index, box[0].start, box[1].start)
    ]
    while len(tips := _topmost(pieces)) < count:
        depth, at, widest = min(
            ((*_valley(tip.skin), n) for n, tip in enumerate(tips)), default=(1.0, 0, 0)
        )
        if depth > VALLEY:
            break
        tip = tips[widest]
        parts = [
            part
            for first, skin in ((0, tip.skin[:, :at]), (at, tip.skin[:, at:]))
            for part in _piece(skin, tip.top, tip.left + first)
        ]
        if len(parts) < 2:
            break
        pieces = [piece for piece in pieces if piece is not tip] + parts
    return tips


def _topmost(pieces: list[_Tip]) -> list[_Tip]:
    tips: list[_Tip] = []
    for piece in sorted(pieces, key=lambda piece: piece.top):
        if not any(_below(piece, tip) for tip in tips):
            tips.append(piece)
    return tips


def _piece(skin: NDArray[np.bool_], top: int, left: int) -> list[_Tip]:
    """A piece as a fingertip, whose distal phalanx is kept; none where it is too small."""
    area = int(skin.sum())
    if area < MIN_FINGER_AREA:
        return []
    rows, columns = np.flatnonzero(skin.any(axis=1)), np.flatnonzero(skin.any(axis=0))
    skin = skin[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = skin.shape
    if width < MIN_FINGER_WIDTH:
        return []
    head, side = top + int(rows[0]), left + int(columns[0])
    bottom = head + min(height, round(PHALANX_RATIO * width))
    return [_Tip(head, bottom, side, side + width, area, skin)]


def _valley(skin: NDArray[np.bool_]) -> tuple[float, int]:
    """Where a piece is lowest between two heights: share of the lower height, column."""
    profile = ndimage.gaussian_filter1d(skin.sum(axis=0).astype(np.float64), 2.0)
    before = np.maximum.accumulate(profile)
    after = np.maximum.accumulate(profile[::-1])[::-1]
    share = profile / np.minimum(before, after)
    inner = share[MIN_FINGER_WIDTH:-MIN_FINGER_WIDTH]
    if not len(inner):
        return 1.0, 0
    return float(inner.min()), MIN_FINGER_WIDTH + int(inner.argmin())


def _below(piece: _Tip, tip: _Tip) -> bool:
    """Whether a piece continues the finger of a tip: it overlaps half of the narrower one."""
    overlap = min(piece.right, tip.right) - max(piece.left, tip.left)
    narrower = min(piece.right - piece.left, tip.right - tip.left)
    return piece.top > tip.top and overlap > 0.5 * narrower


def _unlike(detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.MALFORMED_IMAGE, f"the slap cannot be segmented: {detail}")
