"""Relaxation: pairs that agree with each other in geometry support each other.

Cappelli, Ferrara, Maltoni 2010, section 4.3 (LSA-R), with one change: the paper's sigmoids
of the three differences (distance, turn, bearing) are 1 / (1 + (difference / mu)^8), which has
the same middle and, at the paper's constants, the same slope there, and needs neither an
exponential nor the angle itself. Only + - * / and square roots in a fixed order, and a table
of sines, so that every backend gets the same doubles. No BLAS here: it orders sums as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.matching.assign import Assigned
from workers.matching.parameters import PARAMETERS
from workers.matching.similarity import FULL_SIMILARITY
from workers.matching.template import ANGLE_UNITS

_P = PARAMETERS.consolidate
Array = NDArray[np.float64]
_T = TypeVar("_T", Array, NDArray[np.int32])

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

TINY = 1e-9
"""Stands for a distance of 0 below a fraction line."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where assigned minutiae lie on one side, each (k, b): pixels, and 1/65536 turns."""

    x: Array
    y: Array
    angle: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Value of each pair before and after relaxation, float64 (k, b); 0 in the padding."""

    start: Array
    end: Array


def relax(pairs: Assigned, probe: Placed, gallery: Placed) -> Relaxed:
    """Relaxes the pairs of b gallery fingers at once."""
    real = pairs.similarity > 0
    start = np.where(real, starting_value(pairs.similarity), 0.0)
    support = compatibility(probe, gallery)
    diagonal = np.arange(len(start))
    support[diagonal, diagonal] = 0.0
    others = np.maximum(pairs.counts - 1, 1).astype(np.float64)
    value = start
    for _ in range(_P.iterations):
        # Summed over the first axis: one addition after another, in the order of the pairs.
        received = np.add.reduce(support * value[:, None, :], axis=0)
        relaxed = _P.memory * value + (1.0 - _P.memory) * (received / others)
        value = np.where(real, relaxed, 0.0)
    return Relaxed(start, value)


def starting_value(similarity: NDArray[np.int32]) -> Array:
    """Similarity 0-1 of two descriptors: 1 - |a - b| / (|a| + |b|) of the unit vectors."""
    cosine = np.minimum(similarity * (1.0 / FULL_SIMILARITY), 1.0)
    return np.asarray(1.0 - np.sqrt((1.0 - cosine) * 0.5))


def compatibility(probe: Placed, gallery: Placed) -> Array:
    """How well pair s (first axis) agrees with pair t (second axis), float64 (k, k, b), 0-1."""
    probe_dx, probe_dy = _differences(probe.x), _differences(probe.y)
    gallery_dx, gallery_dy = _differences(gallery.x), _differences(gallery.y)
    probe_distance = np.sqrt(probe_dx * probe_dx + probe_dy * probe_dy)
    gallery_distance = np.sqrt(gallery_dx * gallery_dx + gallery_dy * gallery_dy)
    apart = probe_distance - gallery_distance
    by_distance = _fourth_power(apart * apart * DISTANCE_SCALE)

    turn = gallery.angle - probe.angle
    turn_apart = _differences(turn)
    wrapped = ((turn_apart + ANGLE_UNITS // 2) & (ANGLE_UNITS - 1)) - ANGLE_UNITS // 2
    wrapped = wrapped.astype(np.float64)
    by_turn = _fourth_power(wrapped * wrapped * TURN_SCALE)

    # The probe's vector from t to s, turned as minutia t is turned; y points down.
    entry = ((turn + (1 << TURN_SHIFT >> 1)) & (ANGLE_UNITS - 1)) >> TURN_SHIFT
    cosine, sine = COSINE[entry], SINE[entry]
    turned_x = probe_dx * cosine + probe_dy * sine
    turned_y = probe_dy * cosine - probe_dx * sine
    along = turned_x * gallery_dx + turned_y * gallery_dy
    bearing = along / np.maximum(probe_distance * gallery_distance, TINY)
    by_bearing = _fourth_power((1.0 - bearing) * BEARING_SCALE)
    return 1.0 / ((1.0 + by_distance) * (1.0 + by_turn) * (1.0 + by_bearing))


def _differences(values: _T) -> _T:
    """values[s] - values[t] as (s, t, b)."""
    return values[:, None, :] - values[None, :, :]


def _fourth_power(values: Array) -> Array:
    squares = values * values
    return squares * squares
