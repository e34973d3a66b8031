"""Encounters with their ids and when they came, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.columns import Columns


@dataclass(frozen=True, slots=True)
class Encounters:
    """n encounters, in parallel.

    Attributes:
        ids: of each.
        added: sequence at which each came, int64 (n,).
        columns: what is compared.
    """

    ids: Sequence[str]
    added: NDArray[np.int64]
    columns: Columns

    @staticmethod
    def join(parts: Sequence[Encounters]) -> Encounters:
        """Some, one after another."""
        return Encounters(
            [name for part in parts for name in part.ids],
            np.concatenate([np.zeros(0, np.int64), *(part.added for part in parts)]),
            Columns.join([part.columns for part in parts]),
        )

    def take(self, rows: NDArray[np.intp]) -> Encounters:
        """Some of them, in the order given."""
        ids = [self.ids[row] for row in rows.tolist()]
        return Encounters(ids, self.added[rows], self.columns.take(rows))

    def runs(self, rows: int) -> Iterator[Encounters]:
        """All of them, so many at a time."""
        for first in range(0, len(self.ids), rows):
            yield self.take(np.arange(first, min(first + rows, len(self.ids))))
