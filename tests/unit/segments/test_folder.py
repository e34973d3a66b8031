"""A folder that processes share: one writer at a time, and readers who never see half a file."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.kernels.prints import drawn_encounter
from workers.matching.columns import Columns
from workers.segments.codec import PlainBlocks
from workers.segments.encounters import Encounters
from workers.segments.folder import NewerSegmentError, SegmentFolder, SegmentSettings

WRITES = 12


def history(sequence: int) -> str:
    return f"a {sequence}"


def folder(place: Path) -> SegmentFolder:
    return SegmentFolder(SegmentSettings(place, PlainBlocks()), history)


def people(sequence: int) -> Encounters:
    """So many encounters as the sequence says."""
    described = [drawn_encounter(seed, {1: 30, 2: 40}) for seed in range(3)]
    some = [described[i % 3] for i in range(sequence)]
    return Encounters([f"e{i}" for i in range(sequence)], np.arange(sequence) + 1, Columns.of(some))


def write(place: Path, first: int) -> int:
    """Writes later and later sequences; how many another process was ahead of."""
    ours, late = folder(place), 0
    for sequence in range(first, first + 2 * WRITES, 2):
        with ours.writing(0):
            try:
                ours.write(0, sequence, sequence, people(sequence).runs(4))
            except NewerSegmentError:
                late += 1
    return late


def read(place: Path) -> list[int]:
    """Sequences seen, until the last one."""
    ours, seen = folder(place), [0]
    while seen[-1] < 2 * WRITES:
        segment = ours.open(0, whole=True)
        if segment is not None:
            assert len(segment.encounters.ids) == segment.header.sequence
            seen.append(segment.header.sequence)
    return seen


def test_writers_and_readers_of_several_processes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        readers = [pool.submit(read, tmp_path) for _ in range(2)]
        writers = [pool.submit(write, tmp_path, first) for first in (1, 2)]
        late = [writer.result(120.0) for writer in writers]
        for reader in readers:
            seen = reader.result(120.0)
            assert seen == sorted(seen)
    assert late[1] < WRITES
    assert sorted(file.name for file in tmp_path.iterdir()) == ["000000.lock", "000000.segment"]


def hold(place: Path) -> None:
    """Takes the lock, says so, and never gives it back."""
    with folder(place).writing(0):
        (place / "held").touch()
        signal.pause()


def test_the_lock_of_a_writer_that_dies_goes_with_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    holder = context.Process(target=hold, args=(tmp_path,))
    holder.start()
    while not (tmp_path / "held").exists():
        assert holder.is_alive()
    unfinished = tmp_path / "000000.unfinished"
    unfinished.write_bytes(b"what a writer left that was killed")
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    with folder(tmp_path).writing(0):
        folder(tmp_path).write(0, 3, 3, people(3).runs(4))
    holder.join(60.0)
    assert not unfinished.exists()
    assert folder(tmp_path).open(0, whole=True) is not None


def test_what_was_written_later_is_not_replaced(tmp_path: Path) -> None:
    ours = folder(tmp_path)
    ours.write(0, 9, 9, people(3).runs(4))
    with pytest.raises(NewerSegmentError) as caught:
        ours.write(0, 8, 8, people(2).runs(4))
    assert caught.value.sequence == 9
    assert ours.write(0, 8, 8, people(2).runs(4), anew=True).header.sequence == 8
    # Of a gallery that is not ours nothing is later.
    other = SegmentFolder(SegmentSettings(tmp_path, PlainBlocks()), lambda s: f"b {s}")
    assert other.write(0, 1, 1, people(1).runs(4)).header.sequence == 1
