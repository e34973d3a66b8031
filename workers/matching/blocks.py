"""Fingers side by side, slot-major: the form in which stages compare many at once.

Row s * f + i of a block's descriptors is minutia s of finger i, so a maximum over the minutiae of
each finger runs over contiguous rows. Fingers with fewer minutiae than the block has slots are
padded with zeros, whose similarity to anything is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.similarity import DIMENSIONS, FEATURES, fill_features
from workers.matching.template import FingerTemplate

BLOCK_MINUTIAE = 6144
"""Minutiae of a block, about: few enough for the cache, enough to be worth the calls."""

_WIDTHS = np.arange(1, BLOCK_MINUTIAE)


@dataclass(frozen=True, slots=True)
class Block:
    """f fingers of about equal size with room for s minutiae each.

    Attributes:
        descriptors: int8 (s, f, d).
        x: int16 (s, f).
        y: int16 (s, f).
        angle: uint16 (s, f).
        counts: minutiae of each finger, (f,).
    """

    descriptors: NDArray[np.int8]
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    angle: NDArray[np.uint16]
    counts: NDArray[np.intp]

    @staticmethod
    def empty(slots: int, counts: NDArray[np.intp]) -> Block:
        """Room for fingers of so many minutiae."""
        shape = (slots, len(counts))
        return Block(
            np.zeros((*shape, DIMENSIONS), np.int8),
            np.zeros(shape, np.int16),
            np.zeros(shape, np.int16),
            np.zeros(shape, np.uint16),
            counts,
        )

    @property
    def slots(self) -> int:
        """Minutiae that a finger has room for."""
        return len(self.x)

    @property
    def minutiae(self) -> int:
        """Slots of all fingers, padding included."""
        return self.x.size

    def put(self, column: int, finger: FingerTemplate) -> None:
        """Writes a finger into its place."""
        n = len(finger)
        self.descriptors[:n, column] = finger.descriptors
        self.x[:n, column] = finger.x
        self.y[:n, column] = finger.y
        self.angle[:n, column] = finger.angle

    def fill_features(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `similarity.fill_features`, (s * f, FEATURES)."""
        fill_features(features, self.descriptors.reshape(-1, DIMENSIONS), self.angle.ravel())
        return features

    def features(self) -> NDArray[np.float32]:
        """The same in a new array."""
        return self.fill_features(np.empty((self.minutiae, FEATURES), np.float32))


def spans(counts: NDArray[np.intp]) -> Iterator[tuple[slice, int]]:
    """Which fingers, in the order of their size, go into a block together, and its slots."""
    end = 0
    while end < len(counts):
        start = end
        window = counts[start : start + BLOCK_MINUTIAE]
        # The last finger to come in is the largest and may exceed the limit.
        end += 1 + int(np.searchsorted(window[1:] * _WIDTHS[: len(window) - 1], BLOCK_MINUTIAE))
        # Fingers without a minutia have a slot too, so that there is something to reduce.
        yield slice(start, end), max(int(counts[end - 1]), 1)


def in_blocks(fingers: Sequence[FingerTemplate]) -> Iterator[Block]:
    """Blocks of fingers that come in the order of their size."""
    counts = np.array([len(finger) for finger in fingers], np.intp)
    for span, slots in spans(counts):
        block = Block.empty(slots, counts[span])
        for column, finger in enumerate(fingers[span]):
            block.put(column, finger)
        yield block
