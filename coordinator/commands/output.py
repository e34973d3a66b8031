"""Where commands write: results to standard output, progress and remarks to the error stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from rich.console import Console

from coordinator.messages import to_json
from coordinator.progress import Bars

Command = TypeVar("Command", bound=Callable[..., Any])


def json_flag(command: Command) -> Command:
    """The option ``--json``: the result as JSON on standard output instead of tables."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        command
    )


WIDTH = 160
"""Columns where there is no terminal that has a width."""


def out() -> Console:
    """For results."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def bars() -> Bars:
    """For progress."""
    return Bars(Console(stderr=True))


def say(message: str) -> None:
    """A remark."""
    click.echo(message, err=True)


def print_json(value: Any) -> None:
    """A result for machines."""
    click.echo(to_json(value), nl=False)
