"""Where the command line keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

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
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
