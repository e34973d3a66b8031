"""Encounters as flat columns: what a gallery is packed from, and what segments on disk hold.

A column lies in one array for all encounters, so packing, joining and writing take no Python
object a finger. The minutiae, by far the most of it, come from a source that is asked for some
rows at a time: they may be in memory, in a packed gallery or on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.matching.parameters import PARAMETERS
from workers.matching.probe import require_same_parameters
from workers.matching.similarity import DIMENSIONS
from workers.matching.sketch import Level, gallery_rows
from workers.matching.template import EncounterTemplate, FingerTemplate

_ROWS_AT_ONCE = 1024
"""Rows whose minutiae are read together when all are: some 30 MB."""


class Minutiae(NamedTuple):
    """Minutiae of some encounters, one print after another; m in total.

    Attributes:
        x: int16 (m,), pixels at 500 ppi.
        y: int16 (m,), pixels at 500 ppi, down.
        angle: uint16 (m,), 1/65536 turn.
        descriptors: int8 (m, d).
    """

    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]
    descriptors: NDArray[np.int8]

    @staticmethod
    def empty(count: int) -> Minutiae:
        """Room for so many."""
        return Minutiae(
            np.empty(count, np.int16),
            np.empty(count, np.int16),
            np.empty(count, np.uint16),
            np.empty((count, DIMENSIONS), np.int8),
        )

    @staticmethod
    def join(parts: Sequence[Minutiae]) -> Minutiae:
        """Some, one after another."""
        some = [part for part in parts if len(part.x)]
        if len(some) == 1:
            return some[0]
        some = some or [Minutiae.empty(0)]
        return Minutiae(
            np.concatenate([part.x for part in some]),
            np.concatenate([part.y for part in some]),
            np.concatenate([part.angle for part in some]),
            np.concatenate([part.descriptors for part in some]),
        )

    def take(self, which: NDArray[np.intp] | slice) -> Minutiae:
        """Some of them."""
        described = as_items(self.descriptors)[which].view(np.int8).reshape(-1, DIMENSIONS)
        return Minutiae(self.x[which], self.y[which], self.angle[which], described)


class MinutiaeSource(Protocol):
    """Where the minutiae of a gallery's rows come from; safe to be asked by several threads."""

    def read(self, rows: NDArray[np.intp]) -> Minutiae:
        """Minutiae of some rows, in the order asked, print after print as in the columns."""
        ...


@dataclass(frozen=True, slots=True)
class Columns:
    """n encounters, f prints; the prints of a row lie together, by position.

    Attributes:
        presence: fingers of each row, uint16 (n,): bit p - 1 is position p.
        sketches: rows of every level, int8 (n, level.width).
        fingers: int64 (n + 1,); prints of row i are `fingers[i]` to `fingers[i + 1] - 1`.
        positions: of each print, uint8 (f,), 1-10, ascending in a row.
        counts: minutiae of each print, uint8 (f,), at most `gallery_minutiae_max`.
        minutiae: of any rows.
    """

    presence: NDArray[np.uint16]
    sketches: Mapping[Level, NDArray[np.int8]]
    fingers: NDArray[np.int64]
    positions: NDArray[np.uint8]
    counts: NDArray[np.uint8]
    minutiae: MinutiaeSource

    @property
    def rows(self) -> int:
        """Encounters."""
        return len(self.presence)

    @staticmethod
    def of(templates: Sequence[EncounterTemplate]) -> Columns:
        """Columns of some encounters; of each print the best minutiae that a gallery keeps.

        Raises:
            RidgelineError: PARAMETERS_MISMATCH for a template described with other parameters.
        """
        for template in templates:
            require_same_parameters(template)
        limit = PARAMETERS.descriptor.gallery_minutiae_max
        by_row = [sorted(t.cut(limit).fingers, key=lambda f: f.position) for t in templates]
        prints = [finger for of_row in by_row for finger in of_row]
        fingers = offsets(np.array([len(of_row) for of_row in by_row], np.int64))
        positions = np.array([finger.position for finger in prints], np.uint8)
        counts = np.array([len(finger) for finger in prints], np.uint8)
        rows = np.repeat(np.arange(len(templates)), np.diff(fingers))
        presence = np.zeros(len(templates), np.uint16)
        np.bitwise_or.at(presence, rows, np.uint16(1) << (positions - 1).astype(np.uint16))
        whole = np.array([finger.sketch for finger in prints], np.int8)
        whole = whole.reshape(-1, PARAMETERS.sketch.dimensions)
        return Columns(
            presence,
            {level: gallery_rows(whole, rows, positions, len(templates), level) for level in Level},
            fingers,
            positions,
            counts,
            _TemplateMinutiae(fingers, prints),
        )

    @staticmethod
    def join(parts: Sequence[Columns]) -> Columns:
        """The rows of some columns, one after another; their minutiae stay where they are."""
        parts = [part for part in parts if part.rows] or list(parts)[:1] or [Columns.of([])]
        if len(parts) == 1:
            return parts[0]
        return Columns(
            np.concatenate([part.presence for part in parts]),
            {level: np.concatenate([part.sketches[level] for part in parts]) for level in Level},
            offsets(np.concatenate([np.diff(part.fingers) for part in parts])),
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.counts for part in parts]),
            _JoinedMinutiae(
                tuple(part.minutiae for part in parts),
                offsets(np.array([part.rows for part in parts])),
            ),
        )

    def take(self, rows: NDArray[np.intp]) -> Columns:
        """Some rows, in the order given; their minutiae stay where they are."""
        number = np.diff(self.fingers)[rows]
        prints = ranges(self.fingers[rows], number)
        return Columns(
            self.presence[rows],
            {level: sketches[rows] for level, sketches in self.sketches.items()},
            offsets(number),
            self.positions[prints],
            self.counts[prints],
            _SomeMinutiae(self.minutiae, rows),
        )

    def without_prints(self) -> Columns:
        """The same rows with their sketches and nothing else."""
        nothing = np.zeros(0, np.uint8)
        fingers = np.zeros(self.rows + 1, np.int64)
        return replace(
            self,
            fingers=fingers,
            positions=nothing,
            counts=nothing,
            minutiae=NO_MINUTIAE,
        )

    def parts(self, rows: int = _ROWS_AT_ONCE) -> Iterator[tuple[slice, Minutiae]]:
        """All minutiae, with the rows that each part is of."""
        for first in range(0, self.rows, rows):
            some = slice(first, min(first + rows, self.rows))
            yield some, self.minutiae.read(np.arange(some.start, some.stop))


class _NoMinutiae:
    """Of rows without prints."""

    def read(self, rows: NDArray[np.intp]) -> Minutiae:  # noqa: ARG002 - there are none
        return Minutiae.empty(0)


NO_MINUTIAE: Final = _NoMinutiae()


@dataclass(frozen=True, slots=True)
class _TemplateMinutiae:
    """Reads encounters out of their prints; arguments as of `Columns`."""

    fingers: NDArray[np.int64]
    prints: Sequence[FingerTemplate]

    def read(self, rows: NDArray[np.intp]) -> Minutiae:
        first = self.fingers[rows]
        wanted = ranges(first, self.fingers[rows + 1] - first)
        prints = [self.prints[i] for i in wanted.tolist()]
        return Minutiae.join([Minutiae(f.x, f.y, f.angle, f.descriptors) for f in prints])


@dataclass(frozen=True, slots=True)
class _JoinedMinutiae:
    """Sources one after another, with the row that each begins at."""

    sources: tuple[MinutiaeSource, ...]
    starts: NDArray[np.int64]

    def read(self, rows: NDArray[np.intp]) -> Minutiae:
        owner = np.searchsorted(self.starts, rows, "right") - 1
        return Minutiae.join(
            [
                self.sources[source].read(rows[run] - self.starts[source])
                for source, run in runs_of(owner)
            ]
        )


@dataclass(frozen=True, slots=True)
class _SomeMinutiae:
    """Some rows of a source."""

    source: MinutiaeSource
    rows: NDArray[np.intp]

    def read(self, rows: NDArray[np.intp]) -> Minutiae:
        return self.source.read(self.rows[rows])


def runs_of(owner: NDArray[np.intp]) -> Iterator[tuple[int, slice]]:
    """Each run of equal numbers: the number, and where it lies."""
    if len(owner):
        ends = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
        for start, end in pairwise(ends):
            yield int(owner[start]), slice(start, end)


def as_items(descriptors: NDArray[np.int8]) -> NDArray[np.void]:
    """Descriptors (m, d) or (m, 1, d) as one item each, (m,); moved so, they take half the time."""
    rows = np.ascontiguousarray(descriptors.reshape(len(descriptors), DIMENSIONS))
    return rows.view(np.dtype((np.void, DIMENSIONS)))[:, 0]


def offsets(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where each of some runs begins that lie one after another, and where the last one ends."""
    ends: NDArray[np.int64] = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=ends[1:])
    return ends


def ranges(first: NDArray[np.integer], counts: NDArray[np.integer]) -> NDArray[np.intp]:
    """The numbers `first[i]` to `first[i] + counts[i] - 1` of every i, one run after another."""
    starts = offsets(counts)
    runs: NDArray[np.intp] = np.repeat(first - starts[:-1], counts) + np.arange(starts[-1])
    return runs
