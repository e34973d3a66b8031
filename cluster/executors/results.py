"""What executors make of results."""

from __future__ import annotations

from workers.errors import ErrorCode, RidgelineError
from workers.prepare import PreparedSubmission


def prepared_or_error(
    result: PreparedSubmission | BaseException,
) -> PreparedSubmission | Exception:
    """A result of preparing as the interface has it; timeouts become typed errors."""
    if isinstance(result, TimeoutError):
        return RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "extraction ran out of time")
    if isinstance(result, BaseException) and not isinstance(result, Exception):
        raise result
    return result
