"""Where commands write: results to standard output, progress and remarks to the error stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from coordinator.messages import to_json
from coordinator.paths import write_whole
from coordinator.progress import Bars

Command = TypeVar("Command", bound=Callable[..., Any])


def json_flag(command: Command) -> Command:
    """The option ``--json``: the result as JSON on standard output instead of tables."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        command
    )


def json_file_option(command: Command) -> Command:
    """The option ``--json FILE``; the command gets `json_file` and hands it to `write_report`."""
    return click.option(
        "--json",
        "json_file",
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
        help="File for the result; - is standard output.",
    )(command)


def plot_option(command: Command) -> Command:
    """The option ``--plot FILE``."""
    return click.option(
        "--plot",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File for the DET curve, such as det.png or det.svg.",
    )(command)


def write_report(
    report: dict[str, Any], json_file: Path | None, show: Callable[[Console, dict[str, Any]], None]
) -> None:
    """A report as JSON to the file, if one is named, and as tables unless that is standard
    output."""
    if json_file is None:
        show(out(), report)
    elif str(json_file) == "-":
        print_json(report)
    else:
        write_whole(json_file, to_json(report).encode())
        show(out(), report)


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
