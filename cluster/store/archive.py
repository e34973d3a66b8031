"""The file that a gallery travels in: a readable header, then sealed blocks of rows.

Little-endian. The header: magic ``RLGA``, version (u16), length (u32) of a JSON object, the
object, CRC-32 of all that. Then blocks, each its length (u32) and bytes sealed by AES-256-GCM
under a key of the archive's own, which the header holds wrapped by the archive key. What is
authenticated with a block is the header and the block's number, so blocks that were changed, moved,
lost or taken from another archive do not open; the last block says that it is the last. A block,
once opened: length (u32) of a JSON object with a table's name, its rows and the sizes of their
templates (null where there is none), the object, and the templates one after the other.
"""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from cluster.store.keys import KeyProvider, new_key, seal, unseal
from workers.errors import ErrorCode, RidgelineError

VERSION = 1

BLOCK_BYTES = 1 << 20
"""A block is closed once it holds so much, or `BLOCK_ROWS`."""

BLOCK_ROWS = 1_000

_BLOCK_BYTES_MAX = 1 << 28
"""More than a block with the largest template has; a longer one is damage."""

_MAGIC = b"RLGA"
_START = struct.Struct("<4sHI")
_LENGTH = struct.Struct("<I")
_HEADER_MAX = 1 << 20
_LAST = "last"


@dataclass(frozen=True, slots=True)
class ArchiveHeader:
    """What is said of the gallery as a whole.

    Attributes:
        archive_id: no other archive has it.
        wrapped_key: of the archive, hex.
        sequence: as of which the gallery is.
        descriptor_hash: of the parameters that its templates were described with.
        rows: by table.
    """

    archive_id: str
    wrapped_key: str
    sequence: int
    partitions: int
    descriptor_hash: str
    gaps_until: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, in the order of its columns, and a template for each or None."""

    table: str
    rows: Sequence[Sequence[Any]]
    contents: Sequence[bytes | None]


class ArchiveWriter:
    """Writes an archive from its first to its last block.

    Args:
        facts: of the header, but for its id and its key.
    """

    def __init__(self, file: BinaryIO, archive_keys: KeyProvider, **facts: Any) -> None:
        archive_id, self._key = uuid.uuid4().hex, new_key()
        wrapped = archive_keys.wrap(self._key, archive_id).hex()
        self.header = ArchiveHeader(archive_id, wrapped, **facts)
        body = json.dumps(asdict(self.header)).encode()
        head = _START.pack(_MAGIC, VERSION, len(body)) + body
        self._context = hashlib.sha256(head).hexdigest()
        self._file = file
        self._blocks = 0
        file.write(head + _LENGTH.pack(zlib.crc32(head)))

    def write(self, block: Block) -> None:
        """Appends a block."""
        sizes = [None if content is None else len(content) for content in block.contents]
        described = {"table": block.table, "rows": list(map(list, block.rows)), "sizes": sizes}
        body = json.dumps(described, separators=(",", ":")).encode()
        plain = b"".join([_LENGTH.pack(len(body)), body, *filter(None, block.contents)])
        sealed = seal(self._key, plain, f"{self._context} {self._blocks}")
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)
        self._blocks += 1

    def finish(self) -> None:
        """Appends the last block; an archive without it is not whole."""
        self.write(Block(_LAST, [], []))


class ArchiveReader:
    """Reads an archive from its first to its last block.

    Raises:
        RidgelineError: MALFORMED_ARCHIVE with the offset of the damage; INVALID_FIELD for
            another archive key than it was written with.
    """

    def __init__(self, file: BinaryIO, archive_keys: KeyProvider) -> None:
        self._file = file
        self._offset = 0
        start = self._take(_START.size)
        magic, version, length = _START.unpack(start)
        if magic != _MAGIC:
            raise _malformed("not an archive of a gallery", 0)
        if version != VERSION:
            raise _malformed(f"archive version {version}, this release reads {VERSION}", 4)
        if length > _HEADER_MAX:
            raise _malformed("the header is damaged", 0)
        head = start + self._take(length)
        if self._take(_LENGTH.size) != _LENGTH.pack(zlib.crc32(head)):
            raise _malformed("the header is damaged", 0)
        self.header = ArchiveHeader(**json.loads(head[_START.size :]))
        self._context = hashlib.sha256(head).hexdigest()
        try:
            wrapped = bytes.fromhex(self.header.wrapped_key)
            self._key = archive_keys.unwrap(wrapped, self.header.archive_id)
        except RidgelineError as error:
            raise RidgelineError(
                ErrorCode.INVALID_FIELD, "the archive has another key", field="archive_key"
            ) from error

    def blocks(self) -> Iterator[Block]:
        """Every block but the last; once exhausted, the archive was whole."""
        number = 0
        while (block := self._block(number)).table != _LAST:
            yield block
            number += 1
        if self._file.read(1):
            raise _malformed("bytes are left over", self._offset)

    def _block(self, number: int) -> Block:
        at = self._offset
        [length] = _LENGTH.unpack(self._take(_LENGTH.size))
        if length > _BLOCK_BYTES_MAX:
            raise _malformed(f"block {number} is damaged", at)
        sealed = self._take(length)
        try:
            plain = unseal(self._key, sealed, f"{self._context} {number}")
        except RidgelineError as error:
            raise _malformed(f"block {number} is damaged", at) from error
        [length] = _LENGTH.unpack_from(plain)
        described = json.loads(plain[_LENGTH.size : _LENGTH.size + length])
        contents: list[bytes | None] = []
        offset = _LENGTH.size + length
        for size in described["sizes"]:
            contents.append(None if size is None else plain[offset : offset + size])
            offset += size or 0
        return Block(described["table"], described["rows"], contents)

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise _malformed(f"it ends early: {size} bytes expected", self._offset)
        self._offset += size
        return data


def _malformed(detail: str, offset: int) -> RidgelineError:
    return RidgelineError(ErrorCode.MALFORMED_ARCHIVE, detail, field="archive", offset=offset)
