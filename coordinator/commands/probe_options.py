"""Arguments of the commands that submit the prints of one person."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from coordinator.commands.encounters import ImageOptions
from workers.biometrics.model import FingerPosition, Impression

Result = TypeVar("Result")
ProbeOptions = ImageOptions


def probe_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """FILES and what images do not say; the command gets `files` and `probe`."""

    @functools.wraps(command)
    def wrapped(*, dpi: float | None, impression: str, finger: int | None, **others: Any) -> Result:
        probe = ImageOptions(
            resolution_ppi=dpi,
            impression=Impression(impression),
            finger=FingerPosition(finger) if finger else None,
        )
        return command(probe=probe, **others)

    for option in (
        click.option(
            "--finger",
            type=click.IntRange(1, 15),
            help="Finger position code of an image or template that does not say.",
        ),
        click.option(
            "--impression",
            type=click.Choice([i.value for i in Impression]),
            default=Impression.PLAIN.value,
            show_default=True,
            help="How images were taken.",
        ),
        click.option("--dpi", type=float, help="Resolution of images; overrides what they state."),
        click.argument(
            "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
        ),
    ):
        wrapped = option(wrapped)
    return wrapped
