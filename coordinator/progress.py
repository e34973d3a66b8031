"""Progress of long work: a function that wraps an iterable, silent or with a bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


class Track(Protocol):
    """Passes items through and shows how far it is."""

    def __call__(self, items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        """Yields `items`, of which there are about `total`."""
        ...


def silent(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:  # noqa: ARG001
    """Shows nothing."""
    yield from items


class Bars:
    """Shows a bar on the error stream, so that results on standard output stay clean."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        """See `Track`."""
        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(description, total=total)
            for item in items:
                yield item
                progress.advance(task)
