"""Bytes of a segment: header, blocks, table of blocks; version 1, little-endian.

    "RLSG" version(u16) header length(u32) header(JSON) CRC-32(u32) of all before it
    blocks, one after another: of each run of encounters a head, then its minutiae
    table: an entry for each block
    offset of the table(u64) blocks(u32) CRC-32(u32) of the table and these

A head holds what is always in memory (ids, sequences, presence, sketches, sizes), a block of
minutiae a few encounters' minutiae, so that a shortlist is read without the rest. CRC-32 is of
the stored bytes and finds damage; a sealed block is authenticated besides.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workers.errors import ErrorCode, RidgelineError
from workers.matching.columns import NO_MINUTIAE, Columns, Minutiae, offsets
from workers.matching.similarity import DIMENSIONS
from workers.matching.sketch import Level
from workers.segments.encounters import Encounters

VERSION: Final = 1
"""Raised with every change of this file; segments of other versions are made anew."""

HEAD: Final = 0
MINUTIAE: Final = 1
"""Kinds of blocks."""

TABLE: Final = np.dtype([("kind", "u1"), ("rows", "<u4"), ("size", "<u4"), ("crc", "<u4")])
"""Entries: encounters of the block, bytes stored, and their CRC-32."""

_MAGIC: Final = b"RLSG"
_START: Final = struct.Struct("<4sHI")
_CRC: Final = struct.Struct("<I")
_END: Final = struct.Struct("<QII")
_HEAD: Final = struct.Struct("<III")
HEADER_MAX: Final = 1 << 16


class SegmentError(RidgelineError):
    """A segment that is damaged, or not the one that was looked for: another copy is needed."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorCode.SHARD_UNAVAILABLE, f"a segment {detail}")

    def __reduce__(self) -> tuple[object, ...]:
        return (SegmentError, (self.detail.removeprefix("a segment "),))


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment is of.

    Attributes:
        segment_id: of this file and no other.
        history: names the gallery, and what was done to it up to `sequence`.
        partition: whose encounters these are.
        sequence: of the gallery when it was written.
        earliest: sequence that can be shown: who was there only before is not in it.
        parameters: hash of what descriptors depend on.
        codec: name of the codec of its blocks.
        key: hex; what the codec opens it with.
    """

    segment_id: str
    history: str
    partition: int
    sequence: int
    earliest: int
    parameters: str
    codec: str
    key: str

    def encode(self) -> bytes:
        """The start of a segment."""
        content = json.dumps(asdict(self), sort_keys=True).encode()
        start = _START.pack(_MAGIC, VERSION, len(content)) + content
        return start + _CRC.pack(zlib.crc32(start))

    @staticmethod
    def decode(start: bytes) -> tuple[Header, int]:
        """A header, and its length, from the first `HEADER_MAX` bytes of a file.

        Raises:
            SegmentError: it is damaged or of another version.
        """
        if len(start) < _START.size:
            raise SegmentError("ends early")
        magic, version, length = _START.unpack_from(start)
        if magic != _MAGIC:
            raise SegmentError("is none")
        if version != VERSION:
            raise SegmentError(f"has version {version}, this release reads {VERSION}")
        end = _START.size + length
        if start[end : end + _CRC.size] != _CRC.pack(zlib.crc32(start[:end])):
            raise SegmentError("has a damaged header")
        return Header(**json.loads(start[_START.size : end])), end + _CRC.size


def encode_table(entries: NDArray[Any], offset: int) -> bytes:
    """The end of a segment; `offset` is where it begins."""
    content = entries.tobytes()
    place = struct.pack("<QI", offset, len(entries))
    return content + place + _CRC.pack(zlib.crc32(content + place))


END_SIZE: Final = _END.size


def decode_end(end: bytes) -> tuple[int, int]:
    """Where the table begins, and its bytes with the end, from a file's last bytes."""
    if len(end) != _END.size:
        raise SegmentError("ends early")
    offset, blocks, _ = _END.unpack(end)
    return offset, blocks * TABLE.itemsize + _END.size


def decode_table(content: bytes) -> NDArray[Any]:
    """The table from its bytes and the end's; raises SegmentError for a damaged one."""
    body, crc = content[: -_CRC.size], content[-_CRC.size :]
    if crc != _CRC.pack(zlib.crc32(body)):
        raise SegmentError("has a damaged table")
    return np.frombuffer(body[: _CRC.size - _END.size], TABLE)


def encode_head(run: Encounters) -> bytes:
    """The block of a run of encounters, without their minutiae."""
    ids = [name.encode() for name in run.ids]
    columns = (
        np.array([len(name) for name in ids], "<u2"),
        run.added.astype("<i8"),
        run.columns.presence.astype("<u2"),
        np.diff(run.columns.fingers).astype("<u2"),
        run.columns.positions,
        run.columns.counts,
        *(run.columns.sketches[level] for level in Level),
    )
    start = _HEAD.pack(len(ids), sum(map(len, ids)), len(run.columns.positions))
    return b"".join((start, *ids, *(column.tobytes() for column in columns)))


def decode_head(block: bytes) -> Encounters:
    """The encounters of a block that `encode_head` made, without their minutiae.

    Raises:
        SegmentError: it did not.
    """
    try:
        rows, text, prints = _HEAD.unpack_from(block)
        reader = _Reader(block, _HEAD.size + text)
        ends = offsets(reader.take("<u2", rows)) + _HEAD.size
        encounters = Encounters(
            [block[a:b].decode() for a, b in pairwise(ends.tolist())],
            reader.take("<i8", rows),
            Columns(
                presence=reader.take("<u2", rows),
                fingers=offsets(reader.take("<u2", rows)),
                positions=reader.take("u1", prints),
                counts=reader.take("u1", prints),
                sketches={
                    level: reader.take("i1", rows * level.width).reshape(rows, level.width)
                    for level in Level
                },
                minutiae=NO_MINUTIAE,
            ),
        )
    except (ValueError, struct.error) as error:
        raise SegmentError("has a head that cannot be read") from error
    if reader.at != len(block) or ends[-1] != _HEAD.size + text:
        raise SegmentError("has a head of another size than it says")
    if encounters.columns.fingers[-1] != prints:
        raise SegmentError("has a head with other prints than it says")
    return encounters


@dataclass(slots=True)
class _Reader:
    """Takes column after column from a block."""

    block: bytes
    at: int

    def take(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.block, kind, count, self.at)
        self.at += values.nbytes
        return values


def encode_minutiae(minutiae: Minutiae) -> bytes:
    """The block of some encounters' minutiae."""
    return b"".join(
        (
            minutiae.x.astype("<i2", copy=False).tobytes(),
            minutiae.y.astype("<i2", copy=False).tobytes(),
            minutiae.angle.astype("<u2", copy=False).tobytes(),
            minutiae.descriptors.tobytes(),
        )
    )


def decode_minutiae(block: bytes, count: int) -> Minutiae:
    """So many minutiae from a block; raises SegmentError if it holds another number."""
    if len(block) != count * (6 + DIMENSIONS):
        raise SegmentError("has a block of another size than its head says")
    x, y, angle = (
        np.frombuffer(block, kind, count, place * 2 * count)
        for place, kind in enumerate(("<i2", "<i2", "<u2"))
    )
    descriptors = np.frombuffer(block, np.int8, offset=6 * count).reshape(count, DIMENSIONS)
    return Minutiae(x, y, angle, descriptors)
