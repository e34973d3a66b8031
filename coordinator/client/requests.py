"""Requests as messages, made from what a caller has at hand; shared by both clients."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message

from protos.ridgeline.v1 import gallery_pb2, identification_pb2, types_pb2
from workers.errors import ErrorCode, RidgelineError

Prints = bytes | Sequence[types_pb2.Print] | types_pb2.TenPrint
"""What can be submitted: an ANSI/NIST-ITL transaction, some prints, or prints with a statement
of missing fingers."""

Request = TypeVar("Request", bound=Message)


def submission(prints: Prints) -> types_pb2.Submission:
    """A transaction or prints as one message."""
    if isinstance(prints, bytes | bytearray | memoryview):
        return types_pb2.Submission(transaction=bytes(prints))
    if isinstance(prints, types_pb2.TenPrint):
        return types_pb2.Submission(ten_print=prints)
    return types_pb2.Submission(ten_print=types_pb2.TenPrint(prints=prints))


def purpose(*, authority: str, case_number: str, requester: str) -> types_pb2.Purpose:
    """Why a record is searched or read; each part is required."""
    return types_pb2.Purpose(authority=authority, case_number=case_number, requester=requester)


def identify_request(
    prints: Prints,
    *,
    purpose: types_pb2.Purpose,
    origin: types_pb2.Origin | None = None,
    max_candidates: int = 0,
    allow_partial: bool = False,
    exhaustive: bool = False,
    min_gallery_sequence: int = 0,
) -> identification_pb2.IdentifyRequest:
    """A search; the options are explained at the message."""
    return identification_pb2.IdentifyRequest(
        submission=submission(prints),
        purpose=purpose,
        origin=origin,
        max_candidates=max_candidates,
        allow_partial=allow_partial,
        exhaustive=exhaustive,
        min_gallery_sequence=min_gallery_sequence,
    )


def enroll_request(
    prints: Prints,
    *,
    subject_id: str = "",
    encounter_id: str = "",
    captured: datetime.date | None = None,
    sensor: str = "",
) -> gallery_pb2.EnrollRequest:
    """An enrolment; one without an encounter id gets a new one, so that it can be repeated.

    Args:
        captured: day of capture, where it is known.
        sensor: make and model, where they are known.
    """
    return gallery_pb2.EnrollRequest(
        submission=submission(prints),
        subject_id=subject_id,
        encounter_id=encounter_id or str(uuid.uuid4()),
        capture=gallery_pb2.Capture(day=captured.isoformat() if captured else "", sensor=sensor),
    )


def fitting(request: Request, limit_bytes: int) -> Request:
    """The request, if the server would take a message of its size.

    Raises:
        RidgelineError: INVALID_FIELD where it would not.
    """
    size = request.ByteSize()
    if size > limit_bytes:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            f"the request has {size} bytes, at most {limit_bytes} are taken",
            field="submission",
        )
    return request
