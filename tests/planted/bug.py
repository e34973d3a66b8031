"""A bug to plant, in a kernel or in a module."""

from __future__ import annotations

from typing import NamedTuple


class Bug(NamedTuple):
    """One wrong edit of a source."""

    name: str
    source: str
    right: str
    wrong: str
