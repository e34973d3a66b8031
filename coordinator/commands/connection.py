"""How commands reach the server: options, else environment variables, else a file.

The file is TOML with a table ``connection`` (settings of `ClientConfig`) and, if wanted, a table
``purpose``; ``ridgeline certificates`` writes one. Every option's environment variable is named
in its help.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from coordinator.client import ClientConfig, purpose
from coordinator.toml_config import load_toml, read_table
from protos.ridgeline.v1 import types_pb2
from workers.errors import RidgelineError

Result = TypeVar("Result")

_FILE = click.Path(path_type=Path, dir_okay=False, resolve_path=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeConfig:
    """Why a command searches; the server refuses a search that does not say.

    Attributes:
        authority: the legal or programme authority relied upon.
        case_number: booking or case number.
        requester: the person or system that asks.
    """

    authority: str = ""
    case_number: str = ""
    requester: str = ""

    def message(self) -> types_pb2.Purpose:
        """As the contract has it."""
        return purpose(
            authority=self.authority, case_number=self.case_number, requester=self.requester
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandConfig:
    """What a command needs to know of the server and its user."""

    connection: ClientConfig
    purpose: PurposeConfig = field(default_factory=PurposeConfig)


_CONNECTION: dict[str, tuple[Any, str]] = {
    "address": (str, "Address of the coordinator, HOST:PORT; of several, with commas."),
    "ca_file": (_FILE, "Certificate of the authority that signed the server's, PEM."),
    "certificate_file": (_FILE, "The client's own certificate, PEM."),
    "key_file": (_FILE, "Its key, PEM."),
    "server_name": (str, "Name in the server's certificate, where the address has another."),
    "timeout_s": (click.FloatRange(min=0, min_open=True), "Deadline of a call, seconds."),
}
_PURPOSE: dict[str, tuple[Any, str]] = {
    "authority": (str, "Purpose: the legal or programme authority."),
    "case_number": (str, "Purpose: booking or case number."),
    "requester": (str, "Purpose: who asks."),
}


def connected(command: Callable[..., Result]) -> Callable[..., Result]:
    """Options of the connection; the command gets `config`, a `CommandConfig`."""
    return _configured(command, {"connection": _CONNECTION})


def connected_for_a_purpose(command: Callable[..., Result]) -> Callable[..., Result]:
    """The same, and the options of the purpose."""
    return _configured(command, {"connection": _CONNECTION, "purpose": _PURPOSE})


def for_a_purpose(command: Callable[..., Result]) -> Callable[..., Result]:
    """The options of the purpose alone; the command gets `purpose`, a `PurposeConfig`."""

    @functools.wraps(command)
    def wrapped(**options: Any) -> Result:
        stated = {name: options.pop(name) or "" for name in _PURPOSE}
        return command(purpose=PurposeConfig(**stated), **options)

    return _with_options(wrapped, _PURPOSE)


def server_config(command: Callable[..., Result]) -> Callable[..., Result]:
    """The option of commands that open the coordinator's own settings; they get `config_file`."""
    return click.option(
        "--config",
        "config_file",
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar="RIDGELINE_SERVER_CONFIG",
        show_envvar=True,
        help="Settings of the coordinator and its cluster, TOML.",
    )(command)


def _configured(
    command: Callable[..., Result], tables: dict[str, dict[str, tuple[Any, str]]]
) -> Callable[..., Result]:
    @functools.wraps(command)
    def wrapped(*, config_file: Path | None, **options: Any) -> Result:
        given = {
            f"{table}.{name}": _plain(options.pop(name))
            for table, names in tables.items()
            for name in names
        }
        return command(config=read_config(config_file, given), **options)

    configured: Callable[..., Result] = wrapped
    for names in reversed(tables.values()):
        configured = _with_options(configured, names)
    return click.option(
        "--config",
        "config_file",
        type=_FILE,
        envvar="RIDGELINE_CONFIG",
        show_envvar=True,
        help="File with settings, TOML.",
    )(configured)


def _with_options(
    command: Callable[..., Result], names: dict[str, tuple[Any, str]]
) -> Callable[..., Result]:
    for name, (kind, text) in reversed(names.items()):
        flag = "--" + name.removesuffix("_s").replace("_", "-")
        option = click.option(
            flag, name, type=kind, help=text, envvar=variable(name), show_envvar=True
        )
        command = option(command)
    return command


def read_config(file: Path | None, given: dict[str, Any]) -> CommandConfig:
    """Settings of the file, overridden by what is given by dotted name and is not None.

    Raises:
        RidgelineError: INVALID_FIELD naming the setting that is wrong or lacking.
    """
    overrides = {name: value for name, value in given.items() if value is not None}
    if file is not None:
        return load_toml(CommandConfig, file, overrides)
    try:
        return read_table(CommandConfig, {}, overrides, base=Path.cwd())
    except RidgelineError as error:
        if error.detail != "required":
            raise
        hint = "required; give --config FILE, as `ridgeline certificates` writes one, or options"
        raise RidgelineError(error.code, hint, field=error.field) from error


def variable(name: str) -> str:
    """Environment variable of a setting."""
    return f"RIDGELINE_{name.upper()}"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
