"""The packed form of a gallery: fingers of one position in blocks of about equal size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Checkpoint
from workers.matching.blocks import Block, spans
from workers.matching.columns import Columns, Minutiae, as_items, offsets, ranges
from workers.matching.similarity import DIMENSIONS
from workers.matching.sketch import Level

_ROWS_AT_ONCE = 1 << 17
"""Rows whose fingers are looked up between checkpoints: some milliseconds."""


@dataclass(frozen=True, slots=True)
class FingerIndex:
    """Packed fingers of some rows: `fingers[i]` belongs to the row at place `wanted[i]`."""

    fingers: NDArray[np.intp]
    wanted: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PositionPack:
    """All n fingers of one position, numbered in block order, small ones first.

    Attributes:
        blocks: views of `minutiae`.
        minutiae: the blocks' minutiae one after another and an empty one, as one finger of one
            block, so that any can be picked.
        counts: minutiae of each finger, (n,).
        first: where each finger's first minutia is, (n,).
        stride: from there to its next one, (n,).
        by_row: fingers ordered by row, those of a row as the columns had them, (n,).
        rows_sorted: row of each finger in that order, (n,).
    """

    position: int
    blocks: tuple[Block, ...]
    minutiae: Block
    counts: NDArray[np.intp]
    first: NDArray[np.intp]
    stride: NDArray[np.intp]
    by_row: NDArray[np.intp]
    rows_sorted: NDArray[np.intp]

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        m = self.minutiae
        arrays = (self.counts, self.first, self.stride, self.by_row, self.rows_sorted)
        return sum(a.nbytes for a in (*arrays, m.descriptors, m.x, m.y, m.angle))

    def find(self, rows: NDArray[np.intp], checkpoint: Checkpoint) -> FingerIndex:
        """The fingers of some rows; a row may have none or several."""
        fingers, wanted = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            checkpoint()
            found = self._find(rows[start : start + _ROWS_AT_ONCE])
            fingers.append(found.fingers)
            wanted.append(found.wanted + start)
        return FingerIndex(np.concatenate(fingers), np.concatenate(wanted))

    def _find(self, rows: NDArray[np.intp]) -> FingerIndex:
        first = np.searchsorted(self.rows_sorted, rows, "left")
        number = np.searchsorted(self.rows_sorted, rows, "right") - first
        wanted = np.repeat(np.arange(len(rows)), number)
        within = np.arange(len(wanted)) - np.repeat(np.cumsum(number) - number, number)
        return FingerIndex(self.by_row[np.repeat(first, number) + within], wanted)

    def places(self, fingers: NDArray[np.intp]) -> NDArray[np.intp]:
        """Where the minutiae of some fingers lie in `minutiae`, finger after finger."""
        counts = self.counts[fingers]
        slot = ranges(np.zeros_like(counts), counts)
        return (
            np.repeat(self.first[fingers], counts) + np.repeat(self.stride[fingers], counts) * slot
        )

    def put(self, rows: slice, minutiae: Minutiae) -> None:
        """Writes the fingers of a range of rows into their places."""
        first, last = np.searchsorted(self.rows_sorted, (rows.start, rows.stop))
        places = self.places(self.by_row[first:last])
        as_items(self.minutiae.descriptors)[places] = as_items(minutiae.descriptors)
        self.minutiae.x[places, 0] = minutiae.x
        self.minutiae.y[places, 0] = minutiae.y
        self.minutiae.angle[places, 0] = minutiae.angle

    def gather(self, fingers: NDArray[np.intp]) -> Iterator[Block]:
        """Some fingers packed anew, in the order given, which is that of their size."""
        counts = self.counts[fingers]
        nothing = self.minutiae.minutiae - 1
        for span, slots in spans(counts):
            some = fingers[span]
            slot = np.arange(slots)[:, None]
            picked = self.first[some] + self.stride[some] * slot
            picked = np.where(slot < counts[span], picked, nothing)
            m = self.minutiae
            yield Block(
                m.descriptors[picked, 0],
                m.x[picked, 0],
                m.y[picked, 0],
                m.angle[picked, 0],
                counts[span],
            )


def pack_positions(columns: Columns) -> dict[int, PositionPack]:
    """Packs encounters by finger position; row i is row i of the columns."""
    rows = np.repeat(np.arange(columns.rows), np.diff(columns.fingers))
    packs = {}
    for position in np.unique(columns.positions).tolist():
        prints = columns.positions == position
        packs[position] = _room(position, rows[prints], columns.counts[prints].astype(np.intp))
    for some, minutiae in columns.parts():
        prints_of = slice(int(columns.fingers[some.start]), int(columns.fingers[some.stop]))
        positions, counts = columns.positions[prints_of], columns.counts[prints_of].astype(np.intp)
        starts = offsets(counts)[:-1]
        for position in np.unique(positions).tolist():
            theirs = positions == position
            packs[position].put(some, minutiae.take(ranges(starts[theirs], counts[theirs])))
    return packs


def _room(position: int, rows: NDArray[np.intp], minutiae: NDArray[np.intp]) -> PositionPack:
    """Room for fingers, which come by row, with so many minutiae each; small fingers first."""
    order = np.argsort(minutiae, kind="stable")
    counts = minutiae[order]
    places = list(spans(counts))
    shapes = [(slots, span.stop - span.start) for span, slots in places]
    starts = offsets(np.array([slots * width for slots, width in shapes], np.int64))
    whole = Block.empty(int(starts[-1]) + 1, np.array([starts[-1] + 1], np.intp))
    blocks = tuple(
        _part(whole, int(start), shape, counts[span])
        for start, shape, (span, _) in zip(starts[:-1], shapes, places, strict=True)
    )
    widths = np.array([width for _, width in shapes])
    return PositionPack(
        position=position,
        blocks=blocks,
        minutiae=whole,
        counts=counts,
        first=np.repeat(starts[:-1], widths) + ranges(np.zeros_like(widths), widths),
        stride=np.repeat(widths, widths),
        by_row=np.argsort(order),
        rows_sorted=rows,
    )


def _part(minutiae: Block, start: int, shape: tuple[int, int], counts: NDArray[np.intp]) -> Block:
    """A view of some minutiae as a block of that shape."""
    part = slice(start, start + shape[0] * shape[1])
    return Block(
        minutiae.descriptors[part].reshape(*shape, DIMENSIONS),
        minutiae.x[part].reshape(shape),
        minutiae.y[part].reshape(shape),
        minutiae.angle[part].reshape(shape),
        counts,
    )


def unpacked(
    positions: Mapping[int, PositionPack],
    sketches: Mapping[Level, NDArray[np.int8]],
    presence: NDArray[np.uint16],
) -> Columns:
    """The columns that were packed; their minutiae stay in the packs until they are read."""
    packs = [positions[position] for position in sorted(positions)]
    rows = np.concatenate([np.zeros(0, np.intp), *(pack.rows_sorted for pack in packs)])
    order = np.argsort(rows, kind="stable")
    position = np.repeat([pack.position for pack in packs], [len(p.counts) for p in packs])
    counts = np.concatenate([np.zeros(0, np.intp), *(p.counts[p.by_row] for p in packs)])
    return Columns(
        presence,
        sketches,
        offsets(np.bincount(rows, minlength=len(presence))),
        position[order].astype(np.uint8),
        counts[order].astype(np.uint8),
        _PackedMinutiae(tuple(packs)),
    )


@dataclass(frozen=True, slots=True)
class _PackedMinutiae:
    """Reads encounters out of packed positions, which come in ascending order."""

    packs: tuple[PositionPack, ...]

    def read(self, rows: NDArray[np.intp]) -> Minutiae:
        found = [pack.find(rows, lambda: None) for pack in self.packs]
        wanted = np.concatenate([np.zeros(0, np.intp), *(f.wanted for f in found)])
        counts = np.concatenate(
            [
                np.zeros(0, np.intp),
                *(p.counts[f.fingers] for p, f in zip(self.packs, found, strict=True)),
            ]
        )
        order = np.argsort(wanted, kind="stable")
        starts = np.empty_like(counts)
        starts[order] = offsets(counts[order])[:-1]
        minutiae = Minutiae.empty(int(counts.sum()))
        done = 0
        for pack, index in zip(self.packs, found, strict=True):
            theirs = slice(done, done + len(index.fingers))
            done = theirs.stop
            place = ranges(starts[theirs], counts[theirs])
            picked = pack.places(index.fingers)
            as_items(minutiae.descriptors)[place] = as_items(pack.minutiae.descriptors)[picked]
            minutiae.x[place] = pack.minutiae.x[picked, 0]
            minutiae.y[place] = pack.minutiae.y[picked, 0]
            minutiae.angle[place] = pack.minutiae.angle[picked, 0]
        return minutiae
