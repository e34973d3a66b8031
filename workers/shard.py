"""A shard: some partitions of the gallery in memory, searched at an exact sequence.

Pure: it knows neither Ray nor the store, only a `GallerySource` to read changes from.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Backend, PackedGallery
from workers.matching.layered import LayeredBackend, LayeredGallery
from workers.matching.probe import Probe
from workers.matching.search import RowsAnswer, search_partitions
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
class ShardRequest:
    """One search of some partitions of a shard.

    Attributes:
        search_id: names the search for cancellation.
        probe: prepared once, by the coordinator.
        partitions: to search; all must be placed on this shard.
        sequence: the exact gallery sequence to answer at.
        limit: hits to return from each partition at most.
        exhaustive: leave the sketch out, so that every row is screened.
        timeout_s: budget for this attempt, seconds from its arrival.
    """

    search_id: str
    probe: Probe
    partitions: tuple[int, ...]
    sequence: int
    limit: int
    exhaustive: bool
    timeout_s: float


@dataclass(frozen=True, slots=True)
class EncounterHit:
    """An encounter that reached the end of the pipeline.

    Attributes:
        fused_score: unclamped fused score, the ranking key; higher is more alike.
        finger_scores: raw consolidated score by finger position 1-10, common fingers only.
    """

    encounter_id: str
    fused_score: float
    finger_scores: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class PartitionAnswer:
    """What one partition answered at the requested sequence.

    Attributes:
        sketched: encounters that the sketch compared; 0 where it was left out.
        screened: encounters that the screen compared.
        consolidated: encounters that consolidation compared.
        hits: best first, ties by encounter id.
    """

    partition: int
    sketched: int
    screened: int
    consolidated: int
    hits: tuple[EncounterHit, ...]


@dataclass(frozen=True, slots=True)
class ShardAnswer:
    """What a shard answered; `partitions` holds exactly the requested ones.

    Attributes:
        stage_seconds: wall time by stage name (``"screen"``, ``"consolidate"``).
    """

    shard_id: str
    backend: str
    sequence: int
    partitions: tuple[PartitionAnswer, ...]
    stage_seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ShardState:
    """A shard's own account of itself."""

    shard_id: str
    backend: str
    partitions: tuple[int, ...]
    encounters: int
    sequence: int
    nbytes: int


@dataclass(slots=True)
class _Layer:
    """Packed encounters with the sequences between which each is there; rows in parallel."""

    gallery: PackedGallery
    ids: list[str]
    partition: NDArray[np.int64]
    added: NDArray[np.int64]
    removed: NDArray[np.int64]

    @staticmethod
    def of(backend: Backend, changes: list[GalleryChange]) -> _Layer:
        """Packs additions."""
        return _Layer(
            backend.pack([c.template for c in changes if c.template is not None]),
            [c.encounter_id for c in changes],
            np.array([c.partition for c in changes], np.int64),
            np.array([c.sequence for c in changes], np.int64),
            np.full(len(changes), NEVER, np.int64),
        )


@dataclass(slots=True)
class _State:
    """Everything a search needs, replaced as a whole so that searches under way keep theirs.

    Attributes:
        base: what was there when it was packed.
        delta: what came since; few rows, packed anew with every change.
        delta_changes: the delta's additions, to pack them again.
        sequence: applied so far.
        earliest: sequence that can be shown; what was there only before is not known here.
        rows: row of each encounter, base first, then delta.
    """

    base: _Layer
    delta: _Layer
    delta_changes: list[GalleryChange]
    sequence: int
    earliest: int
    rows: dict[str, int]


class Shard:
    """Holds some partitions and answers searches of them at an exact sequence.

    Removed rows stay, marked with the sequence of their removal, so that a search of an
    earlier sequence still sees them; folding the delta into the base drops them. Searches may
    run side by side; changes are applied by one thread at a time.
    """

    def __init__(
        self,
        shard_id: str,
        partitions: Collection[int],
        source: GallerySource,
        backend: Backend,
    ) -> None:
        self.shard_id = shard_id
        self.partitions = tuple(sorted(partitions))
        self._source = source
        self._backend = backend
        self._layered = LayeredBackend(backend)
        self._applying = threading.Lock()
        self._state = self._load(0)

    def load(self) -> None:
        """Reads every partition from the source as of its newest sequence."""
        with self._applying:
            self._state = self._load(self._source.sequence())

    def catch_up(self, sequence: int) -> None:
        """Applies the source's changes up to `sequence`; does nothing if they are applied.

        Raises:
            RidgelineError: SEQUENCE_UNAVAILABLE if the source has not come that far.
        """
        if self._state.sequence >= sequence:
            return
        with self._applying:
            state = self._state
            if state.sequence >= sequence:
                return
            if self._source.sequence() < sequence:
                raise RidgelineError(
                    ErrorCode.SEQUENCE_UNAVAILABLE, f"the store has not reached {sequence} here"
                )
            if state.sequence == 0:
                self._state = self._load(sequence)
                return
            changes = self._source.changes(self.partitions, after=state.sequence, upto=sequence)
            self._state = self._apply(state, list(changes), sequence)

    def search(
        self, request: ShardRequest, cancelled: Callable[[], bool] = lambda: False
    ) -> ShardAnswer:
        """Searches the requested partitions as of the requested sequence.

        Raises:
            RidgelineError: SEQUENCE_UNAVAILABLE, when the shard cannot show that sequence;
                SHARD_UNAVAILABLE, when a partition is not placed here; DEADLINE_EXCEEDED or
                CANCELLED, between blocks of work.
        """
        deadline = time.monotonic() + request.timeout_s

        def checkpoint() -> None:
            if cancelled():
                raise RidgelineError(ErrorCode.CANCELLED, "the search was cancelled")
            if time.monotonic() > deadline:
                raise RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "the shard ran out of time")

        if not set(request.partitions) <= set(self.partitions):
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "a partition is not placed here")
        self.catch_up(request.sequence)
        state = self._state
        if request.sequence < state.earliest:
            raise RidgelineError(
                ErrorCode.SEQUENCE_UNAVAILABLE,
                f"sequence {request.sequence} cannot be shown here any more",
            )
        layers = (state.base, state.delta)
        visible = _visible(layers, request.partitions, request.sequence)
        answer = search_partitions(
            self._layered,
            request.probe,
            LayeredGallery(tuple(layer.gallery for layer in layers)),
            visible,
            limit=request.limit,
            exhaustive=request.exhaustive,
            checkpoint=checkpoint,
        )
        ids = [*state.base.ids, *state.delta.ids]
        return ShardAnswer(
            shard_id=self.shard_id,
            backend=self._backend.name,
            sequence=request.sequence,
            partitions=tuple(
                partition_answer(partition, rows, ids)
                for partition, rows in zip(request.partitions, answer.partitions, strict=True)
            ),
            stage_seconds=answer.stage_seconds,
        )

    def state(self) -> ShardState:
        """The shard's account of itself."""
        state = self._state
        present = sum(int((x.removed == NEVER).sum()) for x in (state.base, state.delta))
        return ShardState(
            shard_id=self.shard_id,
            backend=self._backend.name,
            partitions=self.partitions,
            encounters=present,
            sequence=state.sequence,
            nbytes=state.base.gallery.nbytes + state.delta.gallery.nbytes,
        )

    def _load(self, sequence: int) -> _State:
        changes = (
            list(self._source.changes(self.partitions, after=0, upto=sequence)) if sequence else []
        )
        # Partitions lie side by side, so that their sketches are compared in whole blocks.
        changes.sort(key=lambda change: change.partition)
        base = _Layer.of(self._backend, changes)
        delta = _Layer.of(self._backend, [])
        return _State(base, delta, [], sequence, sequence, _index(base))

    def _apply(self, state: _State, changes: list[GalleryChange], sequence: int) -> _State:
        """The state after some changes; the old one stays as it was for searches under way."""
        added = [change for change in changes if change.template is not None]
        pending = state.delta_changes + added
        base_rows = len(state.base.ids)
        if len(pending) > max(DELTA_MINIMUM, int(DELTA_FRACTION * base_rows)):
            return self._load(sequence)
        base = replace(state.base, removed=state.base.removed.copy())
        delta = state.delta
        if added:
            delta = _Layer.of(self._backend, pending)
            delta.removed[: len(state.delta.removed)] = state.delta.removed
        else:
            delta = replace(delta, removed=delta.removed.copy())
        rows = dict(state.rows) | {
            c.encounter_id: base_rows + len(state.delta_changes) + i for i, c in enumerate(added)
        }
        earliest = state.earliest
        for change in changes:
            if change.template is None:
                row = rows.get(change.encounter_id, -1)
                if row < 0:
                    # It came and went since; only from its removal on is nothing missing.
                    earliest = max(earliest, change.sequence)
                    continue
                layer, at = (base, row) if row < base_rows else (delta, row - base_rows)
                layer.removed[at] = change.sequence
        return _State(base, delta, pending, sequence, earliest, rows)


def _index(base: _Layer) -> dict[str, int]:
    return {encounter_id: row for row, encounter_id in enumerate(base.ids)}


def _visible(
    layers: tuple[_Layer, ...], partitions: tuple[int, ...], sequence: int
) -> list[NDArray[np.intp]]:
    """Rows of each partition that are there as of a sequence."""
    partition = np.concatenate([layer.partition for layer in layers])
    there = np.concatenate(
        [(layer.added <= sequence) & (sequence < layer.removed) for layer in layers]
    )
    return [np.flatnonzero(there & (partition == wanted)) for wanted in partitions]


def partition_answer(partition: int, rows: RowsAnswer, ids: list[str]) -> PartitionAnswer:
    """What a partition's rows answered, by encounter id, ties in its order."""
    hits = [
        EncounterHit(
            encounter_id=ids[row],
            fused_score=float(fused),
            finger_scores={
                finger + 1: float(score)
                for finger, score in enumerate(scores)
                if not np.isnan(score)
            },
        )
        for row, fused, scores in zip(rows.rows, rows.fused, rows.finger_scores, strict=True)
    ]
    hits.sort(key=lambda hit: (-hit.fused_score, hit.encounter_id))
    return PartitionAnswer(partition, rows.sketched, rows.screened, rows.consolidated, tuple(hits))
