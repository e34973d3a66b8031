"""Typed errors of the whole system.

Every error that a caller can cause is a `RidgelineError` with a code from `ErrorCode`. The
code alone decides the gRPC status and the public message (`coordinator/errors.py`), so the
text of an exception never has to be safe to show, yet ours are: they name fields, records and
offsets, never a biographic value.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Any


@unique
class ErrorCode(StrEnum):
    """What went wrong, in words that a program can act on."""

    INVALID_FIELD = "INVALID_FIELD"
    MALFORMED_TRANSACTION = "MALFORMED_TRANSACTION"
    MALFORMED_TEMPLATE = "MALFORMED_TEMPLATE"
    MALFORMED_IMAGE = "MALFORMED_IMAGE"
    DUPLICATE_FINGER = "DUPLICATE_FINGER"
    NO_USABLE_FINGER = "NO_USABLE_FINGER"
    PURPOSE_REQUIRED = "PURPOSE_REQUIRED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    NOT_PERMITTED = "NOT_PERMITTED"
    SUBJECT_NOT_FOUND = "SUBJECT_NOT_FOUND"
    ENCOUNTER_NOT_FOUND = "ENCOUNTER_NOT_FOUND"
    ENCOUNTER_CONFLICT = "ENCOUNTER_CONFLICT"
    SUBMISSION_CONFLICT = "SUBMISSION_CONFLICT"
    COVERAGE_TOO_LOW = "COVERAGE_TOO_LOW"
    SEQUENCE_UNAVAILABLE = "SEQUENCE_UNAVAILABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    CANCELLED = "CANCELLED"
    OVERLOADED = "OVERLOADED"
    SHARD_UNAVAILABLE = "SHARD_UNAVAILABLE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    UNREACHABLE = "UNREACHABLE"
    PARAMETERS_MISMATCH = "PARAMETERS_MISMATCH"
    INTERNAL = "INTERNAL"


class RidgelineError(Exception):
    """Base of every error that crosses a layer.

    Args:
        code: what went wrong.
        detail: one sentence for the caller; no biographic value, no path.
        field: the request field at fault, such as ``"prints[2].resolution_ppi"`` or
            ``"Type-14 record 3, field 14.006"``; empty where none is.
        offset: byte offset in the submitted data where the fault lies, if it lies in bytes.
        retry_after_s: when the same may well succeed, seconds from now, where that can be told.
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        field: str = "",
        offset: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.offset = offset
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        where = f" ({self.field})" if self.field else ""
        at = f" at byte {self.offset}" if self.offset is not None else ""
        return f"{self.code}: {self.detail}{where}{at}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and errors travel
        # between actors.
        named = {
            "field": self.field,
            "offset": self.offset,
            "retry_after_s": self.retry_after_s,
        }
        return (_rebuild, (type(self), self.code, self.detail, named))


def _rebuild(
    cls: type[RidgelineError], code: ErrorCode, detail: str, named: Mapping[str, Any]
) -> RidgelineError:
    return cls(code, detail, **named)
