"""Reads TOML (or tables) into typed dataclasses; a wrong key or type is named, never ignored."""

from __future__ import annotations

import dataclasses
import enum
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from workers.errors import ErrorCode, RidgelineError

Config = TypeVar("Config")


def load_toml(kind: type[Config], path: Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """An instance of the dataclass `kind` from a file.

    Args:
        kind: a dataclass of strings, numbers, booleans, paths, enums, dataclasses and lists of
            those.
        path: of the file; relative paths in it are relative to its folder.
        overrides: value by dotted key, such as ``{"limits.max_deadline_s": 5}``; wins over the
            file.

    Raises:
        RidgelineError: INVALID_FIELD naming the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        detail = f"cannot be read as TOML ({type(error).__name__})"
        raise RidgelineError(ErrorCode.INVALID_FIELD, detail, field="configuration") from error
    return read_table(kind, table, overrides, base=path.resolve().parent)


def read_table(
    kind: type[Config],
    table: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    *,
    base: Path,
) -> Config:
    """The same from a table; relative paths are relative to `base`."""
    merged = dict(table)
    for key, value in (overrides or {}).items():
        _put(merged, key.split("."), value)
    result: Config = _dataclass(kind, merged, "", base)
    return result


def _put(table: dict[str, Any], keys: list[str], value: Any) -> None:
    first, *rest = keys
    if not rest:
        table[first] = value
        return
    inner = dict(table.get(first, {}))
    _put(inner, rest, value)
    table[first] = inner


def _dataclass(kind: Any, table: Any, where: str, base: Path) -> Any:
    if not isinstance(table, Mapping):
        raise _wrong(where, "expected a table")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    prefix = f"{where}." if where else ""
    for key in table:
        if key not in fields:
            raise _wrong(f"{prefix}{key}", "there is no such setting")
    hints = typing.get_type_hints(kind)
    for name, field in fields.items():
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required and name not in table:
            raise _wrong(f"{prefix}{name}", "required")
    values = {k: _value(hints[k], v, f"{prefix}{k}", base) for k, v in table.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise _wrong(where or "configuration", str(error)) from error


def _value(kind: Any, value: Any, where: str, base: Path) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in typing.get_args(kind):
            return None
        inner = next(arm for arm in typing.get_args(kind) if arm is not type(None))
        return _value(inner, value, where, base)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(where, "expected a list")
        inner = typing.get_args(kind)[0]
        return tuple(_value(inner, v, f"{where}[{i}]", base) for i, v in enumerate(value))
    if origin is typing.Literal:
        if value not in typing.get_args(kind):
            raise _wrong(where, f"expected one of {', '.join(map(str, typing.get_args(kind)))}")
        return value
    if dataclasses.is_dataclass(kind):
        return value if type(value) is kind else _dataclass(kind, value, where, base)
    return _scalar(kind, value, where, base)


def _scalar(kind: Any, value: Any, where: str, base: Path) -> Any:
    if issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError as error:
            known = ", ".join(str(one.value) for one in kind)
            raise _wrong(where, f"expected one of {known}") from error
    if kind is Path and isinstance(value, str | Path):
        return base / Path(value).expanduser()
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise _wrong(where, f"expected {kind.__name__}")
    return value


def _wrong(field: str, detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field=field)
