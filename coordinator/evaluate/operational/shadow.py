"""Another installed release on the same gallery: its own command, in its own environment."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.evaluate.operational.draw import Draw
from coordinator.evaluate.operational.exchange import SearchLog, read_log, wrong
from workers.errors import ErrorCode, RidgelineError

EVALUATE = ("evaluate", "operational")

REQUIRED_OPTIONS = ("--config", "--sequence", "--sample", "--seed", "--fingers", "--searches")
"""Of the other release's command; one that lacks any is too old."""

_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables that would put our packages in the place of the other release's."""

_SAID = re.compile(r"^ridgeline: (?P<code>[A-Z_]+): (?P<detail>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Release:
    """An installed release.

    Attributes:
        command: its ``bin/ridgeline``.
        settings: environment variables for it, such as the purpose of the run.
    """

    command: Path
    settings: Mapping[str, str]


def find_release(environment: Path, settings: Mapping[str, str]) -> Release:
    """The release installed in an environment.

    Raises:
        RidgelineError: INVALID_FIELD where there is none, or one that cannot do this yet.
    """
    command = environment.resolve() / "bin" / "ridgeline"
    if not command.is_file() or not os.access(command, os.X_OK):
        raise wrong("expected the folder of an environment that has bin/ridgeline")
    release = Release(command, settings)
    told = _call(release, [*EVALUATE, "--help"])
    if told.returncode or not all(option in told.stdout for option in REQUIRED_OPTIONS):
        raise wrong("the other release is too old: its `evaluate operational` cannot be compared")
    return release


def search_as(release: Release, config_file: Path, draw: Draw, sequence: int) -> SearchLog:
    """Has a release make the same searches and reads what came of them.

    Raises:
        RidgelineError: as the other release says, or INVALID_FIELD where it says nothing we know.
    """
    with tempfile.TemporaryDirectory(prefix="ridgeline-evaluate-") as folder:
        searches = Path(folder) / "searches.json"
        options = ["--config", str(config_file.resolve()), "--sequence", str(sequence)]
        options += ["--seed", str(draw.seed), "--searches", str(searches)]
        if draw.sample is not None:
            options += ["--sample", str(draw.sample)]
        if draw.fingers:
            options += ["--fingers", ",".join(str(int(finger)) for finger in draw.fingers)]
        ended = _call(release, [*EVALUATE, *options])
        if ended.returncode:
            raise _failure(ended.returncode, ended.stderr)
        return read_log(searches)


def _call(release: Release, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in _OUR_PYTHON}
    # Wide enough that help and errors are not wrapped.
    environment |= {**release.settings, "COLUMNS": "200"}
    try:
        return subprocess.run(  # noqa: S603 - the operator names the release
            [str(release.command), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise wrong(f"the other release cannot be started ({error.strerror})") from error


def _failure(code: int, said: str) -> RidgelineError:
    """What the other release said, as an error of our own where we know its code."""
    lines = list(_SAID.finditer(said))
    if not lines or lines[-1]["code"] not in set(ErrorCode):
        return wrong(f"the other release failed with exit code {code}")
    detail = f"the other release says: {lines[-1]['detail']}"
    return RidgelineError(ErrorCode(lines[-1]["code"]), detail, field="against")
