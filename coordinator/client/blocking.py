"""The client for ordinary, blocking code."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Self

import grpc

from coordinator.client.config import ClientConfig
from coordinator.client.failures import ridgeline_error
from coordinator.client.requests import (
    Prints,
    enroll_request,
    identify_request,
    submission,
)
from coordinator.client.routes import BlockingRoute
from protos.ridgeline.v1 import (
    gallery_pb2,
    identification_pb2,
    operations_pb2,
    types_pb2,
)
from workers.errors import RidgelineError


class RidgelineClient:
    """Searches and keeps a gallery over mutual TLS; answers are the contract's messages.

        with RidgelineClient(config) as client:
            answer = client.identify(transaction, purpose=purpose(...))

    Every method raises `RidgelineError` with the server's code, message and field. One client
    serves many threads.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._route = BlockingRoute(config)

    def close(self) -> None:
        """Closes the connection; calls under way fail."""
        self._route.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def identify(
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
        return self._route.call(lambda c: c.identification.Identify, request, timeout_s)

    def identify_many(
        self,
        requests: Iterable[identification_pb2.IdentifyStreamRequest],
        *,
        timeout_s: float | None = None,
    ) -> Generator[identification_pb2.IdentifyStreamResponse, None, None]:
        """Many searches on one connection; answers as they are ready, failures among them.

        Args:
            timeout_s: for the whole stream; None sets no limit but the server's for each search.
        """
        with _typed_errors():
            identification = self._route.find().identification
            yield from identification.IdentifyStream(iter(requests), timeout=timeout_s)

    def verify(
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
        return self._route.call(lambda c: c.identification.Verify, request, timeout_s)

    def explain(
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
        return self._route.call(lambda c: c.identification.Explain, request, timeout_s)

    def enroll(
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
        return self._route.call(lambda c: c.gallery.Enroll, request, timeout_s)

    def enroll_many(
        self, requests: Iterable[gallery_pb2.EnrollRequest], *, timeout_s: float | None = None
    ) -> gallery_pb2.EnrollStreamResponse:
        """Adds many encounters (`enroll_request` makes each); failures are in the answer.

        Args:
            timeout_s: for the whole stream; None sets no limit but the server's for each one.
        """
        stream = (gallery_pb2.EnrollStreamRequest(request=request) for request in requests)
        gallery = self._route.find().gallery
        with _typed_errors():
            return gallery.EnrollStream(stream, timeout=timeout_s)

    def get_subject(
        self, subject_id: str, *, purpose: types_pb2.Purpose, timeout_s: float | None = None
    ) -> gallery_pb2.GetSubjectResponse:
        """What the gallery holds of a subject."""
        request = gallery_pb2.GetSubjectRequest(subject_id=subject_id, purpose=purpose)
        return self._route.call(lambda c: c.gallery.GetSubject, request, timeout_s)

    def remove_encounter(
        self, encounter_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveEncounterResponse:
        """Removes one encounter."""
        request = gallery_pb2.RemoveEncounterRequest(encounter_id=encounter_id, reason=reason)
        gallery = self._route.find().gallery
        with _typed_errors():
            return gallery.RemoveEncounter(request, timeout=self._route.timeout(timeout_s))

    def remove_subject(
        self, subject_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveSubjectResponse:
        """Removes a subject with all its encounters."""
        request = gallery_pb2.RemoveSubjectRequest(subject_id=subject_id, reason=reason)
        gallery = self._route.find().gallery
        with _typed_errors():
            return gallery.RemoveSubject(request, timeout=self._route.timeout(timeout_s))

    def status(self, *, timeout_s: float | None = None) -> operations_pb2.GetStatusResponse:
        """The state of the cluster, from the coordinator that is active."""
        self._route.find()
        request = operations_pb2.GetStatusRequest()
        return self._route.call(lambda c: c.operations.GetStatus, request, timeout_s)

    def coordinators(
        self, *, timeout_s: float = 5.0
    ) -> list[tuple[str, operations_pb2.GetStatusResponse | RidgelineError]]:
        """What each coordinator says of itself, by address; its error where it says nothing."""
        request = operations_pb2.GetStatusRequest()
        answers: list[tuple[str, operations_pb2.GetStatusResponse | RidgelineError]] = []
        for one in self._route.coordinators:
            try:
                with _typed_errors():
                    answer = one.operations.GetStatus(request, timeout=timeout_s)
                answers.append((one.address, answer))
            except RidgelineError as error:
                answers.append((one.address, error))
        return answers

    def rebalance(
        self, *, dry_run: bool = False, timeout_s: float | None = None
    ) -> operations_pb2.RebalanceResponse:
        """Spreads the gallery over the nodes that are there now, or only tells what that would do.

        It goes on in the server when the deadline passes here.
        """
        request = operations_pb2.RebalanceRequest(dry_run=dry_run)
        operations = self._route.find().operations
        with _typed_errors():
            return operations.Rebalance(request, timeout=self._route.timeout(timeout_s))

    def wait_until_serving(self, *, timeout_s: float = 60.0) -> None:
        """Returns when a coordinator is active and searches enough of the gallery.

        Raises:
            RidgelineError: DEADLINE_EXCEEDED when that takes longer than `timeout_s`.
        """
        self._route.wait_until_serving(timeout_s)


@contextlib.contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise ridgeline_error(error) from None
