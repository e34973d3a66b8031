"""Keeps a shard's gallery: loads it, follows the journal, and folds what came into the base.

Searches read `state` and never wait for a fold: it works on a state that stays as it is, in a
thread of its own, and what comes meanwhile goes into layers that it does not touch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np

from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Checkpoint, PackedGallery
from workers.matching.columns import NO_MINUTIAE, Columns, MinutiaeSource
from workers.matching.on_demand import OnDemandBackend
from workers.search_pool import POLL_S
from workers.segments.encounters import Encounters
from workers.segments.folder import NewerSegmentError, SegmentFolder, SegmentSettings
from workers.segments.layout import SegmentError
from workers.segments.segment import HEAD_ROWS, Segment
from workers.shard_gallery import Fold, GalleryChange, GallerySource, GalleryState, Layer, additions

_log = logging.getLogger(__name__)

LOADS_TRIED: Final = 4
"""Times that loading begins, since somebody may be erased meanwhile."""

RETRY_S: Final = 60.0
"""Before a fold that failed is tried again, seconds: a full disk stays full for a while."""


class GalleryKeeper:
    """Some partitions of a gallery, at a sequence that follows the source's.

    Attributes:
        state: what searches read; replaced as a whole.
    """

    def __init__(
        self,
        partitions: Collection[int],
        source: GallerySource,
        backend: OnDemandBackend,
        segments: SegmentSettings | None,
        name: str,
    ) -> None:
        self._source = source
        self._backend = backend
        self._folder = SegmentFolder(segments, source.history) if segments else None
        self._on_disk = segments is not None and segments.descriptors == "disk"
        # Who needs both takes the first one first.
        self._folding, self._applying = threading.RLock(), threading.Lock()
        self._settled = 1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-fold")
        self._work: Future[None] | None = None
        self._not_before = 0.0
        nobody, partition = additions([])
        held = tuple(sorted(partitions))
        self.state = GalleryState((Layer.of(backend.pack, nobody, partition),), held, 0, 0)

    def close(self) -> None:
        """Ends its thread, once a fold under way has ended."""
        self._thread.shutdown(cancel_futures=True)

    def load(self) -> None:
        """Reads every partition as of the source's newest sequence.

        Raises:
            RidgelineError: SEQUENCE_UNAVAILABLE when the gallery is erased faster than it can
                be read; SHARD_UNAVAILABLE when a segment is needed and cannot be written.
        """
        self._load(whole=False)

    def assign(self, partitions: Collection[int]) -> None:
        """Holds these partitions from now on, as of the source's newest sequence at least.

        They are loaded beside the searches, which meanwhile go on in what is held already and
        may bring it to newer sequences.

        Raises:
            RidgelineError: as `load`; nothing has changed then.
        """
        wanted = tuple(sorted(partitions))
        with self._folding:
            if wanted != self.state.partitions or not self.state.sequence:
                self._load(wanted, whole=False)

    def catch_up(self, sequence: int, checkpoint: Checkpoint = lambda: None) -> None:
        """Applies the source's changes up to `sequence`; does nothing if they are applied.

        Args:
            checkpoint: called while another caller applies changes; what this one has begun
                to apply it applies whole.

        Raises:
            RidgelineError: SEQUENCE_UNAVAILABLE if the source has not come that far.
        """
        if self.state.sequence >= sequence:
            return
        while not self._applying.acquire(timeout=POLL_S):
            checkpoint()
        try:
            self._apply(sequence)
        finally:
            self._applying.release()
        if self.state.due() is not None:
            self._in_background(lambda: self._fold(GalleryState.due))

    def fold(self) -> None:
        """Folds everything into the base now, and writes its segments.

        Who was removed up to now is then neither in memory, but for searches under way, nor in
        the segments.

        Raises:
            RidgelineError: SHARD_UNAVAILABLE when a segment cannot be written; OVERLOADED when
                old and new do not fit on a device together.
        """
        self._fold(lambda _: 0)

    def repair(self) -> None:
        """Has every segment read as a whole, and the damaged ones made anew, in the background."""
        self._in_background(lambda: self._load(whole=True))

    # Loading

    def _load(self, partitions: tuple[int, ...] | None = None, *, whole: bool) -> None:
        """Loads partitions, those that are held unless others are given."""
        with self._folding:
            wanted = self.state.partitions if partitions is None else partitions
            for tries in range(1, LOADS_TRIED + 1):
                try:
                    state = self._loaded(wanted, self._source.sequence(), whole=whole)
                except RidgelineError as error:
                    if error.code is not ErrorCode.SEQUENCE_UNAVAILABLE or tries == LOADS_TRIED:
                        raise
                else:
                    break
            with self._applying:
                if state.sequence < self.state.sequence:
                    state = self._advanced(state, self.state.sequence)
                self.state = state

    def _loaded(self, partitions: tuple[int, ...], sequence: int, *, whole: bool) -> GalleryState:
        """The gallery as of a sequence, or of a later one that a segment is of.

        Args:
            whole: read the segments as a whole before they are trusted.
        """
        if sequence == 0:
            return replace(self.state, partitions=partitions)
        if self._folder is None:
            changes = self._source.changes(partitions, after=0, upto=sequence)
            # Partitions lie side by side, so that their sketches are compared in whole blocks.
            base = Layer.of(
                self._backend.pack, *additions(sorted(changes, key=lambda change: change.partition))
            )
            return GalleryState((base,), partitions, sequence, sequence)
        try:
            return self._from_segments(self._folder, partitions, sequence, whole=whole)
        except SegmentError as error:
            if whole:
                raise
            _log.warning("segments are read again: %s", error)
            return self._from_segments(self._folder, partitions, sequence, whole=True)

    def _from_segments(
        self, folder: SegmentFolder, held: tuple[int, ...], sequence: int, *, whole: bool
    ) -> GalleryState:
        found = {p: folder.open(p, whole=whole) for p in held}
        there = [segment.header.sequence for segment in found.values() if segment is not None]
        newest = max([sequence, *there])
        parts: list[Encounters] = []
        segments: dict[int, MinutiaeSource] = {}
        begins: dict[int, list[int]] = defaultdict(list)
        earliest = 0
        for partition in held:
            segment = found.pop(partition) or self._made_anew(folder, partition, newest)
            if segment is None:
                parts.append(Encounters.join(list(self._runs(partition, newest))))
                begin, shown = newest, newest
            else:
                parts.append(segment.encounters)
                segments[partition] = self._source_of(segment)
                begin, shown = segment.header.sequence, segment.header.earliest
            begins[begin].append(partition)
            earliest = max(earliest, shown)
        pack = self._backend.leave_on_disk if self._on_disk else self._backend.pack
        of_rows = np.repeat(np.array(held, np.intp), np.array([len(p.ids) for p in parts], np.intp))
        base = Layer.of(pack, Encounters.join(parts), of_rows)
        last = max([newest, *begins])  # somebody may have written a later one meanwhile
        changes = [
            change
            for begin, partitions in begins.items()
            if begin < last
            for change in self._source.changes(partitions, after=begin, upto=last)
        ]
        changes.sort(key=lambda change: change.sequence)
        state = GalleryState((base,), held, last, earliest, segments)
        return state.apply(self._backend.pack, changes, last)

    def _made_anew(self, folder: SegmentFolder, partition: int, sequence: int) -> Segment | None:
        """A partition's segment from the source; None where it cannot be written nor need be."""
        try:
            with folder.writing(partition):
                # Somebody else may have made it while we waited.
                segment = folder.open(partition, whole=True)
                if segment is not None:
                    return segment
                runs = self._runs(partition, sequence)
                return folder.write(partition, sequence, sequence, runs, anew=True)
        except OSError as error:
            if self._on_disk:
                raise _not_written(error) from error
            _log.warning("the segment of partition %d is not written: %s", partition, error)
            return None

    def _runs(self, partition: int, sequence: int) -> Iterator[Encounters]:
        """A partition as of a sequence, read from the source a run at a time."""
        changes = self._source.changes([partition], after=0, upto=sequence)
        while some := list(islice(changes, HEAD_ROWS)):
            yield additions(some)[0]

    def _source_of(self, segment: Segment) -> MinutiaeSource:
        """Where the base reads on demand; what is in memory keeps no file open."""
        return segment.encounters.columns.minutiae if self._on_disk else NO_MINUTIAE

    # Following

    def _apply(self, sequence: int) -> None:
        state = self.state
        if state.sequence >= sequence:
            return
        if self._source.sequence() < sequence:
            raise RidgelineError(
                ErrorCode.SEQUENCE_UNAVAILABLE, f"the store has not reached {sequence} here"
            )
        self.state = self._advanced(state, sequence, settled=self._settled)

    def _advanced(self, state: GalleryState, sequence: int, *, settled: int = 1) -> GalleryState:
        """A state brought to a later sequence, which the source has reached."""
        if state.sequence == 0:
            return self._loaded(state.partitions, sequence, whole=False)
        changes: list[GalleryChange] = list(
            self._source.changes(state.partitions, after=state.sequence, upto=sequence)
        )
        return state.apply(self._backend.pack, changes, sequence, settled=settled)

    # Folding

    def _in_background(self, work: Callable[[], None]) -> None:
        """Does it in the thread for that, unless that has something to do or has just failed."""
        busy = self._work is not None and not self._work.done()
        if not busy and time.monotonic() >= self._not_before:
            self._work = self._thread.submit(self._quietly, work)

    def _quietly(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the gallery can be searched as it is
            self._not_before = time.monotonic() + RETRY_S
            if isinstance(error, RidgelineError):
                _log.warning("the gallery stays as it is for a while: %s", error)
            else:
                _log.exception("the gallery stays as it is for a while")

    def _fold(self, choose: Callable[[GalleryState], int | None]) -> None:
        """Folds all layers from the one on that is chosen, if one is."""
        with self._folding:
            repaired = False
            while True:
                try:
                    self._fold_once(choose)
                except NewerSegmentError as newer:
                    self.catch_up(newer.sequence)
                except SegmentError:
                    if repaired:
                        raise
                    self._load(whole=True)
                    repaired = True
                else:
                    return

    def _fold_once(self, choose: Callable[[GalleryState], int | None]) -> None:
        with self._applying:
            state, first = self.state, choose(self.state)
            if first is None or state.sequence == 0:
                return
            self._settled = len(state.layers)
        try:
            fold = state.fold(first)
            segments = state.segments
            if first == 0 and self._folder is not None:
                segments = self._written(self._folder, fold, state)
            held = state.partitions
            layer = fold.layer(self._packed(fold, held, segments, as_base=first == 0))
            with self._applying:
                self.state = replace(self.state.folded(fold, layer), segments=segments)
        finally:
            self._settled = 1

    def _written(
        self, folder: SegmentFolder, fold: Fold, state: GalleryState
    ) -> dict[int, MinutiaeSource]:
        """Writes the segments that the fold's base differs from."""
        segments = dict(state.segments)
        for partition in state.partitions:
            if partition in segments and partition not in fold.changed:
                continue
            runs = fold.encounters.take(fold.rows_of(partition)).runs(HEAD_ROWS)
            try:
                with folder.writing(partition):
                    segment = folder.write(partition, state.sequence, fold.earliest, runs)
            except OSError as error:
                raise _not_written(error) from error
            segments[partition] = self._source_of(segment)
        return segments

    def _packed(
        self,
        fold: Fold,
        held: tuple[int, ...],
        segments: Mapping[int, MinutiaeSource],
        *,
        as_base: bool,
    ) -> PackedGallery:
        """What a fold keeps, in memory or left in the segments."""
        columns = fold.encounters.columns.take(fold.kept)
        if not (as_base and self._on_disk):
            return self._backend.pack(columns)
        partition = fold.partition[fold.kept]
        parts = [
            replace(columns.take(np.flatnonzero(partition == number)), minutiae=segments[number])
            for number in held
        ]
        return self._backend.leave_on_disk(Columns.join(parts))


def _not_written(error: OSError) -> RidgelineError:
    return RidgelineError(
        ErrorCode.SHARD_UNAVAILABLE, f"a segment cannot be written ({error.strerror})"
    )
