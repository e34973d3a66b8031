"""From errors to gRPC statuses: the catalogue, and the one translator at the edge.

Codes are `workers.errors.ErrorCode`. What a client sees of an error is decided here: the status
and public message of its code, the sentence and field that a `RidgelineError` carries, and
nothing of any other exception but an identifier that leads to the log.

On the wire a failed call has trailing metadata `ridgeline-code` and, where they apply,
`ridgeline-field`, `ridgeline-offset`, `ridgeline-retry-after-ms` and `ridgeline-error-id`.
"""

from __future__ import annotations

import logging
import math
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import grpc

from workers.errors import ErrorCode, RidgelineError

CODE_KEY = "ridgeline-code"
FIELD_KEY = "ridgeline-field"
OFFSET_KEY = "ridgeline-offset"
RETRY_AFTER_KEY = "ridgeline-retry-after-ms"
ERROR_ID_KEY = "ridgeline-error-id"

MAX_CHARACTERS = 1000
"""Of a message or field: both travel in HTTP/2 headers, which peers limit to a few kB."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What a client is told of one code: the gRPC status and a message of ours."""

    status: grpc.StatusCode
    message: str


CATALOGUE: Mapping[ErrorCode, CatalogueEntry] = MappingProxyType(
    {
        ErrorCode.INVALID_FIELD: CatalogueEntry(
            grpc.StatusCode.INVALID_ARGUMENT, "a field of the request is not valid"
        ),
        ErrorCode.MALFORMED_TRANSACTION: CatalogueEntry(
            grpc.StatusCode.INVALID_ARGUMENT, "the ANSI/NIST-ITL transaction is malformed"
        ),
        ErrorCode.MALFORMED_TEMPLATE: CatalogueEntry(
            grpc.StatusCode.INVALID_ARGUMENT, "the minutiae record is malformed"
        ),
        ErrorCode.MALFORMED_IMAGE: CatalogueEntry(
            grpc.StatusCode.INVALID_ARGUMENT, "the image cannot be decoded"
        ),
        ErrorCode.DUPLICATE_FINGER: CatalogueEntry(
            grpc.StatusCode.INVALID_ARGUMENT, "a finger and impression type occurs twice"
        ),
        ErrorCode.NO_USABLE_FINGER: CatalogueEntry(
            grpc.StatusCode.INVALID_ARGUMENT, "the submission holds no finger that can be used"
        ),
        ErrorCode.PURPOSE_REQUIRED: CatalogueEntry(
            grpc.StatusCode.INVALID_ARGUMENT, "the purpose must be stated in full"
        ),
        ErrorCode.UNAUTHENTICATED: CatalogueEntry(
            grpc.StatusCode.UNAUTHENTICATED, "the client certificate names no known principal"
        ),
        ErrorCode.NOT_PERMITTED: CatalogueEntry(
            grpc.StatusCode.PERMISSION_DENIED, "the principal may not do this"
        ),
        ErrorCode.SUBJECT_NOT_FOUND: CatalogueEntry(
            grpc.StatusCode.NOT_FOUND, "the gallery has no such subject"
        ),
        ErrorCode.ENCOUNTER_NOT_FOUND: CatalogueEntry(
            grpc.StatusCode.NOT_FOUND, "the gallery has no such encounter"
        ),
        ErrorCode.ENCOUNTER_CONFLICT: CatalogueEntry(
            grpc.StatusCode.ALREADY_EXISTS, "the encounter exists with other contents"
        ),
        ErrorCode.SUBMISSION_CONFLICT: CatalogueEntry(
            grpc.StatusCode.ALREADY_EXISTS, "the TCN was submitted before with other contents"
        ),
        ErrorCode.COVERAGE_TOO_LOW: CatalogueEntry(
            grpc.StatusCode.UNAVAILABLE, "too little of the gallery could be searched"
        ),
        ErrorCode.SEQUENCE_UNAVAILABLE: CatalogueEntry(
            grpc.StatusCode.FAILED_PRECONDITION, "the gallery has not reached that sequence"
        ),
        ErrorCode.DEADLINE_EXCEEDED: CatalogueEntry(
            grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed before there was an answer"
        ),
        ErrorCode.CANCELLED: CatalogueEntry(grpc.StatusCode.CANCELLED, "the call was cancelled"),
        ErrorCode.OVERLOADED: CatalogueEntry(
            grpc.StatusCode.RESOURCE_EXHAUSTED, "the server has too much to do; try again later"
        ),
        ErrorCode.SHARD_UNAVAILABLE: CatalogueEntry(
            grpc.StatusCode.UNAVAILABLE, "a shard does not answer"
        ),
        ErrorCode.STORE_UNAVAILABLE: CatalogueEntry(
            grpc.StatusCode.UNAVAILABLE, "the gallery's store does not answer"
        ),
        ErrorCode.UNREACHABLE: CatalogueEntry(
            grpc.StatusCode.UNAVAILABLE, "the server cannot be reached"
        ),
        ErrorCode.PARAMETERS_MISMATCH: CatalogueEntry(
            grpc.StatusCode.FAILED_PRECONDITION, "templates were made with other parameters"
        ),
        ErrorCode.INTERNAL: CatalogueEntry(
            grpc.StatusCode.INTERNAL, "the server failed; its operator can look the error up"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class PublicError:
    """An error as a client sees it.

    Attributes:
        message: public message, with the sentence and field where the error carries them.
        field: of the request, or empty.
        offset: byte offset in the submitted data, or None.
        error_id: leads to the server's log; empty for errors the caller caused.
        retry_after_s: when the same call may well succeed, or None.
    """

    code: ErrorCode
    status: grpc.StatusCode
    message: str
    field: str = ""
    offset: int | None = None
    error_id: str = ""
    retry_after_s: float | None = None

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Trailing metadata; values are ASCII, as HTTP/2 headers must be."""
        retry = self.retry_after_s
        pairs = (
            (CODE_KEY, self.code.value),
            (FIELD_KEY, self.field),
            (OFFSET_KEY, "" if self.offset is None else str(self.offset)),
            (RETRY_AFTER_KEY, "" if retry is None else str(math.ceil(1000 * retry))),
            (ERROR_ID_KEY, self.error_id),
        )
        return tuple((key, _ascii(value)) for key, value in pairs if value)


def public_error(error: BaseException) -> PublicError:
    """What a client may know of any exception; unknown ones are logged under an identifier."""
    if isinstance(error, TimeoutError):
        error = RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "")
    if not isinstance(error, RidgelineError) or error.code is ErrorCode.INTERNAL:
        return _internal(error)
    entry = CATALOGUE[error.code]
    detail = f": {error.detail}" if error.detail else ""
    where = f" ({error.field})" if error.field else ""
    at = f" at byte {error.offset}" if error.offset is not None else ""
    message = f"{entry.message}{detail}{where}{at}"
    return PublicError(
        error.code,
        entry.status,
        _short(message),
        _short(error.field),
        error.offset,
        retry_after_s=error.retry_after_s,
    )


def _internal(error: BaseException) -> PublicError:
    error_id = uuid.uuid4().hex
    # The frames name our code; the exception's own text may quote values, so it stays out.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("error %s: %s\n%s", error_id, type(error).__name__, frames)
    entry = CATALOGUE[ErrorCode.INTERNAL]
    return PublicError(
        ErrorCode.INTERNAL,
        entry.status,
        f"{entry.message} (error {error_id})",
        error_id=error_id,
    )


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _ascii(value: str) -> str:
    return value.encode("ascii", "backslashreplace").decode("ascii").replace("\n", " ")
