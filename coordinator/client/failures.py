"""From a failed call back to the error that the server raised."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
import grpc.aio

from coordinator.errors import CODE_KEY, FIELD_KEY, OFFSET_KEY, RETRY_AFTER_KEY
from workers.errors import ErrorCode, RidgelineError

_TRANSPORT = {
    grpc.StatusCode.UNAVAILABLE: ErrorCode.UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED: ErrorCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorCode.OVERLOADED,
    grpc.StatusCode.UNAUTHENTICATED: ErrorCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: ErrorCode.NOT_PERMITTED,
}
"""Statuses that gRPC itself gives, without a code of ours."""


def ridgeline_error(error: grpc.RpcError) -> RidgelineError:
    """The error with code, field, offset and time to wait as the server gave them.

    A code that this client does not know (a newer server's) counts as INTERNAL.
    """
    status, details, trailers = _parts(error)
    code = trailers.get(CODE_KEY)
    if code is None:
        return RidgelineError(_TRANSPORT.get(status, ErrorCode.INTERNAL), details)
    offset = trailers.get(OFFSET_KEY, "")
    retry_after_ms = trailers.get(RETRY_AFTER_KEY, "")
    return RidgelineError(
        ErrorCode(code) if code in set(ErrorCode) else ErrorCode.INTERNAL,
        details,
        field=trailers.get(FIELD_KEY, ""),
        offset=int(offset) if offset.isdecimal() else None,
        retry_after_s=int(retry_after_ms) / 1000.0 if retry_after_ms.isdecimal() else None,
    )


def _parts(error: grpc.RpcError) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code(), error.details() or "", _texts(error.trailing_metadata())
    if isinstance(error, grpc.Call):
        return error.code(), error.details() or "", _texts(error.trailing_metadata() or ())
    return grpc.StatusCode.UNKNOWN, "", {}


def _texts(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    return {key: value for key, value in metadata if isinstance(value, str)}
