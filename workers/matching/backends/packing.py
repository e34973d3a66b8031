"""The packed form of a gallery: fingers of one position in blocks of about equal size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Checkpoint
from workers.matching.blocks import Block, spans
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import require_same_parameters
from workers.matching.similarity import DIMENSIONS
from workers.matching.sketch import Level, gallery_row
from workers.matching.template import EncounterTemplate, FingerTemplate

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
        by_row: fingers ordered by row, (n,).
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
    counts = np.array([len(finger) for _, finger in ordered], np.intp)
    places = list(spans(counts))
    shapes = [(slots, span.stop - span.start) for span, slots in places]
    starts = np.concatenate([[0], np.cumsum([slots * width for slots, width in shapes])])
    minutiae = Block.empty(int(starts[-1]) + 1, np.array([starts[-1] + 1], np.intp))
    blocks = tuple(
        _part(minutiae, int(start), shape, counts[span])
        for start, shape, (span, _) in zip(starts[:-1], shapes, places, strict=True)
    )
    for block, (span, _) in zip(blocks, places, strict=True):
        for place, (_, finger) in enumerate(ordered[span]):
            block.put(place, finger)
    widths = np.array([width for _, width in shapes])
    stride = np.repeat(widths, widths)
    column = np.concatenate([np.arange(width) for width in widths])
    rows = np.array([row for row, _ in ordered], np.intp)
    by_row = np.argsort(rows, kind="stable")
    return PositionPack(
        position=position,
        blocks=blocks,
        minutiae=minutiae,
        counts=counts,
        first=np.repeat(starts[:-1], widths) + column,
        stride=stride,
        by_row=by_row,
        rows_sorted=rows[by_row],
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


def pack_sketches(templates: Sequence[EncounterTemplate]) -> dict[Level, NDArray[np.int8]]:
    """Rows of every level, int8 (len(templates), level.width)."""
    return {
        level: np.stack([gallery_row(template, level) for template in templates])
        if templates
        else np.zeros((0, level.width), np.int8)
        for level in Level
    }
