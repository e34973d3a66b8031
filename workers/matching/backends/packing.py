"""The packed form of a gallery: fingers of one position in blocks, slot-major.

A block holds fingers of about equal size; row s * f + i of its features is minutia s of finger
i, so a maximum over the minutiae of each finger runs over contiguous rows. Fingers with fewer
minutiae than the block has slots are padded with zeros, whose similarity to anything is 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Checkpoint
from workers.matching.consolidate import Side
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import require_same_parameters
from workers.matching.similarity import DIMENSIONS, gallery_features
from workers.matching.sketch import Level, gallery_row
from workers.matching.template import EncounterTemplate, FingerTemplate

_ROWS_AT_ONCE = 1 << 17
"""Rows whose fingers are looked up between checkpoints: some milliseconds."""

_BLOCK_MINUTIAE = 2048
"""Minutiae of a block, about: its product with 40 probe minutiae stays in cache."""


@dataclass(frozen=True, slots=True)
class Block:
    """f fingers of one position with room for `slots` minutiae each.

    Attributes:
        descriptors: int8 (slots * f, d), slot-major.
        x: int16 (slots, f).
        y: int16 (slots, f).
        angle: uint16 (slots, f).
        counts: minutiae of each finger, (f,).
        rows: encounter of each finger, (f,).
    """

    slots: int
    descriptors: NDArray[np.int8]
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]
    counts: NDArray[np.intp]
    rows: NDArray[np.intp]

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        arrays = (self.descriptors, self.x, self.y, self.angle, self.counts, self.rows)
        return sum(a.nbytes for a in arrays)


@dataclass(frozen=True, slots=True)
class FingerIndex:
    """Packed fingers of some rows: `fingers[i]` belongs to the row at place `wanted[i]`."""

    fingers: NDArray[np.intp]
    wanted: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PositionPack:
    """All fingers of one position, numbered in block order.

    Attributes:
        counts: minutiae of each finger, (n,).
        block_of: block of each finger, (n,).
        column_of: place of each finger in its block, (n,).
        by_row: fingers ordered by row, (n,).
        rows_sorted: row of each finger in that order, (n,).
    """

    position: int
    blocks: tuple[Block, ...]
    counts: NDArray[np.intp]
    block_of: NDArray[np.intp]
    column_of: NDArray[np.intp]
    by_row: NDArray[np.intp]
    rows_sorted: NDArray[np.intp]

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        arrays = (self.counts, self.block_of, self.column_of, self.by_row, self.rows_sorted)
        return sum(a.nbytes for a in arrays) + sum(b.nbytes for b in self.blocks)

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

    def side(self, finger: int) -> Side:
        """One packed finger, ready to be compared."""
        piece = self._piece(finger)
        return Side(gallery_features(piece.descriptors, piece.angle), *piece[2:])

    def gather(self, fingers: NDArray[np.intp]) -> Iterator[Block]:
        """Some fingers packed anew, in the order given, which is that of their size."""
        return _in_blocks(map(self._piece, fingers.tolist()))

    def _piece(self, finger: int) -> _Piece:
        """Views of one finger's place in its block."""
        block, column = self.blocks[self.block_of[finger]], int(self.column_of[finger])
        n, width = int(self.counts[finger]), len(block.counts)
        return _Piece(
            int(block.rows[column]),
            block.descriptors[column : n * width : width],
            block.x[:n, column],
            block.y[:n, column],
            block.angle[:n, column],
        )


def pack_positions(templates: Sequence[EncounterTemplate]) -> dict[int, PositionPack]:
    """Packs encounters by finger position; row i is `templates[i]`.

    Raises:
        RidgelineError: PARAMETERS_MISMATCH for a template described with other parameters.
    """
    by_position: dict[int, list[tuple[int, FingerTemplate]]] = defaultdict(list)
    for row, template in enumerate(templates):
        require_same_parameters(template)
        for finger in template.fingers:
            kept = finger.cut(PARAMETERS.descriptor.gallery_minutiae_max)
            by_position[int(finger.position)].append((row, kept))
    return {p: pack_fingers(p, fingers) for p, fingers in sorted(by_position.items())}


def pack_fingers(position: int, fingers: Sequence[tuple[int, FingerTemplate]]) -> PositionPack:
    """Packs (row, finger) of one position, small fingers first."""
    ordered = sorted(fingers, key=lambda entry: len(entry[1]))
    pieces = [_Piece(row, f.descriptors, f.x, f.y, f.angle) for row, f in ordered]
    blocks = tuple(_in_blocks(pieces))
    sizes = [len(block.rows) for block in blocks]
    rows = np.concatenate([block.rows for block in blocks])
    by_row = np.argsort(rows, kind="stable")
    return PositionPack(
        position=position,
        blocks=blocks,
        counts=np.concatenate([block.counts for block in blocks]),
        block_of=np.repeat(np.arange(len(blocks)), sizes),
        column_of=np.concatenate([np.arange(size) for size in sizes]),
        by_row=by_row,
        rows_sorted=rows[by_row],
    )


def pack_sketches(templates: Sequence[EncounterTemplate]) -> dict[Level, NDArray[np.int8]]:
    """Rows of every level, int8 (len(templates), level.width)."""
    return {
        level: np.stack([gallery_row(template, level) for template in templates])
        if templates
        else np.zeros((0, level.width), np.int8)
        for level in Level
    }


class _Piece(NamedTuple):
    """One finger on its way into a block; arrays as in `FingerTemplate`."""

    row: int
    descriptors: NDArray[np.int8]
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]


def _in_blocks(pieces: Iterable[_Piece]) -> Iterator[Block]:
    """Blocks of pieces that come in the order of their size, made one at a time."""
    block: list[_Piece] = []
    for piece in pieces:
        if block and len(block) * len(piece.x) >= _BLOCK_MINUTIAE:
            yield _pack_block(block)
            block = []
        block.append(piece)
    if block:
        yield _pack_block(block)


def _pack_block(pieces: Sequence[_Piece]) -> Block:
    slots, width = max(len(pieces[-1].x), 1), len(pieces)
    descriptors = np.zeros((slots, width, DIMENSIONS), np.int8)
    x, y = np.zeros((slots, width), np.int16), np.zeros((slots, width), np.int16)
    angle = np.zeros((slots, width), np.uint16)
    for i, piece in enumerate(pieces):
        n = len(piece.x)
        descriptors[:n, i] = piece.descriptors
        x[:n, i], y[:n, i], angle[:n, i] = piece.x, piece.y, piece.angle
    return Block(
        slots=slots,
        descriptors=descriptors.reshape(slots * width, DIMENSIONS),
        x=x,
        y=y,
        angle=angle,
        counts=np.array([len(piece.x) for piece in pieces], np.intp),
        rows=np.array([piece.row for piece in pieces], np.intp),
    )
