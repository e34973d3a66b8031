"""A shard: some partitions of the gallery in memory, searched at an exact sequence.

It knows neither Ray nor the store, only a `GallerySource` to read changes from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from workers.errors import ErrorCode, RidgelineError
from workers.gallery_keeper import GalleryKeeper
from workers.matching.backend import Backend, Checkpoint
from workers.matching.layered import LayeredBackend
from workers.matching.on_demand import OnDemandBackend
from workers.matching.probe import Probe
from workers.matching.search import RowsAnswer, search_left
from workers.matching.shortlist import NOT_SKETCHED, Left, View, compare_everybody, first_level
from workers.matching.sketch import Level
from workers.search_pool import SearchPool
from workers.segments.folder import SegmentSettings
from workers.segments.layout import SegmentError
from workers.shard_gallery import GallerySource, GalleryState

SEARCHES_AT_ONCE: Final = 2
"""Threads of a shard; the second fills the gaps of the first's Python."""


@dataclass(frozen=True, slots=True)
class ShardRequest:
    """One search of some partitions of a shard.

    Attributes:
        request_id: names this request, and no other, for cancellation.
        probe: prepared once, by the coordinator.
        partitions: to search; all must be placed on this shard.
        sequence: the exact gallery sequence to answer at.
        limit: hits to return from each partition at most.
        exhaustive: leave the sketch out, so that every row is screened.
        timeout_s: budget for this attempt, seconds from its arrival.
        hidden: encounters that are not there for this search, whichever the partition.
    """

    request_id: str
    probe: Probe
    partitions: tuple[int, ...]
    sequence: int
    limit: int
    exhaustive: bool
    timeout_s: float
    hidden: frozenset[str] = frozenset()


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
        stage_seconds: wall time by stage name (``"sketch"``, ``"screen"``, ``"consolidate"``).
    """

    shard_id: str
    backend: str
    sequence: int
    partitions: tuple[PartitionAnswer, ...]
    stage_seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ShardState:
    """A shard's own account of itself.

    Attributes:
        passes: over the sketches, since it started.
        passed: searches that these passes were for; several may share one.
    """

    shard_id: str
    backend: str
    partitions: tuple[int, ...]
    encounters: int
    sequence: int
    nbytes: int
    passes: int
    passed: int


class _Group(NamedTuple):
    """Searches that may share a pass: they begin at one level, in the same partitions."""

    level: Level
    partitions: tuple[int, ...]


@dataclass(eq=False, slots=True)
class _Search:
    """A request on its way.

    Attributes:
        state: shows its sequence.
        view: what it sees of that state, once that is looked up.
        left: by the pass over the sketches, if it has one.
    """

    request: ShardRequest
    state: GalleryState
    view: View | None = None
    left: Left = NOT_SKETCHED


class Shard:
    """Holds some partitions and answers searches of them at an exact sequence.

    Searches may come side by side, each in a thread that waits for its answer; the work is done
    by `SEARCHES_AT_ONCE` threads of the shard's own. Changes are applied by one caller at a time.
    """

    def __init__(
        self,
        shard_id: str,
        partitions: Collection[int],
        source: GallerySource,
        backend: Backend,
        segments: SegmentSettings | None = None,
    ) -> None:
        self.shard_id = shard_id
        self._backend = backend
        searching = OnDemandBackend(backend)
        self._layered = LayeredBackend(searching)
        self._keeper = GalleryKeeper(partitions, source, searching, segments, shard_id)
        self._pool: SearchPool[_Search, _Group, ShardAnswer] = SearchPool(
            self._compare, self._finish, threads=SEARCHES_AT_ONCE, name=shard_id
        )
        self._passes = self._passed = 0

    @property
    def partitions(self) -> tuple[int, ...]:
        """Held now, ascending."""
        return self._keeper.state.partitions

    def load(self) -> None:
        """See `GalleryKeeper.load`."""
        self._keeper.load()

    def assign(self, partitions: Collection[int]) -> None:
        """See `GalleryKeeper.assign`."""
        self._keeper.assign(partitions)

    def fold(self) -> None:
        """See `GalleryKeeper.fold`."""
        self._keeper.fold()

    def close(self) -> None:
        """Ends its threads, once every search has come to its end."""
        self._pool.close()
        self._keeper.close()

    def catch_up(self, sequence: int, checkpoint: Checkpoint = lambda: None) -> None:
        """See `GalleryKeeper.catch_up`."""
        self._keeper.catch_up(sequence, checkpoint)

    def search(
        self, request: ShardRequest, cancelled: Callable[[], bool] = lambda: False
    ) -> ShardAnswer:
        """Searches the requested partitions as of the requested sequence.

        Raises:
            RidgelineError: SEQUENCE_UNAVAILABLE, when the shard cannot show that sequence;
                SHARD_UNAVAILABLE, when a partition is not placed here; DEADLINE_EXCEEDED or
                CANCELLED, wherever the search is then.
        """
        deadline = time.monotonic() + request.timeout_s

        def checkpoint() -> None:
            if cancelled():
                raise RidgelineError(ErrorCode.CANCELLED, "the search was cancelled")
            if time.monotonic() > deadline:
                raise RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "the shard ran out of time")

        checkpoint()
        self._keeper.catch_up(request.sequence, checkpoint)
        state = self._keeper.state
        if not set(request.partitions) <= set(state.partitions):
            raise RidgelineError(ErrorCode.SHARD_UNAVAILABLE, "a partition is not placed here")
        if not state.shows(request.sequence):
            raise RidgelineError(
                ErrorCode.SEQUENCE_UNAVAILABLE,
                f"sequence {request.sequence} cannot be shown here any more",
            )
        level = first_level(request.probe, exhaustive=request.exhaustive)
        group = None if level is None else _Group(level, request.partitions)
        try:
            return self._pool.run(_Search(request, state), group, checkpoint)
        except SegmentError:
            # Another replica answers this one; the next finds a gallery without the damage.
            self._keeper.repair()
            raise

    def state(self) -> ShardState:
        """The shard's account of itself."""
        state = self._keeper.state
        return ShardState(
            shard_id=self.shard_id,
            backend=self._backend.name,
            partitions=state.partitions,
            encounters=state.encounters,
            sequence=state.sequence,
            nbytes=state.gallery.nbytes,
            passes=self._passes,
            passed=self._passed,
        )

    def _compare(self, group: _Group, searches: Sequence[_Search], checkpoint: Checkpoint) -> None:
        """One pass over the sketches for some searches.

        They came at different states of the gallery. All that the newest of these shows share
        its pass; an older search that it cannot show any more has one of its own.
        """
        while searches:
            state = max((search.state for search in searches), key=lambda state: state.sequence)
            shown = [s for s in searches if state.shows(s.request.sequence)]
            searches = [s for s in searches if not state.shows(s.request.sequence)]
            views: dict[tuple[int, frozenset[str]], View] = {}
            for search in shown:
                seen = search.request.sequence, search.request.hidden
                if seen not in views:
                    checkpoint()
                    views[seen] = state.view(seen[0], group.partitions, seen[1])
                search.state, search.view = state, views[seen]
            self._passes, self._passed = self._passes + 1, self._passed + len(shown)
            left = compare_everybody(
                self._layered,
                group.level,
                [search.request.probe for search in shown],
                [views[search.request.sequence, search.request.hidden] for search in shown],
                state.gallery,
                checkpoint,
            )
            for search, of_search in zip(shown, left, strict=True):
                search.left = of_search

    def _finish(self, search: _Search, checkpoint: Checkpoint) -> ShardAnswer:
        """The rest of one search, after its pass if it has one."""
        request, state = search.request, search.state
        answer = search_left(
            self._layered,
            request.probe,
            state.gallery,
            search.view or state.view(request.sequence, request.partitions, request.hidden),
            search.left,
            limit=request.limit,
            checkpoint=checkpoint,
        )
        return ShardAnswer(
            shard_id=self.shard_id,
            backend=self._backend.name,
            sequence=request.sequence,
            partitions=tuple(
                partition_answer(partition, rows, state.encounter_id)
                for partition, rows in zip(request.partitions, answer.partitions, strict=True)
            ),
            stage_seconds=answer.stage_seconds,
        )


def partition_answer(
    partition: int, rows: RowsAnswer, encounter_id: Callable[[int], str]
) -> PartitionAnswer:
    """What a partition's rows answered, by encounter id, ties in its order."""
    found = zip(rows.rows.tolist(), rows.fused, rows.finger_scores, strict=True)
    hits = [
        EncounterHit(
            encounter_id=encounter_id(row),
            fused_score=float(fused),
            finger_scores={
                finger + 1: float(score)
                for finger, score in enumerate(scores)
                if not np.isnan(score)
            },
        )
        for row, fused, scores in found
    ]
    hits.sort(key=lambda hit: (-hit.fused_score, hit.encounter_id))
    return PartitionAnswer(partition, rows.sketched, rows.screened, rows.consolidated, tuple(hits))
