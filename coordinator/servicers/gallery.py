"""GalleryService: adds, reads and removes what the gallery holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from google.protobuf.timestamp_pb2 import Timestamp

from cluster.store import Enrolment
from coordinator import convert
from coordinator.access import Role
from coordinator.calls import Call, CallGate, CallRefusedError, Context
from coordinator.config import LimitsConfig
from coordinator.convert import StatedOrigin
from coordinator.gallery import Gallery
from coordinator.search.run import Searcher
from coordinator.streams import concurrently
from protos.ridgeline.v1 import gallery_pb2, gallery_pb2_grpc
from workers.errors import ErrorCode, RidgelineError
from workers.prepare import PreparedSubmission

FAILURES_MAX = 10_000
"""Failures that the answer of a stream names."""

MAX_REASON_CHARACTERS = 500

_Numbered = tuple[int, gallery_pb2.EnrollRequest]


class GalleryServicer(gallery_pb2_grpc.GalleryServiceServicer):
    """Keeps the gallery."""

    def __init__(
        self, gate: CallGate, searcher: Searcher, gallery: Gallery, limits: LimitsConfig
    ) -> None:
        self._gate = gate
        self._searcher = searcher
        self._gallery = gallery
        self._limits = limits

    async def Enroll(  # noqa: N802 - the contract's name
        self, request: gallery_pb2.EnrollRequest, context: Context
    ) -> gallery_pb2.EnrollResponse:
        """Adds an encounter; acknowledged when it and its audit record are durable."""
        return await self._gate.answer(
            context, "Enroll", Role.ENROL, lambda call: self._enroll(call, request)
        )

    async def EnrollStream(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[gallery_pb2.EnrollStreamRequest],
        context: Context,
    ) -> gallery_pb2.EnrollStreamResponse:
        """Adds many: prepared side by side, committed in groups; failures are counted."""

        async def one(
            item: _Numbered,
        ) -> gallery_pb2.EnrollResponse | gallery_pb2.EnrollFailure:
            index, request = item
            try:
                return await self._gate.attempt(
                    context, "Enroll", Role.ENROL, lambda call: self._enroll(call, request)
                )
            except CallRefusedError as refused:
                public = refused.public
                return gallery_pb2.EnrollFailure(
                    index=index, code=public.code, message=public.message, field=public.field
                )

        limit = self._limits.stream_concurrency
        answer = gallery_pb2.EnrollStreamResponse()
        async for result in concurrently(_numbered(request_iterator), one, limit=limit):
            _count(answer, result)
        answer.failures.sort(key=lambda failure: failure.index)
        return answer

    async def GetSubject(  # noqa: N802 - the contract's name
        self, request: gallery_pb2.GetSubjectRequest, context: Context
    ) -> gallery_pb2.GetSubjectResponse:
        """What the gallery holds of a subject."""
        return await self._gate.answer(
            context, "GetSubject", Role.SEARCH, lambda call: self._get_subject(call, request)
        )

    async def RemoveEncounter(  # noqa: N802 - the contract's name
        self, request: gallery_pb2.RemoveEncounterRequest, context: Context
    ) -> gallery_pb2.RemoveEncounterResponse:
        """Removes one encounter."""
        return await self._gate.answer(
            context,
            "RemoveEncounter",
            Role.ENROL,
            lambda call: self._remove_encounter(call, request),
        )

    async def RemoveSubject(  # noqa: N802 - the contract's name
        self, request: gallery_pb2.RemoveSubjectRequest, context: Context
    ) -> gallery_pb2.RemoveSubjectResponse:
        """Removes a subject with all its encounters."""
        return await self._gate.answer(
            context, "RemoveSubject", Role.ENROL, lambda call: self._remove_subject(call, request)
        )

    async def _enroll(
        self, call: Call, request: gallery_pb2.EnrollRequest
    ) -> gallery_pb2.EnrollResponse:
        record = call.record
        record.subject_id = convert.identifier(request.subject_id, "subject_id")
        record.encounter_id = convert.identifier(request.encounter_id, "encounter_id")
        capture = convert.read_capture(request.capture)
        submission, origin = await asyncio.to_thread(
            convert.read_submission, request.submission, StatedOrigin("", "")
        )
        if origin.ori:
            call.state_origin(origin)
        prepared = await self._searcher.prepare(submission, call.remaining_s)
        _require_fingers(prepared)
        enrolled = await self._gallery.enroll(
            Enrolment(
                prepared.template,
                record.subject_id,
                record.encounter_id,
                capture.over(submission.capture),
            )
        )
        record.subject_id, record.encounter_id = enrolled.subject_id, enrolled.encounter_id
        record.sequence = enrolled.sequence
        record.outcome = "ENROLLED" if enrolled.created else "UNCHANGED"
        return gallery_pb2.EnrollResponse(
            subject_id=enrolled.subject_id,
            encounter_id=enrolled.encounter_id,
            gallery_sequence=enrolled.sequence,
            created=enrolled.created,
            fingers=convert.finger_summaries(prepared),
            unused=convert.unused_prints(prepared.ten_print.unused),
            missing=convert.missing_fingers(prepared.ten_print.missing),
            sequence_warnings=convert.sequence_warnings(prepared.swaps),
        )

    async def _get_subject(
        self, call: Call, request: gallery_pb2.GetSubjectRequest
    ) -> gallery_pb2.GetSubjectResponse:
        call.state_purpose(request.purpose)
        record = call.record
        record.subject_id = convert.identifier(request.subject_id, "subject_id", required=True)
        record.sequence, encounters = await self._gallery.subject(record.subject_id)
        record.outcome = "READ"
        response = gallery_pb2.GetSubjectResponse(
            subject_id=record.subject_id, gallery_sequence=record.sequence
        )
        for encounter in encounters:
            enrolled_at = Timestamp()
            enrolled_at.FromDatetime(encounter.enrolled_at)
            response.encounters.append(
                gallery_pb2.Encounter(
                    encounter_id=encounter.encounter_id,
                    enrolled_at=enrolled_at,
                    fingers=convert.summaries(encounter.template.fingers, {}),
                    missing=convert.missing_fingers(encounter.template.missing),
                    capture=convert.capture_message(encounter.capture),
                )
            )
        return response

    async def _remove_encounter(
        self, call: Call, request: gallery_pb2.RemoveEncounterRequest
    ) -> gallery_pb2.RemoveEncounterResponse:
        record = call.record
        record.reason = _reason(request.reason)
        record.encounter_id = convert.identifier(
            request.encounter_id, "encounter_id", required=True
        )
        record.sequence = (await self._gallery.remove_encounter(record.encounter_id)).sequence
        record.outcome = "REMOVED"
        return gallery_pb2.RemoveEncounterResponse(gallery_sequence=record.sequence)

    async def _remove_subject(
        self, call: Call, request: gallery_pb2.RemoveSubjectRequest
    ) -> gallery_pb2.RemoveSubjectResponse:
        record = call.record
        record.reason = _reason(request.reason)
        record.subject_id = convert.identifier(request.subject_id, "subject_id", required=True)
        removed = await self._gallery.remove_subject(record.subject_id)
        record.sequence = removed.sequence
        record.outcome = "REMOVED"
        return gallery_pb2.RemoveSubjectResponse(
            gallery_sequence=record.sequence, encounters_removed=removed.encounters
        )


async def _numbered(
    stream: AsyncIterator[gallery_pb2.EnrollStreamRequest],
) -> AsyncIterator[_Numbered]:
    index = 0
    async for item in stream:
        yield index, item.request
        index += 1


def _count(
    answer: gallery_pb2.EnrollStreamResponse,
    result: gallery_pb2.EnrollResponse | gallery_pb2.EnrollFailure,
) -> None:
    if isinstance(result, gallery_pb2.EnrollFailure):
        answer.failed += 1
        if answer.failed <= FAILURES_MAX:
            answer.failures.append(result)
        return
    answer.created += result.created
    answer.unchanged += not result.created
    answer.gallery_sequence = max(answer.gallery_sequence, result.gallery_sequence)


def _require_fingers(prepared: PreparedSubmission) -> None:
    if not prepared.template.fingers:
        reasons = "; ".join(f"{u.source}: {u.reason}" for u in prepared.ten_print.unused)
        raise RidgelineError(ErrorCode.NO_USABLE_FINGER, reasons, field="submission")


def _reason(reason: str) -> str:
    if not reason.strip() or len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
        raise convert.invalid(
            "reason", f"expected 1 to {MAX_REASON_CHARACTERS} printable characters"
        )
    return reason.strip()
