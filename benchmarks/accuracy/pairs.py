"""Which prints are compared: all pairs of one set, or all pairs between two sensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordinator.evaluate.bootstrap import finger_numbers

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Comparisons of prints, as parallel arrays (m,).

    Attributes:
        first: index of the probe among the probes.
        second: index of the other print among the gallery's.
        fingers: numbers of the two fingers, (m, 2); one number a finger on both sides.
    """

    first: Index
    second: Index
    fingers: Index

    def __len__(self) -> int:
        return len(self.first)

    @property
    def genuine(self) -> NDArray[np.bool_]:
        """Which pairs are of one finger, (m,)."""
        return np.asarray(self.fingers[:, 0] == self.fingers[:, 1])

    def take(self, index: Index | NDArray[np.bool_]) -> Pairs:
        """The pairs that `index` selects."""
        return Pairs(self.first[index], self.second[index], self.fingers[index])


def within(fingers: Sequence[str]) -> Pairs:
    """All pairs i < j of a set whose prints are of these fingers."""
    numbers = finger_numbers(fingers)
    first, second = np.triu_indices(len(fingers), 1)
    return Pairs(
        first.astype(np.intp),
        second.astype(np.intp),
        np.stack([numbers[first], numbers[second]], axis=1),
    )


def across(probes: Sequence[str], gallery: Sequence[str]) -> Pairs:
    """Every print of one sensor against every print of the other.

    A finger has the same name on both; one that only one of them saw takes part in impostor
    pairs alone.
    """
    numbers = finger_numbers([*probes, *gallery])
    rows, columns = (side.ravel() for side in np.indices((len(probes), len(gallery))))
    return Pairs(
        rows.astype(np.intp),
        columns.astype(np.intp),
        np.stack([numbers[rows], numbers[len(probes) + columns]], axis=1),
    )


def cap_impostors(pairs: Pairs, most: int, seed: int) -> Index:
    """Indices of all genuine pairs and of at most so many impostor pairs, drawn without
    replacement; ascending."""
    genuine, impostor = np.flatnonzero(pairs.genuine), np.flatnonzero(~pairs.genuine)
    if len(impostor) > most:
        impostor = np.random.default_rng(seed).choice(impostor, most, replace=False)
    return np.sort(np.concatenate([genuine, impostor])).astype(np.intp)


def person_numbers(pairs: Pairs, fingers: Sequence[str]) -> Index:
    """Numbers of the two persons of each pair, (m, 2).

    Args:
        fingers: every name that the pairs were made from, ``PERSON_FINGER``.
    """
    names = np.unique(np.asarray(fingers))
    of_finger = finger_numbers([str(name).partition("_")[0] for name in names])
    return of_finger[pairs.fingers]
