"""The client for ordinary, blocking code."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Self

import grpc
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


class RidgelineClient:
    """Searches and keeps a gallery over mutual TLS; answers are the contract's messages.

        with RidgelineClient(config) as client:
            answer = client.identify(transaction, purpose=purpose(...))

    Every method raises `RidgelineError` with the server's code, message and field. One client
    serves many threads.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._channel = grpc.secure_channel(
            config.address, config.credentials(), config.channel_options()
        )
        self._identification = identification_pb2_grpc.IdentificationServiceStub(self._channel)
        self._gallery = gallery_pb2_grpc.GalleryServiceStub(self._channel)
        self._operations = operations_pb2_grpc.OperationsServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    def close(self) -> None:
        """Closes the connection; calls under way fail."""
        self._channel.close()

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
        with _typed_errors():
            return self._identification.Identify(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

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
            yield from self._identification.IdentifyStream(iter(requests), timeout=timeout_s)

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
        with _typed_errors():
            return self._identification.Verify(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

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
        with _typed_errors():
            return self._identification.Explain(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

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
        with _typed_errors():
            return self._gallery.Enroll(
                fitting(request, self._config.message_max_bytes), timeout=self._timeout(timeout_s)
            )

    def enroll_many(
        self, requests: Iterable[gallery_pb2.EnrollRequest], *, timeout_s: float | None = None
    ) -> gallery_pb2.EnrollStreamResponse:
        """Adds many encounters (`enroll_request` makes each); failures are in the answer.

        Args:
            timeout_s: for the whole stream; None sets no limit but the server's for each one.
        """
        stream = (gallery_pb2.EnrollStreamRequest(request=request) for request in requests)
        with _typed_errors():
            return self._gallery.EnrollStream(stream, timeout=timeout_s)

    def get_subject(
        self, subject_id: str, *, purpose: types_pb2.Purpose, timeout_s: float | None = None
    ) -> gallery_pb2.GetSubjectResponse:
        """What the gallery holds of a subject."""
        request = gallery_pb2.GetSubjectRequest(subject_id=subject_id, purpose=purpose)
        with _typed_errors():
            return self._gallery.GetSubject(request, timeout=self._timeout(timeout_s))

    def remove_encounter(
        self, encounter_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveEncounterResponse:
        """Removes one encounter."""
        request = gallery_pb2.RemoveEncounterRequest(encounter_id=encounter_id, reason=reason)
        with _typed_errors():
            return self._gallery.RemoveEncounter(request, timeout=self._timeout(timeout_s))

    def remove_subject(
        self, subject_id: str, *, reason: str, timeout_s: float | None = None
    ) -> gallery_pb2.RemoveSubjectResponse:
        """Removes a subject with all its encounters."""
        request = gallery_pb2.RemoveSubjectRequest(subject_id=subject_id, reason=reason)
        with _typed_errors():
            return self._gallery.RemoveSubject(request, timeout=self._timeout(timeout_s))

    def status(self, *, timeout_s: float | None = None) -> operations_pb2.GetStatusResponse:
        """The state of the cluster."""
        with _typed_errors():
            return self._operations.GetStatus(
                operations_pb2.GetStatusRequest(), timeout=self._timeout(timeout_s)
            )

    def rebalance(
        self, *, dry_run: bool = False, timeout_s: float | None = None
    ) -> operations_pb2.RebalanceResponse:
        """Spreads the gallery over the nodes that are there now, or only tells what that would do.

        It goes on in the server when the deadline passes here.
        """
        with _typed_errors():
            return self._operations.Rebalance(
                operations_pb2.RebalanceRequest(dry_run=dry_run), timeout=self._timeout(timeout_s)
            )

    def wait_until_serving(self, *, timeout_s: float = 60.0) -> None:
        """Returns when the server is there and searches enough of the gallery.

        Raises:
            RidgelineError: DEADLINE_EXCEEDED when that takes longer than `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(grpc.RpcError):
                answer = self._health.Check(health_pb2.HealthCheckRequest(), timeout=left)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            time.sleep(_POLL_S)
        raise RidgelineError(
            ErrorCode.DEADLINE_EXCEEDED, f"the server was not serving within {timeout_s:g} s"
        )

    def _timeout(self, timeout_s: float | None) -> float:
        return self._config.timeout_s if timeout_s is None else timeout_s


@contextlib.contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise ridgeline_error(error) from None
