"""The contract's messages as plain values: for JSON and for tables."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def to_plain(message: Message) -> Any:
    """A message as dictionaries, lists, numbers and strings, every field in it.

    Unlike protobuf's own JSON, 64-bit numbers are numbers, and enum values lose the prefix that
    repeats their type's name. Absent messages and absent optional values are None.
    """
    if isinstance(message, Timestamp):
        return message.ToJsonString()
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def enum_name(descriptor: EnumDescriptor, number: int) -> str:
    """Name of an enum value without its type's prefix, ``OUTCOME_REVIEW`` as ``REVIEW``."""
    value = descriptor.values_by_number.get(number)
    if value is None:
        return str(number)  # of a newer contract
    prefix = _WORD_START.sub("_", descriptor.name).upper() + "_"
    return value.name.removeprefix(prefix)


def to_json(value: Any) -> str:
    """Readable JSON that ends in a newline; a NaN in it is a fault of ours."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_value(field, one) for one in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return to_plain(value)
    if field.enum_type is not None:
        return enum_name(field.enum_type, value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
