"""A shard's part of the gallery: what is packed, and who was there at which sequence.

It lies in layers: a base, and what came since in smaller ones, the newest of which is packed anew
with every change. Folding makes one layer of several. Removed rows stay, marked with the sequence
of their removal, so that a search of an earlier sequence still sees them; folding everything into
a new base drops them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.matching.backend import PackedGallery
from workers.matching.columns import Columns, MinutiaeSource
from workers.matching.layered import LayeredGallery
from workers.matching.shortlist import Rows, View
from workers.matching.template import EncounterTemplate
from workers.segments.encounters import Encounters

NEVER: Final = np.iinfo(np.int64).max
"""Sequence at which an encounter that is still there was removed."""

LAYER_ROWS: Final = 64
"""Encounters from which on a layer is not packed anew with a change, which a search waits for:
about ten milliseconds."""

LAYERS_MAX: Final = 6
"""Layers beside the base before some are folded together: every search calls for each of them."""

DELTA_MINIMUM: Final = 256
"""Encounters that may have come or gone whatever the base's size, before all is folded."""

DELTA_FRACTION: Final = 0.25
"""Share of the base that may have come or gone before all is folded."""

Pack = Callable[[Columns], PackedGallery]


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

    def history(self, sequence: int) -> str:
        """Names the gallery, and what was done to it up to a sequence: of two galleries, or of
        one before and after it was set back to a copy, these differ. "" for one not reached."""
        ...


def additions(changes: Sequence[GalleryChange]) -> tuple[Encounters, NDArray[np.intp]]:
    """Who was added, and the partition of each."""
    added = [(change, change.template) for change in changes if change.template is not None]
    encounters = Encounters(
        [change.encounter_id for change, _ in added],
        np.array([change.sequence for change, _ in added], np.int64),
        Columns.of([template for _, template in added]),
    )
    return encounters, np.array([change.partition for change, _ in added], np.intp)


@dataclass(frozen=True, slots=True)
class Layer:
    """Packed encounters with the sequences between which each is there; rows in parallel.

    Attributes:
        partition: of each row, (rows,).
        added: int64 (rows,).
        removed: int64 (rows,), NEVER while it is there.
        of_partition: rows of each partition that has any, ascending.
        row_of: row of each encounter.
    """

    gallery: PackedGallery
    ids: Sequence[str]
    partition: NDArray[np.intp]
    added: NDArray[np.int64]
    removed: NDArray[np.int64]
    of_partition: Mapping[int, Rows]
    row_of: Mapping[str, int]

    @staticmethod
    def of(
        pack: Pack,
        encounters: Encounters,
        partition: NDArray[np.intp],
        removed: NDArray[np.int64] | None = None,
    ) -> Layer:
        """Packs encounters, none of them removed unless it is said."""
        order = np.argsort(partition, kind="stable")
        present, starts = np.unique(partition[order], return_index=True)
        rows = np.split(order, starts[1:])
        return Layer(
            pack(encounters.columns),
            encounters.ids,
            partition,
            encounters.added,
            np.full(len(partition), NEVER, np.int64) if removed is None else removed,
            dict(zip(present.tolist(), rows, strict=len(present) > 0)),
            {name: row for row, name in enumerate(encounters.ids)},
        )

    @property
    def encounters(self) -> Encounters:
        """What it was packed from."""
        return Encounters(self.ids, self.added, self.gallery.columns)


@dataclass(frozen=True, slots=True)
class Fold:
    """Layers that are to become one; rows are numbered through them.

    Attributes:
        layers: places of the first and after the last of them in the state.
        encounters: of them all.
        partition: of each row.
        kept: rows that the new layer has, in its order.
        changed: partitions that somebody came to, or is dropped from, since the base.
        earliest: sequence that can be shown when the others are gone.
    """

    layers: slice
    encounters: Encounters
    partition: NDArray[np.intp]
    kept: NDArray[np.intp]
    changed: frozenset[int]
    earliest: int

    def rows_of(self, partition: int) -> NDArray[np.intp]:
        """Those that are kept of one partition."""
        rows: NDArray[np.intp] = self.kept[self.partition[self.kept] == partition]
        return rows

    def layer(self, gallery: PackedGallery) -> Layer:
        """The new layer, given what is kept as it was packed."""
        whole = self.encounters
        ids = [whole.ids[row] for row in self.kept.tolist()]
        light = Encounters(ids, whole.added[self.kept], gallery.columns)
        return Layer.of(lambda _: gallery, light, self.partition[self.kept])


@dataclass(frozen=True, slots=True)
class GalleryState:
    """Everything that a search needs, replaced as a whole: searches under way keep theirs.

    Attributes:
        layers: the base first.
        partitions: all that is held; changes of others are not followed.
        sequence: applied so far.
        earliest: sequence that can be shown; what was there only before is not known here.
        segments: partitions that have a segment with the base's rows in their order, and where
            those are read on demand.
    """

    layers: tuple[Layer, ...]
    partitions: tuple[int, ...]
    sequence: int
    earliest: int
    segments: Mapping[int, MinutiaeSource] = field(default_factory=dict)

    @property
    def gallery(self) -> LayeredGallery:
        """What is packed, base first."""
        return LayeredGallery(tuple(layer.gallery for layer in self.layers))

    @property
    def encounters(self) -> int:
        """There at its sequence."""
        return sum(int((layer.removed == NEVER).sum()) for layer in self.layers)

    def encounter_id(self, row: int) -> str:
        """Of a packed row."""
        for layer in self.layers:
            if row < len(layer.ids):
                return layer.ids[row]
            row -= len(layer.ids)
        raise IndexError("no such row")

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
        there = [(layer.added <= sequence) & (sequence < layer.removed) for layer in self.layers]
        for layer, of_layer in zip(self.layers, there, strict=True):
            of_layer[[layer.row_of[e] for e in hidden if e in layer.row_of]] = False
        return View.of([self._rows(p) for p in partitions], np.concatenate(there))

    def apply(
        self, pack: Pack, changes: Sequence[GalleryChange], sequence: int, *, settled: int = 1
    ) -> GalleryState:
        """The state after some changes; this one stays as it is for searches under way.

        Args:
            settled: layers that are left as they are but for marks: the base, and what is
                being folded.
        """
        came, partition = additions(changes)
        layers = list(self.layers)
        if came.ids:
            removed = None
            last = layers[-1]
            if len(layers) > settled and len(last.ids) < LAYER_ROWS:
                layers.pop()
                removed = np.concatenate([last.removed, np.full(len(came.ids), NEVER, np.int64)])
                came = Encounters.join([last.encounters, came])
                partition = np.concatenate([last.partition, partition])
            layers.append(Layer.of(pack, came, partition, removed))
        earliest = self.earliest
        gone = [change for change in changes if change.template is None]
        if gone:
            layers = [replace(layer, removed=layer.removed.copy()) for layer in layers]
        for change in gone:
            layer = next((x for x in reversed(layers) if change.encounter_id in x.row_of), None)
            if layer is None:
                # It came and went since; only from its removal on is nothing missing.
                earliest = max(earliest, change.sequence)
            else:
                layer.removed[layer.row_of[change.encounter_id]] = change.sequence
        return replace(self, layers=tuple(layers), sequence=sequence, earliest=earliest)

    def due(self) -> int | None:
        """First of the layers that should be folded with all after it; None for none yet."""
        base, *delta = [len(layer.ids) for layer in self.layers]
        gone = sum(int((layer.removed != NEVER).sum()) for layer in self.layers)
        if sum(delta) + gone > max(DELTA_MINIMUM, int(DELTA_FRACTION * base)):
            return 0
        if len(delta) <= LAYERS_MAX:
            return None
        # A layer is worth folding when as much has come after it, so that little is packed often.
        for place, rows in enumerate(delta[:-1]):
            if rows <= sum(delta[place + 1 :]):
                return 1 + place
        return len(delta) - 1

    def fold(self, first: int) -> Fold:
        """Makes one layer of those from `first` on; of all of them, without who is gone."""
        layers = self.layers[first:]
        encounters = Encounters.join([layer.encounters for layer in layers])
        partition = np.concatenate([layer.partition for layer in layers])
        removed = np.concatenate([layer.removed for layer in layers])
        dropped = (removed != NEVER) & (first == 0)
        # Partitions lie side by side, so that their sketches are compared in whole blocks.
        kept = np.flatnonzero(~dropped)
        kept = kept[np.argsort(partition[kept], kind="stable")]
        touched = dropped.copy()
        touched[len(layers[0].ids) :] = True
        return Fold(
            slice(first, len(self.layers)),
            encounters,
            partition,
            kept,
            frozenset(partition[touched].tolist()),
            max(self.earliest, int(removed.max(where=dropped, initial=0))),
        )

    def folded(self, fold: Fold, layer: Layer) -> GalleryState:
        """This state, or what later changes made of it, with a fold's layers replaced by one."""
        removed = np.concatenate([old.removed for old in self.layers[fold.layers]])
        layer = replace(layer, removed=removed[fold.kept])
        layers = (*self.layers[: fold.layers.start], layer, *self.layers[fold.layers.stop :])
        return replace(self, layers=layers, earliest=max(self.earliest, fold.earliest))

    def _rows(self, partition: int) -> Rows:
        """Packed rows of a partition, ascending."""
        found, first = [], 0
        for layer in self.layers:
            if partition in layer.of_partition:
                found.append(layer.of_partition[partition] + first)
            first += len(layer.ids)
        return np.concatenate(found) if len(found) > 1 else (found or [np.zeros(0, np.intp)])[0]
