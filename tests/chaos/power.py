"""Power failures, worked out: which states of its files a process could have left on the disk.

`recorder.cpp` notes every write, truncation and sync of a coordinator. A power failure after any
record leaves, of each file, what was synced before; of what was written since, each write is
there, not there, torn at a sector, or garbage from a sector on, independently of the others.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTOR_BYTES = 512
"""What a disk writes whole."""

FATES = ("kept", "lost", "torn", "garbled")


@dataclass(frozen=True, slots=True)
class Record:
    """One call; see `recorder.cpp`.

    Attributes:
        end: where the record ends in the log, bytes.
    """

    op: str
    path: str
    offset: int
    data: bytes
    end: int


def build(folder: Path) -> Path:
    """The library to preload; made by g++, as the kernels' tests are."""
    compiler = shutil.which("g++")
    assert compiler, "the chaos suite needs g++"
    library = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.cpp")
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-std=c++17"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library), "-ldl"], check=True)
    return library


def records(log: bytes) -> Iterator[Record]:
    """Of the log, in order; a last one that is not whole is left out."""
    at = 0
    while at + 5 <= len(log):
        op = chr(log[at])
        (length,) = struct.unpack_from("=I", log, at + 1)
        body = at + 5 + length
        if body + 16 > len(log):
            return
        path = log[at + 5 : body].decode()
        offset, size = struct.unpack_from("=QQ", log, body)
        end = body + 16 + size
        if end > len(log):
            return
        yield Record(op, path, offset, log[body + 16 : end], end)
        at = end


def files_after(history: list[Record], draw: random.Random) -> dict[str, bytes]:
    """Files as a power failure after these records could have left them."""
    files: dict[str, bytearray] = {}
    unsynced: dict[str, list[Record]] = {}
    for record in history:
        waiting = unsynced.setdefault(record.path, [])
        if record.op == "S":
            content = files.setdefault(record.path, bytearray())
            for write in waiting:
                _apply(content, write, "kept", draw)
            waiting.clear()
        elif record.op == "U":
            files.pop(record.path, None)
            waiting.clear()
        else:
            waiting.append(record)
    for path, waiting in unsynced.items():
        for write in waiting:
            _apply(files.setdefault(path, bytearray()), write, draw.choice(FATES), draw)
    return {path: bytes(content) for path, content in files.items()}


def _apply(content: bytearray, record: Record, fate: str, draw: random.Random) -> None:
    if fate == "lost":
        return
    if record.op == "T":
        del content[record.offset :]
        content.extend(bytes(record.offset - len(content)))
        return
    data = record.data
    if fate in ("torn", "garbled"):
        kept = draw.randrange(0, len(data) + 1, SECTOR_BYTES)
        rest = draw.randbytes(len(data) - kept) if fate == "garbled" else b""
        data = data[:kept] + rest
    end = record.offset + len(data)
    content.extend(bytes(max(0, end - len(content))))
    content[record.offset : end] = data
