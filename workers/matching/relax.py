"""Relaxation: pairs that agree with each other in geometry support each other.

After Cappelli, Ferrara, Maltoni 2010, section 4.3 (LSA-R), with three changes. The paper's
sigmoids of the three differences (distance, turn, bearing) are 1 / (1 + (difference / mu)^8), which
has the same middle and, at the paper's constants, the same slope there, and needs neither an
exponential nor the angle itself. Pairs whose distance or turn differs by more than `reach` mu don't
support each other at all, so that only the few pairs that do cost anything. And a pair keeps
nothing of its own value from one iteration to the next (w_R = 0, not 1/2): what is left is what
others support (`docs/decisions/0018-consolidation.md`).

Only + - * / and square roots in a fixed order, and a table of sines, so that every backend gets the
same doubles. No BLAS here: it orders sums as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from workers.matching.assign import Assigned
from workers.matching.parameters import PARAMETERS
from workers.matching.similarity import FULL_SIMILARITY
from workers.matching.template import ANGLE_UNITS

_P = PARAMETERS.consolidate
Array = NDArray[np.float64]
Indices = NDArray[np.intp]

TABLE_TURNS = 1024
"""Entries of the sine table in a full turn (0.35 degrees)."""

TURN_SHIFT = (ANGLE_UNITS // TABLE_TURNS).bit_length() - 1


def _table(function: np.ufunc) -> Array:
    """Rounded to 2**-30, so that mathematics libraries cannot differ in it."""
    values = function(np.arange(TABLE_TURNS) * (2.0 * np.pi / TABLE_TURNS))
    return np.asarray(np.rint(values * 2.0**30) * 2.0**-30)


COSINE = _table(np.cos)
SINE = _table(np.sin)

DISTANCE_SCALE = 1.0 / (_P.distance_px * _P.distance_px)
TURN_SCALE = (2.0 * np.pi / ANGLE_UNITS / _P.turn_rad) ** 2
BEARING_SCALE = 2.0 / (_P.bearing_rad * _P.bearing_rad)
"""Scale of 1 - cos(bearing difference), which is half the difference squared."""

DISTANCE_REACH = _P.reach * _P.distance_px
"""Pixels beyond which pairs don't support each other."""

TURN_REACH = round(_P.reach * _P.turn_rad / (2.0 * np.pi) * ANGLE_UNITS)
"""The same for turns, 1/65536 turn."""

TINY = 1e-9
"""Stands for a distance of 0 below a fraction line."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where assigned minutiae lie on one side, each (k, b): pixels, and 1/65536 turns."""

    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Value of each pair before and after relaxation, float64 (k, b); 0 in the padding."""

    start: Array
    end: Array


def relax(
    pairs: Assigned, probe: Placed, gallery: Placed, iterations: int = _P.iterations
) -> Relaxed:
    """Relaxes the pairs of b gallery fingers at once."""
    start = np.where(pairs.similarity > 0, starting_value(pairs.similarity), 0.0)
    giver, taker, support = _supports(probe, gallery, pairs.similarity > 0)
    others = np.maximum(pairs.counts - 1, 1).astype(np.float64)
    value = start
    for _ in range(iterations):
        # One addition after another, givers in the order of the pairs.
        given = support * value.ravel()[giver]
        received = np.bincount(taker, given, minlength=start.size).reshape(start.shape)
        value = received / others
    return Relaxed(start, value)


def starting_value(similarity: NDArray[np.int32]) -> Array:
    """Similarity 0-1 of two descriptors: 1 - |a - b| / (|a| + |b|) of the unit vectors."""
    cosine = np.minimum(similarity * (1.0 / FULL_SIMILARITY), 1.0)
    return np.asarray(1.0 - np.sqrt((1.0 - cosine) * 0.5))


def _supports(
    probe: Placed, gallery: Placed, real: NDArray[np.bool_]
) -> tuple[Indices, Indices, Array]:
    """Who supports whom how much: giver and taker as flat indices into (k, b), and 0-1.

    Of one taker the givers come in the order of the pairs.
    """
    k, width = real.shape
    first, second = _before(k)
    # Sixteen bits wrap around as angles do.
    turn = gallery.angle - probe.angle
    apart = (turn[first] - turn[second]).view(np.int16)
    near = (apart >= -TURN_REACH) & (apart <= TURN_REACH) & real[second]
    which, column = np.nonzero(near)
    s, t = first[which] * width + column, second[which] * width + column
    probe_dx, probe_dy = _differences(probe, s, t)
    gallery_dx, gallery_dy = _differences(gallery, s, t)
    probe_distance = np.sqrt(probe_dx * probe_dx + probe_dy * probe_dy)
    gallery_distance = np.sqrt(gallery_dx * gallery_dx + gallery_dy * gallery_dy)
    difference = probe_distance - gallery_distance
    kept = np.flatnonzero(np.abs(difference) <= DISTANCE_REACH)
    s, t, difference = s[kept], t[kept], difference[kept]
    turned = apart[near][kept].astype(np.float64)
    agree = (1.0 + _fourth_power(difference * difference * DISTANCE_SCALE)) * (
        1.0 + _fourth_power(turned * turned * TURN_SCALE)
    )
    lengths = np.maximum(probe_distance[kept] * gallery_distance[kept], TINY)
    vectors = (probe_dx[kept], probe_dy[kept], gallery_dx[kept], gallery_dy[kept])
    entry = ((turn.astype(np.int32) + (1 << TURN_SHIFT >> 1)) & (ANGLE_UNITS - 1)) >> TURN_SHIFT
    cosine, sine = COSINE[entry].ravel(), SINE[entry].ravel()
    support = [
        1.0 / (agree * (1.0 + _bearing(vectors, cosine[seen_from], sine[seen_from], lengths)))
        for seen_from in (t, s)
    ]
    return np.concatenate([s, t]), np.concatenate([t, s]), np.concatenate(support)


def _bearing(
    vectors: tuple[Array, Array, Array, Array], cosine: Array, sine: Array, lengths: Array
) -> Array:
    """How far the bearings of two pairs differ, seen from one of them, to the eighth power.

    The probe's vector is turned as the minutia it is seen from is turned; y points down. A vector
    and its opposite differ alike, so either end may be its start.
    """
    probe_dx, probe_dy, gallery_dx, gallery_dy = vectors
    turned_x = probe_dx * cosine + probe_dy * sine
    turned_y = probe_dy * cosine - probe_dx * sine
    along = turned_x * gallery_dx + turned_y * gallery_dy
    return _fourth_power((1.0 - along / lengths) * BEARING_SCALE)


@cache
def _before(count: int) -> tuple[Indices, Indices]:
    """Every two of `count` things, the earlier and the later, ordered by both."""
    first, second = np.triu_indices(count, 1)
    return first, second


def _differences(of: Placed, s: Indices, t: Indices) -> tuple[Array, Array]:
    x, y = of.x.ravel().astype(np.float64), of.y.ravel().astype(np.float64)
    return x[s] - x[t], y[s] - y[t]


def _fourth_power(values: Array) -> Array:
    squares = values * values
    return np.asarray(squares * squares)
