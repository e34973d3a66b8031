"""The segments of one machine: a file for each partition, one writer at a time, many readers."""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.matching.parameters import descriptor_hash
from workers.segments.codec import BlockCodec
from workers.segments.encounters import Encounters
from workers.segments.layout import Header, SegmentError
from workers.segments.segment import Segment, read_header, write_segment

_log = logging.getLogger(__name__)

History = Callable[[int], str]
"""Names the gallery and what was done to it up to a sequence; "" for one not reached."""


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """Where a shard's segments lie; picklable, so that it travels to actors.

    Attributes:
        folder: local to the machine; shards and galleries may share it.
        codec: of blocks.
        descriptors: ``"memory"`` holds all minutiae in memory, ``"disk"`` reads those of the
            shortlist from the segments.
    """

    folder: Path
    codec: BlockCodec
    descriptors: Literal["memory", "disk"] = "memory"


class NewerSegmentError(Exception):
    """What is there is of a later sequence than what was to be written."""

    def __init__(self, sequence: int) -> None:
        super().__init__(sequence)
        self.sequence = sequence


class SegmentFolder:
    """Opens and replaces segments.

    Args:
        history: of the gallery whose segments are to be used; others are made anew.
    """

    def __init__(self, settings: SegmentSettings, history: History) -> None:
        self._settings, self._history = settings, history
        settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, partition: int) -> Path:
        """Of a partition's segment, whether it is there or not."""
        return self._settings.folder / f"{partition:06d}.segment"

    def open(self, partition: int, *, whole: bool = False) -> Segment | None:
        """A partition's segment; None where there is none that can be used, which is logged.

        Args:
            whole: read all of it now, so that damage is found now.
        """
        try:
            segment = Segment.open(self.path(partition), self._settings.codec)
            self._require_ours(segment.header, partition)
            if whole:
                segment.read_all()
        except FileNotFoundError:
            return None
        except (SegmentError, OSError) as error:
            _log.warning("the segment of partition %d is made anew: %s", partition, error)
            return None
        return segment

    def write(
        self,
        partition: int,
        sequence: int,
        earliest: int,
        runs: Iterable[Encounters],
        *,
        anew: bool = False,
    ) -> Segment:
        """Replaces a partition's segment; only while `writing` it.

        Args:
            earliest: sequence that can be shown of what is written.
            anew: whatever is there.

        Raises:
            NewerSegmentError: there is one of a later sequence. Going back would bring back whom
                that one has dropped.
            OSError: it cannot be written; what was there still is.
        """
        there = 0 if anew else self._sequence(partition)
        if there > sequence:
            raise NewerSegmentError(there)
        header = Header(
            segment_id=uuid.uuid4().hex,
            history=self._history(sequence),
            partition=partition,
            sequence=sequence,
            earliest=earliest,
            parameters=descriptor_hash(),
            codec="",
            key="",
        )
        write_segment(self.path(partition), header, self._settings.codec, runs)
        return Segment.open(self.path(partition), self._settings.codec)

    @contextmanager
    def writing(self, partition: int) -> Iterator[None]:
        """Waits until nobody else writes a partition's segment, and keeps others waiting.

        The lock is on a file of its own and goes with the process that holds it.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self.path(partition).with_suffix(".lock"), flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _sequence(self, partition: int) -> int:
        """Of what is there; 0 where there is nothing of this gallery."""
        try:
            header = read_header(self.path(partition))
            self._require_ours(header, partition)
        except (SegmentError, OSError):
            return 0
        return header.sequence

    def _require_ours(self, header: Header, partition: int) -> None:
        if header.partition != partition:
            raise SegmentError("is of another partition")
        if header.parameters != descriptor_hash():
            raise SegmentError("was described with other parameters")
        if not header.history or header.history != self._history(header.sequence):
            raise SegmentError("is of another gallery, or of another past of this one")
