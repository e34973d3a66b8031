"""A shard's part of the gallery: what is packed, and who was there at which sequence.

Removed rows stay, marked with the sequence of their removal, so that a search of an earlier
sequence still sees them; folding the delta into the base drops them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import Backend, PackedGallery
from workers.matching.columns import Columns
from workers.matching.layered import LayeredGallery
from workers.matching.shortlist import Rows, View
from workers.matching.template import EncounterTemplate

NEVER: Final = np.iinfo(np.int64).max
"""Sequence at which an encounter that is still there was removed."""

DELTA_MINIMUM: Final = 256
"""Encounters the delta may hold whatever the base's size, before it is folded in."""

DELTA_FRACTION: Final = 0.25
"""Share of the base that the delta may reach before it is folded in."""


@dataclass(frozen=True, slots=True)
class GalleryChange:
    """One encounter added (`template` given) or removed (`template` is None)."""

    sequence: int
    partition: int
    encounter_id: str
    template: EncounterTemplate | None


class GallerySource(Protocol):
    """Where a shard reads its partitions from; one process, one source."""

    def changes(
        self, partitions: Collection[int], *, after: int, upto: int
    ) -> Iterator[GalleryChange]:
        """Changes of `partitions` with `after < sequence <= upto`, in sequence order.

        An encounter that was added and removed again within the span comes as its removal
        alone; read from 0 on, it does not come at all, so that loading costs what is there
        now, not what ever was.
        """
        ...

    def sequence(self) -> int:
        """The newest committed sequence."""
        ...


@dataclass(frozen=True, slots=True)
class Layer:
    """Packed encounters with the sequences between which each is there; rows in parallel.

    Attributes:
        added: int64 (rows,).
        removed: int64 (rows,), NEVER while it is there.
        of_partition: rows of each partition that has any, ascending.
        row_of: row of each encounter.
    """

    gallery: PackedGallery
    ids: Sequence[str]
    added: NDArray[np.int64]
    removed: NDArray[np.int64]
    of_partition: Mapping[int, Rows]
    row_of: Mapping[str, int]

    @staticmethod
    def of(backend: Backend, changes: Sequence[GalleryChange]) -> Layer:
        """Packs additions."""
        partitions = np.array([c.partition for c in changes], np.int64)
        order = np.argsort(partitions, kind="stable")
        present, starts = np.unique(partitions[order], return_index=True)
        return Layer(
            backend.pack(Columns.of([c.template for c in changes if c.template is not None])),
            [c.encounter_id for c in changes],
            np.array([c.sequence for c in changes], np.int64),
            np.full(len(changes), NEVER, np.int64),
            dict(zip(present.tolist(), np.split(order, starts[1:]), strict=bool(changes))),
            {c.encounter_id: row for row, c in enumerate(changes)},
        )


@dataclass(frozen=True, slots=True)
class GalleryState:
    """Everything that a search needs, replaced as a whole: searches under way keep theirs.

    Attributes:
        base: what was there when it was packed.
        delta: what came since; few rows, packed anew with every change.
        pending: the delta's additions, to pack them again.
        sequence: applied so far.
        earliest: sequence that can be shown; what was there only before is not known here.
    """

    base: Layer
    delta: Layer
    pending: Sequence[GalleryChange]
    sequence: int
    earliest: int

    @staticmethod
    def load(backend: Backend, changes: Sequence[GalleryChange], sequence: int) -> GalleryState:
        """What is there at a sequence, given all that was ever added and not removed."""
        # Partitions lie side by side, so that their sketches are compared in whole blocks.
        ordered = sorted(changes, key=lambda change: change.partition)
        empty = Layer.of(backend, [])
        return GalleryState(Layer.of(backend, ordered), empty, [], sequence, sequence)

    @property
    def gallery(self) -> LayeredGallery:
        """What is packed, base first."""
        return LayeredGallery((self.base.gallery, self.delta.gallery))

    @property
    def encounters(self) -> int:
        """There at its sequence."""
        return sum(int((layer.removed == NEVER).sum()) for layer in (self.base, self.delta))

    def encounter_id(self, row: int) -> str:
        """Of a packed row."""
        base_rows = len(self.base.ids)
        return self.base.ids[row] if row < base_rows else self.delta.ids[row - base_rows]

    def shows(self, sequence: int) -> bool:
        """Whether what was there at a sequence is known."""
        return self.earliest <= sequence <= self.sequence

    def view(
        self, sequence: int, partitions: tuple[int, ...], hidden: Collection[str] = ()
    ) -> View:
        """What a search of some partitions sees at a sequence that `shows` allows.

        Args:
            hidden: encounters that are not there for it.
        """
        there = [
            (layer.added <= sequence) & (sequence < layer.removed)
            for layer in (self.base, self.delta)
        ]
        for layer, of_layer in zip((self.base, self.delta), there, strict=True):
            of_layer[[layer.row_of[e] for e in hidden if e in layer.row_of]] = False
        return View.of([self._rows(p) for p in partitions], np.concatenate(there))

    def fits(self, added: int) -> bool:
        """Whether the delta may grow by so many encounters."""
        most = max(DELTA_MINIMUM, int(DELTA_FRACTION * len(self.base.ids)))
        return len(self.pending) + added <= most

    def apply(
        self, backend: Backend, changes: Sequence[GalleryChange], sequence: int
    ) -> GalleryState:
        """The state after some changes; this one stays as it is for searches under way."""
        added = [change for change in changes if change.template is not None]
        pending = [*self.pending, *added]
        base = replace(self.base, removed=self.base.removed.copy())
        if added:
            delta = Layer.of(backend, pending)
            delta.removed[: len(self.delta.removed)] = self.delta.removed
        else:
            delta = replace(self.delta, removed=self.delta.removed.copy())
        earliest = self.earliest
        for change in changes:
            if change.template is None:
                layer = next((x for x in (delta, base) if change.encounter_id in x.row_of), None)
                if layer is None:
                    # It came and went since; only from its removal on is nothing missing.
                    earliest = max(earliest, change.sequence)
                else:
                    layer.removed[layer.row_of[change.encounter_id]] = change.sequence
        return GalleryState(base, delta, pending, sequence, earliest)

    def _rows(self, partition: int) -> Rows:
        """Packed rows of a partition, ascending."""
        none = np.zeros(0, np.intp)
        base = self.base.of_partition.get(partition, none)
        delta = self.delta.of_partition.get(partition, none)
        return np.concatenate([base, delta + len(self.base.ids)]) if len(delta) else base
