"""One segment file: written whole or not at all, read as a whole or block by block."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from workers.errors import RidgelineError
from workers.matching.columns import Minutiae, offsets, ranges, runs_of
from workers.segments.codec import BlockCipher, BlockCodec
from workers.segments.encounters import Encounters
from workers.segments.layout import (
    END_SIZE,
    HEAD,
    HEADER_MAX,
    MINUTIAE,
    TABLE,
    Header,
    SegmentError,
    decode_end,
    decode_head,
    decode_minutiae,
    decode_table,
    encode_head,
    encode_minutiae,
    encode_table,
)

HEAD_ROWS: Final = 1024
"""Encounters of a head: some 800 kB."""

BLOCK_MINUTIAE: Final = 2048
"""Minutiae of a block, about: the ten fingers of four or five encounters, 140 kB."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An open segment. It stays readable when its file is replaced or removed.

    Attributes:
        encounters: in memory but for their minutiae, which are read from the file as they are
            asked for; that raises SegmentError where the file is damaged.
    """

    header: Header
    encounters: Encounters

    @staticmethod
    def open(path: Path, codec: BlockCodec) -> Segment:
        """Opens a file and reads everything but the minutiae.

        Raises:
            SegmentError: it is damaged, of another version, or its key or codec is not ours.
            FileNotFoundError: there is none.
        """
        file = _File(path)
        header, start = Header.decode(file.read(0, HEADER_MAX))
        table = _table(file, start)
        blocks = _Blocks(file, _cipher(header, codec), _context(header), table, start)
        heads = np.flatnonzero(table["kind"] == HEAD)
        rest = np.flatnonzero(table["kind"] == MINUTIAE)
        whole = Encounters.join([decode_head(blocks.read(number)) for number in heads.tolist()])
        columns = whole.columns
        block_rows = offsets(table["rows"][rest].astype(np.int64))
        if len(heads) + len(rest) != len(table) or block_rows[-1] != columns.rows:
            raise SegmentError("has blocks of other encounters than its heads")
        minutiae = _SegmentMinutiae(
            blocks, rest, block_rows, offsets(columns.counts)[columns.fingers]
        )
        return Segment(header, replace(whole, columns=replace(columns, minutiae=minutiae)))

    def read_all(self) -> None:
        """Reads every block; raises SegmentError where one is damaged."""
        for _ in self.encounters.columns.parts():
            pass


def read_header(path: Path) -> Header:
    """The header alone; raises as `Segment.open`."""
    return Header.decode(_File(path).read(0, HEADER_MAX))[0]


def write_segment(
    path: Path, header: Header, codec: BlockCodec, runs: Iterable[Encounters]
) -> None:
    """Writes a segment in the place of what is there, so that nobody sees half of it.

    The caller is the only writer of that path (see `SegmentFolder`). What was there goes from
    the disk when nobody has it open any more.

    Args:
        header: without its codec and key.
        runs: encounters, `HEAD_ROWS` at a time at most.
    """
    kept, cipher = codec.new(_key_context(header))
    header = replace(header, codec=codec.name, key=kept.hex())
    unfinished = path.with_suffix(".unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        _write(file, header, cipher, runs)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(file: BinaryIO, header: Header, cipher: BlockCipher, runs: Iterable[Encounters]) -> None:
    context = _context(header)
    entries: list[tuple[int, int, int, int]] = []
    file.write(header.encode())
    for run in runs:
        for kind, rows, block in _blocks_of(run):
            stored = cipher.encode(block, f"{context} {len(entries)}")
            entries.append((kind, rows, len(stored), zlib.crc32(stored)))
            file.write(stored)
    file.write(encode_table(np.array(entries, TABLE), file.tell()))


def _blocks_of(run: Encounters) -> Iterator[tuple[int, int, bytes]]:
    """Kind, rows and content of the blocks of a run."""
    yield HEAD, len(run.ids), encode_head(run)
    starts = offsets(run.columns.counts)[run.columns.fingers]
    for some, minutiae in run.columns.parts():
        first = some.start
        while first < some.stop:
            end = int(np.searchsorted(starts, starts[first] + BLOCK_MINUTIAE, "right"))
            end = min(max(end - 1, first + 1), some.stop)
            part = slice(
                int(starts[first] - starts[some.start]), int(starts[end] - starts[some.start])
            )
            yield MINUTIAE, end - first, encode_minutiae(minutiae.take(part))
            first = end


class _File:
    """A file that is read from any place by any thread, and closed when nobody needs it."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._handle).st_size

    def read(self, offset: int, size: int) -> bytes:
        # Not mapped: a file cut short under a mapping would end the process.
        try:
            return os.pread(self._handle, size, offset)
        except OSError as error:
            raise SegmentError(f"cannot be read ({error.strerror})") from error

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            os.close(self._handle)


class _Blocks:
    """The blocks of an open segment."""

    def __init__(
        self, file: _File, cipher: BlockCipher, context: str, table: NDArray[Any], start: int
    ) -> None:
        self._file, self._cipher, self._context = file, cipher, context
        self._table = table
        self._offsets = offsets(table["size"].astype(np.int64)) + start

    def read(self, number: int) -> bytes:
        """One block, checked and decoded."""
        size = int(self._table["size"][number])
        stored = self._file.read(int(self._offsets[number]), size)
        if len(stored) != size or zlib.crc32(stored) != self._table["crc"][number]:
            raise SegmentError("has a damaged block")
        try:
            return self._cipher.decode(stored, f"{self._context} {number}")
        except (RidgelineError, ValueError) as error:
            raise SegmentError("has a block that its key does not open") from error


@dataclass(frozen=True, slots=True)
class _SegmentMinutiae:
    """Reads minutiae from a segment's blocks.

    Attributes:
        numbers: of the blocks of minutiae.
        rows: that each of these begins with, and all rows.
        starts: minutiae before each row, and all.
    """

    blocks: _Blocks
    numbers: NDArray[np.intp]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    def read(self, rows: NDArray[np.intp]) -> Minutiae:
        owner = np.searchsorted(self.rows, rows, "right") - 1
        return Minutiae.join([self._of_block(block, rows[run]) for block, run in runs_of(owner)])

    def _of_block(self, block: int, rows: NDArray[np.intp]) -> Minutiae:
        """Minutiae of some rows of one block."""
        first, last = int(self.rows[block]), int(self.rows[block + 1])
        begin = self.starts[first]
        count = int(self.starts[last] - begin)
        whole = decode_minutiae(self.blocks.read(int(self.numbers[block])), count)
        if len(rows) == last - first and (np.diff(rows) == 1).all():
            return whole
        return whole.take(
            ranges(self.starts[rows] - begin, self.starts[rows + 1] - self.starts[rows])
        )


def _table(file: _File, start: int) -> NDArray[Any]:
    """The table of blocks, which with the header and the blocks makes up the whole file."""
    offset, size = decode_end(file.read(file.size - END_SIZE, END_SIZE) if file.size else b"")
    if offset < start or offset + size != file.size:
        raise SegmentError("has another size than it says")
    table = decode_table(file.read(offset, size))
    if start + int(table["size"].sum(dtype=np.int64)) != offset:
        raise SegmentError("has blocks of another size than it says")
    return table


def _cipher(header: Header, codec: BlockCodec) -> BlockCipher:
    if header.codec != codec.name:
        raise SegmentError(f"is {header.codec}, not {codec.name}")
    try:
        return codec.open(bytes.fromhex(header.key), _key_context(header))
    except (RidgelineError, ValueError) as error:
        raise SegmentError("has a key that cannot be opened") from error


def _key_context(header: Header) -> str:
    return f"segment {header.segment_id} of partition {header.partition}"


def _context(header: Header) -> str:
    """What blocks are bound to: this segment and all that its header says."""
    digest = hashlib.sha256(header.encode()).hexdigest()
    return f"{_key_context(header)} {digest} block"
