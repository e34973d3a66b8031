"""Where the command line keeps what it can make again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CACHE_VARIABLE = "RIDGELINE_CACHE"
"""Environment variable that names the cache folder."""


def cache_directory() -> Path:
    """The user's cache folder for Ridgeline, made where missing, for its owner only.

    `RIDGELINE_CACHE`, else ``ridgeline`` in `XDG_CACHE_HOME` (XDG Base Directory Specification
    0.8), else in ``~/.cache``.
    """
    named = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(home) / "ridgeline"
    # Extractions of real prints are biometrics.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that others see whole or not at all; its folder is made where missing."""
    with writing_whole(path) as file:
        file.write(data)


@contextlib.contextmanager
def writing_whole(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write that appears, durable, when the block is left without an exception."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
