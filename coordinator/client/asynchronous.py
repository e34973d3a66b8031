"""The client for asyncio code; the same methods as the blocking one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from coordinator.client.config import ClientConfig
from coordinator.client.failures import ridgeline_error
from coordinator.client.requests import (
    Prints,
    enroll_request,
    fitting,
    identify_request,
    submission,
)
from protos.ridgeline.v1 import (
    gallery_pb2,
    gallery_pb2_grpc,
    identification_pb2,
    identification_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    types_pb2,
)
from workers.errors import ErrorCode, RidgelineError

_POLL_S = 0.1

Item = TypeVar("Item")


class AsyncRidgelineClient:
    """Searches and keeps a gallery over mutual TLS; see `RidgelineClient`.

    async with AsyncRidgelineClient(config) as client:
        answer = await client.identify(transaction, purpose=purpose(...))
    """

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._channel = grpc.aio.secure_channel(
            config.address, config.credentials(), config.channel_options()
        )
        self._identification = identification_pb2_grpc.IdentificationServiceStub(self._channel)
        self._gallery = gallery_pb2_grpc.GalleryServiceStub(self._channel)
        self._operations = operations_pb2_grpc.OperationsServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    async def close(self) -> None:
        """Closes the connection; calls under way fail."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def identify(
        self,
        prints: Prints,
        *,
        purpose: types_pb2.Purpose,
        origin: types_pb2.Origin | None = None,
        max_candidates: int = 0,
        allow_partial: bool = False,
        exhaustive: bool = False,
        min_gallery_sequence: int = 0,
        timeout_s: float | None = None,
    ) -> identification_pb2.IdentifyResponse:
        """Searches the gallery; options as in `IdentifyRequest`."""
        request = identify_request(
            prints,
            purpose=purpose,
            origin=origin,
            max_candidates=max_candidates,
            allow_partial=allow_partial,
            exhaustive=exhaustive,
            min_gallery_sequence=min_gallery_sequence,
        )
        with typed_errors():
            return await self._identification.Identify(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

    async def identify_many(
        self,
        requests: Iterable[identification_pb2.IdentifyStreamRequest]
        | AsyncIterable[identification_pb2.IdentifyStreamRequest],
        *,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[identification_pb2.IdentifyStreamResponse, None]:
        """Many searches on one connection; answers as they are ready, failures among them.

        Args:
            timeout_s: for the whole stream; None sets no limit but the server's for each search.
        """
        with typed_errors():
            async for answer in self._identification.IdentifyStream(
                _each(requests), timeout=timeout_s
            ):
                yield answer

    async def verify(
        self,
        prints: Prints,
        subject_id: str,
        *,
        purpose: types_pb2.Purpose,
        origin: types_pb2.Origin | None = None,
        timeout_s: float | None = None,
    ) -> identification_pb2.VerifyResponse:
        """Compares prints with one subject."""
        request = identification_pb2.VerifyRequest(
            submission=submission(prints), subject_id=subject_id, purpose=purpose, origin=origin
        )
        with typed_errors():
            return await self._identification.Verify(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

    async def explain(
        self,
        prints: Prints,
        subject_id: str,
        *,
        purpose: types_pb2.Purpose,
        origin: types_pb2.Origin | None = None,
        encounter_id: str = "",
        timeout_s: float | None = None,
    ) -> identification_pb2.ExplainResponse:
        """The minutia pairs behind a comparison with one subject."""
        request = identification_pb2.ExplainRequest(
            submission=submission(prints),
            subject_id=subject_id,
            purpose=purpose,
            origin=origin,
            encounter_id=encounter_id,
        )
        with typed_errors():
            return await self._identification.Explain(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

    async def enroll(
        self,
        prints: Prints,
        *,
        subject_id: str = "",
        encounter_id: str = "",
        captured: datetime.date | None = None,
        sensor: str = "",
        timeout_s: float | None = None,
    ) -> gallery_pb2.EnrollResponse:
        """Adds an encounter; without `subject_id` to a new subject; see `enroll_request`."""
        request = enroll_request(
            prints,
            subject_id=subject_id,
            encounter_id=encounter_id,
            captured=captured,
            sensor=sensor,
        )
        with typed_errors():
            return await self._gallery.Enroll(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

    async def enroll_many(
        self,
        requests: Iterable[gallery_pb2.EnrollRequest] | AsyncIterable[gallery_pb2.EnrollRequest],
        *,
        timeout_s: float | None = None,
    ) -> gallery_pb2.EnrollStreamResponse:
        """Adds many encounters (`enroll_request` makes each); failures are in the answer.

        Args:
            timeout_s: for the whole stream; None sets no limit but the server's for each one.
        """
        stream = _enroll_stream(requests)
        with typed_errors():
            return await self._gallery.EnrollStream(stream, timeout=timeout_s)

    async def get_subject(
        self, subject_id: str, *, purpose: types_pb2.Purpose, timeout_s: float | None = None
    ) -> gallery_pb2.GetSubjectResponse:
        """What the gallery holds of a subject."""
        request = gallery_pb2.GetSubjectRequest(subject_id=subject_id, purpose=purpose)
        with typed_errors():
            return await self._gallery.GetSubject(request, timeout=self._timeout(timeout_s))

    async def remove_encounter(
        self, encounter_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveEncounterResponse:
        """Removes one encounter."""
        request = gallery_pb2.RemoveEncounterRequest(encounter_id=encounter_id, reason=reason)
        with typed_errors():
            return await self._gallery.RemoveEncounter(request, timeout=self._timeout(timeout_s))

    async def remove_subject(
        self, subject_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveSubjectResponse:
        """Removes a subject with all its encounters."""
        request = gallery_pb2.RemoveSubjectRequest(subject_id=subject_id, reason=reason)
        with typed_errors():
            return await self._gallery.RemoveSubject(request, timeout=self._timeout(timeout_s))

    async def status(self, *, timeout_s: float | None = None) -> operations_pb2.GetStatusResponse:
        """The state of the cluster."""
        with typed_errors():
            return await self._operations.GetStatus(
                operations_pb2.GetStatusRequest(), timeout=self._timeout(timeout_s)
            )

    async def rebalance(
        self, *, dry_run: bool = False, timeout_s: float | None = None
    ) -> operations_pb2.RebalanceResponse:
        """Spreads the gallery over the nodes that are there now, or only tells what that would do.

        It goes on in the server when the deadline passes here.
        """
        with typed_errors():
            return await self._operations.Rebalance(
                operations_pb2.RebalanceRequest(dry_run=dry_run), timeout=self._timeout(timeout_s)
            )

    async def wait_until_serving(self, *, timeout_s: float = 60.0) -> None:
        """Returns when the server is there and searches enough of the gallery.

        Raises:
            RidgelineError: DEADLINE_EXCEEDED when that takes longer than `timeout_s`.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            with contextlib.suppress(grpc.RpcError):
                answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=left)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            await asyncio.sleep(_POLL_S)
        raise RidgelineError(
            ErrorCode.DEADLINE_EXCEEDED, f"the server was not serving within {timeout_s:g} s"
        )

    def _timeout(self, timeout_s: float | None) -> float:
        return self._config.timeout_s if timeout_s is None else timeout_s


@contextlib.contextmanager
def typed_errors() -> Iterator[None]:
    """Around every await of a call; also makes good a cancellation that gRPC lost.

    grpc.aio returns the response, as if nothing had happened, when the task is cancelled in the
    moment in which the call ends.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except grpc.RpcError as error:
        raise ridgeline_error(error) from None
    if task and task.cancelling() > before:
        raise asyncio.CancelledError


async def _each(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _enroll_stream(
    requests: Iterable[gallery_pb2.EnrollRequest] | AsyncIterable[gallery_pb2.EnrollRequest],
) -> AsyncIterator[gallery_pb2.EnrollStreamRequest]:
    async for request in _each(requests):
        yield gallery_pb2.EnrollStreamRequest(request=request)
