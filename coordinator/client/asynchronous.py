"""The client for asyncio code; the same methods as the blocking one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import grpc.aio

from coordinator.client.config import ClientConfig
from coordinator.client.failures import ridgeline_error
from coordinator.client.requests import (
    Prints,
    enroll_request,
    identify_request,
    submission,
)
from coordinator.client.routes import AsyncRoute
from protos.ridgeline.v1 import (
    gallery_pb2,
    identification_pb2,
    operations_pb2,
    types_pb2,
)
from workers.errors import RidgelineError

Item = TypeVar("Item")


class AsyncRidgelineClient:
    """Searches and keeps a gallery over mutual TLS; see `RidgelineClient`.

    async with AsyncRidgelineClient(config) as client:
        answer = await client.identify(transaction, purpose=purpose(...))
    """

    def __init__(self, config: ClientConfig) -> None:
        self._route = AsyncRoute(config)

    async def close(self) -> None:
        """Closes the connection; calls under way fail."""
        await self._route.close()

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
        return await self._route.call(lambda c: c.identification.Identify, request, timeout_s)

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
            identification = (await self._route.find()).identification
            async for answer in identification.IdentifyStream(_each(requests), timeout=timeout_s):
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
        return await self._route.call(lambda c: c.identification.Verify, request, timeout_s)

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
        return await self._route.call(lambda c: c.identification.Explain, request, timeout_s)

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
        return await self._route.call(lambda c: c.gallery.Enroll, request, timeout_s)

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
        gallery = (await self._route.find()).gallery
        with typed_errors():
            return await gallery.EnrollStream(stream, timeout=timeout_s)

    async def get_subject(
        self, subject_id: str, *, purpose: types_pb2.Purpose, timeout_s: float | None = None
    ) -> gallery_pb2.GetSubjectResponse:
        """What the gallery holds of a subject."""
        request = gallery_pb2.GetSubjectRequest(subject_id=subject_id, purpose=purpose)
        return await self._route.call(lambda c: c.gallery.GetSubject, request, timeout_s)

    async def remove_encounter(
        self, encounter_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveEncounterResponse:
        """Removes one encounter."""
        request = gallery_pb2.RemoveEncounterRequest(encounter_id=encounter_id, reason=reason)
        gallery = (await self._route.find()).gallery
        with typed_errors():
            return await gallery.RemoveEncounter(request, timeout=self._route.timeout(timeout_s))

    async def remove_subject(
        self, subject_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveSubjectResponse:
        """Removes a subject with all its encounters."""
        request = gallery_pb2.RemoveSubjectRequest(subject_id=subject_id, reason=reason)
        gallery = (await self._route.find()).gallery
        with typed_errors():
            return await gallery.RemoveSubject(request, timeout=self._route.timeout(timeout_s))

    async def status(self, *, timeout_s: float | None = None) -> operations_pb2.GetStatusResponse:
        """The state of the cluster, from the coordinator that is active."""
        await self._route.find()
        request = operations_pb2.GetStatusRequest()
        return await self._route.call(lambda c: c.operations.GetStatus, request, timeout_s)

    async def coordinators(
        self, *, timeout_s: float = 5.0
    ) -> list[tuple[str, operations_pb2.GetStatusResponse | RidgelineError]]:
        """What each coordinator says of itself, by address; its error where it says nothing."""
        request = operations_pb2.GetStatusRequest()
        answers: list[tuple[str, operations_pb2.GetStatusResponse | RidgelineError]] = []
        for one in self._route.coordinators:
            try:
                with typed_errors():
                    answer = await one.operations.GetStatus(request, timeout=timeout_s)
                answers.append((one.address, answer))
            except RidgelineError as error:
                answers.append((one.address, error))
        return answers

    async def rebalance(
        self, *, dry_run: bool = False, timeout_s: float | None = None
    ) -> operations_pb2.RebalanceResponse:
        """Spreads the gallery over the nodes that are there now, or only tells what that would do.

        It goes on in the server when the deadline passes here.
        """
        request = operations_pb2.RebalanceRequest(dry_run=dry_run)
        operations = (await self._route.find()).operations
        with typed_errors():
            return await operations.Rebalance(request, timeout=self._route.timeout(timeout_s))

    async def wait_until_serving(self, *, timeout_s: float = 60.0) -> None:
        """Returns when a coordinator is active and searches enough of the gallery.

        Raises:
            RidgelineError: DEADLINE_EXCEEDED when that takes longer than `timeout_s`.
        """
        await self._route.wait_until_serving(timeout_s)


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
