"""What every call goes through: who asks, how long it may take, the record, the translator.

Each servicer's method is a function of a `Call`; `CallGate` wraps it, so that no method can
forget to authenticate, to bound its time or to leave an audit record.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc.aio

from coordinator.access import (
    Policy,
    Principal,
    Role,
    certificate_names,
    require_purpose,
    require_role,
    resolve_agency,
)
from coordinator.audit import AuditLog, AuditRecord, StoredAnswer
from coordinator.convert import StatedOrigin
from coordinator.errors import PublicError, public_error
from protos.ridgeline.v1 import types_pb2
from workers.errors import ErrorCode

Response = TypeVar("Response")
Context = grpc.aio.ServicerContext[Any, Any]


class CallRefusedError(Exception):
    """A call that failed, already recorded; carries what its caller may know."""

    def __init__(self, public: PublicError) -> None:
        super().__init__(public.message)
        self.public = public


class Call:
    """One request being handled.

    Attributes:
        principal: who asks.
        record: to be filled in; written when the handler returns or fails.
        answer: to be kept with the record, for a repeat of the submission.
    """

    def __init__(
        self,
        principal: Principal,
        record: AuditRecord,
        budget_s: float,
        held: contextlib.AsyncExitStack,
    ) -> None:
        self.principal = principal
        self.record = record
        self.answer: StoredAnswer | None = None
        self._held = held
        self._deadline = asyncio.get_running_loop().time() + budget_s

    def remaining_s(self) -> float:
        """Seconds until the deadline; may be negative."""
        return self._deadline - asyncio.get_running_loop().time()

    async def hold(self, resource: contextlib.AbstractAsyncContextManager[object]) -> None:
        """Holds a resource until the call's record is durable."""
        await self._held.enter_async_context(resource)

    def state_purpose(self, purpose: types_pb2.Purpose) -> None:
        """Checks and records the purpose."""
        self.record.purpose = require_purpose(
            purpose.authority, purpose.case_number, purpose.requester
        )

    def state_origin(self, origin: StatedOrigin) -> StatedOrigin:
        """Checks and records whose request this is; fills in the principal's own agency."""
        self.record.ori, self.record.tcn = origin
        self.record.ori = resolve_agency(self.principal, origin.ori)
        return StatedOrigin(self.record.ori, origin.tcn)


class CallGate:
    """Authenticates, bounds, records and translates.

    Args:
        max_deadline_s: of calls without a deadline or with a longer one.
    """

    def __init__(self, policy: Policy, audit: AuditLog, *, max_deadline_s: float) -> None:
        self._policy = policy
        self._audit = audit
        self._max_deadline_s = max_deadline_s

    async def answer(
        self,
        context: Context,
        event: str,
        role: Role,
        work: Callable[[Call], Awaitable[Response]],
        *,
        routine: bool = False,
    ) -> Response:
        """Handles a unary call; a failure ends it with its status.

        Args:
            routine: success leaves no record (reading the cluster's state).
        """
        try:
            return await self.attempt(context, event, role, work, routine=routine)
        except CallRefusedError as refused:
            await refuse(context, refused.public)

    async def attempt(
        self,
        context: Context,
        event: str,
        role: Role,
        work: Callable[[Call], Awaitable[Response]],
        *,
        routine: bool = False,
    ) -> Response:
        """Handles one request of a stream.

        Raises:
            CallRefusedError: where it failed; the failure is recorded.
        """
        record = AuditRecord(event, context.peer())
        try:
            async with contextlib.AsyncExitStack() as held:
                call = self._admit(context, record, role, held)
                async with asyncio.timeout(call.remaining_s()):
                    response = await work(call)
                if not routine:
                    await self._audit.write(record, call.answer)
        except asyncio.CancelledError:
            record.outcome = ErrorCode.CANCELLED
            self._audit.submit(record)
            raise
        except Exception as error:
            raise CallRefusedError(await self._record_failure(record, error)) from error
        return response

    def _admit(
        self, context: Context, record: AuditRecord, role: Role, held: contextlib.AsyncExitStack
    ) -> Call:
        identity = context.auth_context()
        record.certificate = certificate_names(identity)
        principal = self._policy.principal(identity)
        record.principal = principal.name
        require_role(principal, role)
        asked = context.time_remaining()
        limit = self._max_deadline_s
        return Call(principal, record, limit if asked is None else min(asked, limit), held)

    async def _record_failure(self, record: AuditRecord, error: Exception) -> PublicError:
        public = public_error(error)
        record.outcome, record.error_field = public.code, public.field
        record.error_id = public.error_id
        record.candidates.clear()
        try:
            await self._audit.write(record)
        except Exception as unwritten:  # noqa: BLE001 - no record, no answer but this
            return public_error(unwritten)
        return public


async def refuse(context: Context, public: PublicError) -> NoReturn:
    """Ends a call with an error's status, message and trailers."""
    await context.abort(public.status, public.message, public.trailers())
    raise AssertionError("abort returned")
