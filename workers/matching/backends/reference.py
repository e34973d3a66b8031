"""The reference backend: loops over plain numbers, obviously right, slow.

Shares no array code with the other backends: every formula is written out once more, one
minutia and one pair at a time. Constants and tables are shared, since they are data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS
from workers.matching.backend import Checkpoint, PackedGallery, Selected
from workers.matching.columns import Columns
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import Probe, ProbeFinger
from workers.matching.relax import (
    BEARING_SCALE,
    COSINE,
    DISTANCE_REACH,
    DISTANCE_SCALE,
    SINE,
    TABLE_TURNS,
    TINY,
    TURN_REACH,
    TURN_SCALE,
)
from workers.matching.screen import (
    CLIP,
    NOT_COMPARED,
    RECIPROCALS,
    SHIFT,
    SIZE_BIN_SHIFT,
    TOP_COUNTS,
)
from workers.matching.similarity import FULL_SIMILARITY, SECTORS
from workers.matching.sketch import Level
from workers.matching.template import ANGLE_UNITS, FingerTemplate

_P = PARAMETERS.consolidate


@dataclass(frozen=True, slots=True)
class ReferencePrint:
    """One print of a gallery; attributes as of `FingerTemplate`."""

    position: int
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]
    descriptors: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.x)


Print = FingerTemplate | ReferencePrint


@dataclass(frozen=True, slots=True)
class ReferenceGallery:
    """Encounters as they are: the prints of each row."""

    columns: Columns
    prints: tuple[tuple[ReferencePrint, ...], ...]

    @property
    def rows(self) -> int:
        """Encounters packed."""
        return len(self.prints)

    @property
    def nbytes(self) -> int:
        """Descriptor memory held, bytes."""
        return sum(f.descriptors.nbytes for prints in self.prints for f in prints)

    @property
    def presence(self) -> NDArray[np.uint16]:
        """Fingers of each row."""
        return self.columns.presence


class ReferenceBackend:
    """Compares one minutia at a time; see `workers.matching.backend.Backend`."""

    name = "reference"

    def pack(self, columns: Columns) -> ReferenceGallery:
        """Packs encounters."""
        return ReferenceGallery(
            columns, tuple(tuple(_prints(columns, row)) for row in range(columns.rows))
        )

    def select(
        self,
        level: Level,
        probes: Sequence[Probe],
        gallery: PackedGallery,
        partitions: Sequence[NDArray[np.intp]],
        depths: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> list[list[Selected]]:
        """See `Backend.select`: one product of two rows at a time."""
        sketches = _ours(gallery).columns.sketches[level]
        selected: list[list[Selected]] = []
        for i, probe in enumerate(probes):
            weights = [int(w) for w in probe.sketch[level]]
            selected.append([])
            for j, rows in enumerate(partitions):
                checkpoint()
                scores = {}
                for row in rows:
                    values = sketches[int(row)]
                    scores[int(row)] = sum(w * int(v) for w, v in zip(weights, values, strict=True))
                ranked = sorted(scores.values(), reverse=True)
                depth = min(int(depths[i, j]), len(ranked))
                least = ranked[depth - 1] if depth else math.inf
                kept = [row for row in sorted(scores) if scores[row] >= least]
                selected[-1].append(
                    Selected(np.array(kept, np.intp), np.array([scores[r] for r in kept], np.int32))
                )
        return selected

    def screen(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.int32]:
        """Screen score of some rows: the sum over common fingers of each finger's best."""
        scores = []
        for row in rows:
            prints = _ours(gallery).prints[int(row)]
            checkpoint()
            fingers = [
                max(
                    screen_score(p, g)
                    for p in probe.fingers
                    for g in prints
                    if p.template.position == position == g.position
                )
                for position in _common(probe, prints)
            ]
            scores.append(sum(fingers) if fingers else NOT_COMPARED)
        return np.array(scores, np.int32)

    def consolidate(
        self,
        probe: Probe,
        gallery: PackedGallery,
        rows: NDArray[np.intp],
        checkpoint: Checkpoint,
    ) -> NDArray[np.float64]:
        """Raw LSA-R score of each finger of `rows`, float64 (len(rows), 10)."""
        scores = np.full((len(rows), len(FINGERS)), np.nan)
        for i, row in enumerate(rows):
            checkpoint()
            prints = _ours(gallery).prints[int(row)]
            for position in _common(probe, prints):
                scores[i, position - 1] = max(
                    consolidated_score(p.template, g)
                    for p in probe.fingers
                    for g in prints
                    if p.template.position == position == g.position
                )
        return scores


def screen_score(probe: ProbeFinger, gallery: Print) -> int:
    """Screen score of two fingers, 1/256 deviations."""
    template = probe.template
    average = 0
    if len(template) > 0 and len(gallery) > 0:
        normalised = []
        for i in range(len(template)):
            best = max(similarity(template, i, gallery, j) for j in range(len(gallery)))
            above = best - int(probe.minutia_mean[i])
            value = (above * int(probe.minutia_inverse[i])) >> SHIFT
            normalised.append(min(max(value, -CLIP), CLIP))
        n = int(TOP_COUNTS[min(len(template), len(gallery))])
        total = sum(sorted(normalised, reverse=True)[:n])
        average = (total * int(RECIPROCALS[n])) >> SHIFT
    above = average - int(probe.score_mean[len(gallery) >> SIZE_BIN_SHIFT])
    return (above * probe.score_inverse) >> SHIFT


def similarity(probe: FingerTemplate, i: int, gallery: Print, j: int) -> int:
    """Dot product of two descriptors; 0 below 0 and for minutiae turned too far."""
    width = ANGLE_UNITS // SECTORS
    sector = [
        ((int(angle) + width // 2) // width) % SECTORS
        for angle in (probe.angle[i], gallery.angle[j])
    ]
    apart = (sector[0] - sector[1]) % SECTORS
    if min(apart, SECTORS - apart) > SECTORS // 4:
        return 0
    a, b = probe.descriptors[i], gallery.descriptors[j]
    return max(0, sum(int(u) * int(v) for u, v in zip(a, b, strict=True)))


def consolidated_score(probe: FingerTemplate, gallery: Print) -> float:
    """LSA-R score of two fingers."""
    pairs = _assign(probe, gallery)
    start = [_starting_value(s) for _, _, s in pairs]
    end = _relax(probe, gallery, pairs, start)
    order = sorted(range(len(pairs)), key=lambda t: -(end[t] / start[t]))
    n = int(TOP_COUNTS[min(len(probe), len(gallery))])
    total = 0.0
    for t in order[:n]:
        total = total + end[t]
    return math.sqrt(math.sqrt(total / n / max(len(probe), len(gallery), 1)))


def _assign(probe: FingerTemplate, gallery: Print) -> list[tuple[int, int, int]]:
    """(probe minutia, gallery minutia, similarity), most alike first, each minutia once.

    In each round every minutia names its best free partner (ties to the lower indices), and
    those who name each other pair up.
    """
    alike = {}
    for i in range(len(probe)):
        for j in range(len(gallery)):
            value = similarity(probe, i, gallery, j)
            if value > 0:
                alike[i, j] = value
    pairs = []
    for _ in range(_P.assignment_rounds):
        ranked = sorted(alike, key=lambda ij: (-alike[ij], ij))
        best_of_probe: dict[int, tuple[int, int]] = {}
        best_of_gallery: dict[int, tuple[int, int]] = {}
        for i, j in ranked:
            best_of_probe.setdefault(i, (i, j))
            best_of_gallery.setdefault(j, (i, j))
        mutual = [(i, j) for i, j in ranked if best_of_probe[i] == best_of_gallery[j] == (i, j)]
        pairs += [(i, j, alike[i, j]) for i, j in mutual]
        taken_i, taken_j = {i for i, _ in mutual}, {j for _, j in mutual}
        alike = {(i, j): s for (i, j), s in alike.items() if i not in taken_i and j not in taken_j}
    pairs.sort(key=lambda pair: (-pair[2], pair[0], pair[1]))
    return pairs[: _P.pairs_max]


def _starting_value(alike: int) -> float:
    cosine = min(alike * (1.0 / FULL_SIMILARITY), 1.0)
    return 1.0 - math.sqrt((1.0 - cosine) * 0.5)


def _relax(
    probe: FingerTemplate,
    gallery: Print,
    pairs: list[tuple[int, int, int]],
    start: list[float],
) -> list[float]:
    """Value of each pair after relaxation."""
    k = len(pairs)
    support = [
        [0.0 if s == t else _compatibility(probe, gallery, pairs[s], pairs[t]) for s in range(k)]
        for t in range(k)
    ]
    others = float(max(k - 1, 1))
    value = start
    for _ in range(_P.iterations):
        received = []
        for t in range(k):
            total = 0.0
            for s in range(k):
                total = total + support[t][s] * value[s]
            received.append(total)
        value = [total / others for total in received]
    return value


def _compatibility(
    probe: FingerTemplate,
    gallery: Print,
    s: tuple[int, int, int],
    t: tuple[int, int, int],
) -> float:
    """How well pair s agrees with pair t, seen from t, 0-1."""
    px, py = _from_to(probe, t[0], s[0])
    gx, gy = _from_to(gallery, t[1], s[1])
    probe_distance, gallery_distance = math.sqrt(px * px + py * py), math.sqrt(gx * gx + gy * gy)
    apart = probe_distance - gallery_distance
    if abs(apart) > DISTANCE_REACH:
        return 0.0
    by_distance = _fourth_power(apart * apart * DISTANCE_SCALE)

    turn_s = int(gallery.angle[s[1]]) - int(probe.angle[s[0]])
    turn_t = int(gallery.angle[t[1]]) - int(probe.angle[t[0]])
    half = ANGLE_UNITS // 2
    wrapped = float((turn_s - turn_t + half) % ANGLE_UNITS - half)
    if abs(wrapped) > TURN_REACH:
        return 0.0
    by_turn = _fourth_power(wrapped * wrapped * TURN_SCALE)

    step = ANGLE_UNITS // TABLE_TURNS
    entry = ((turn_t + step // 2) % ANGLE_UNITS) // step
    cosine, sine = float(COSINE[entry]), float(SINE[entry])
    turned_x, turned_y = px * cosine + py * sine, py * cosine - px * sine
    along = turned_x * gx + turned_y * gy
    bearing = along / max(probe_distance * gallery_distance, TINY)
    by_bearing = _fourth_power((1.0 - bearing) * BEARING_SCALE)
    return 1.0 / ((1.0 + by_distance) * (1.0 + by_turn) * (1.0 + by_bearing))


def _from_to(finger: Print, start: int, end: int) -> tuple[float, float]:
    return (
        float(int(finger.x[end]) - int(finger.x[start])),
        float(int(finger.y[end]) - int(finger.y[start])),
    )


def _fourth_power(value: float) -> float:
    square = value * value
    return square * square


def _prints(columns: Columns, row: int) -> Iterator[ReferencePrint]:
    minutiae = columns.minutiae.read(np.array([row]))
    start = 0
    for finger in range(int(columns.fingers[row]), int(columns.fingers[row + 1])):
        end = start + int(columns.counts[finger])
        yield ReferencePrint(int(columns.positions[finger]), *minutiae.take(slice(start, end)))
        start = end


def _common(probe: Probe, prints: Sequence[ReferencePrint]) -> list[int]:
    """Positions that both sides have, ascending."""
    ours = {int(f.template.position) for f in probe.fingers}
    return sorted(ours & {f.position for f in prints})


def _ours(gallery: PackedGallery) -> ReferenceGallery:
    if not isinstance(gallery, ReferenceGallery):
        raise TypeError(f"expected a ReferenceGallery, got {type(gallery).__name__}")
    return gallery
