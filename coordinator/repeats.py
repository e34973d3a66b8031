"""Idempotent submissions: the same (ORI, TCN) gets the same answer, another body is refused."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

from coordinator.audit import AuditLog, StoredAnswer
from coordinator.convert import StatedOrigin
from protos.ridgeline.v1 import identification_pb2
from workers.errors import ErrorCode, RidgelineError


class Repeats:
    """Finds answers given before, and makes simultaneous repeats wait for the first."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._locks: dict[StatedOrigin, asyncio.Lock] = {}
        self._users: dict[StatedOrigin, int] = {}

    @contextlib.asynccontextmanager
    async def alone(self, origin: StatedOrigin) -> AsyncIterator[None]:
        """Held from the look-up until the answer is durable."""
        lock = self._locks.setdefault(origin, asyncio.Lock())
        self._users[origin] = self._users.get(origin, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[origin] -= 1
            if not self._users[origin]:
                del self._users[origin], self._locks[origin]

    async def find(
        self, origin: StatedOrigin, digest: str
    ) -> identification_pb2.IdentifyResponse | None:
        """The answer given before, marked as replayed.

        Raises:
            RidgelineError: SUBMISSION_CONFLICT where the TCN came with another body.
        """
        known = await asyncio.to_thread(self._audit.answer, *origin)
        if known is None:
            return None
        if known.request_digest != digest:
            raise RidgelineError(ErrorCode.SUBMISSION_CONFLICT, "", field="origin.tcn")
        response = identification_pb2.IdentifyResponse.FromString(known.response)
        response.replayed = True
        return response


def stored_answer(
    origin: StatedOrigin, digest: str, response: identification_pb2.IdentifyResponse
) -> StoredAnswer:
    """An answer to be kept with its audit record."""
    return StoredAnswer(*origin, digest, response.SerializeToString())


def request_digest(request: identification_pb2.IdentifyRequest) -> str:
    """Hex SHA-256 of what was submitted and how it was to be searched.

    Purpose and lowest sequence may differ between repeats; they do not change the submission.
    """
    body = identification_pb2.IdentifyRequest(
        submission=request.submission,
        max_candidates=request.max_candidates,
        allow_partial=request.allow_partial,
        exhaustive=request.exhaustive,
    )
    return hashlib.sha256(body.SerializeToString(deterministic=True)).hexdigest()
