"""IdentificationService: searches, and comparisons with a named subject."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from cluster.store import StoredEncounter, SubjectOf
from coordinator import convert
from coordinator.access import Role
from coordinator.calls import Call, CallGate, CallRefusedError, Context
from coordinator.config import LimitsConfig
from coordinator.convert import StatedOrigin
from coordinator.gallery import Gallery
from coordinator.repeats import Repeats, request_digest, stored_answer
from coordinator.search import answers
from coordinator.search.compare import best_impressions, compare_encounters
from coordinator.search.decide import CAVEAT, Outcome, outcome
from coordinator.search.merge import SubjectHit, rank_subjects
from coordinator.search.plan import SearchOptions, checked_max_candidates
from coordinator.search.run import Searcher, SearchResult
from coordinator.streams import concurrently
from protos.ridgeline.v1 import identification_pb2, identification_pb2_grpc, types_pb2
from workers.biometrics.model import Submission
from workers.errors import ErrorCode, RidgelineError
from workers.matching.backend import Backend
from workers.matching.explain import explain
from workers.matching.parameters import PARAMETERS, parameters_hash
from workers.matching.probe import prepare_probe
from workers.matching.template import EncounterTemplate
from workers.prepare import PreparedSubmission

_EXPLAINED = "EXPLAINED"


class IdentificationServicer(identification_pb2_grpc.IdentificationServiceServicer):
    """Searches the gallery and compares with its subjects.

    Args:
        backend: compares a probe with a named subject's encounters.
    """

    def __init__(
        self,
        gate: CallGate,
        searcher: Searcher,
        gallery: Gallery,
        repeats: Repeats,
        backend: Backend,
        limits: LimitsConfig,
    ) -> None:
        self._gate = gate
        self._searcher = searcher
        self._gallery = gallery
        self._repeats = repeats
        self._backend = backend
        self._limits = limits

    async def Identify(  # noqa: N802 - the contract's name
        self, request: identification_pb2.IdentifyRequest, context: Context
    ) -> identification_pb2.IdentifyResponse:
        """Searches the gallery."""
        return await self._gate.answer(
            context, "Identify", Role.SEARCH, lambda call: self._identify(call, request)
        )

    async def IdentifyStream(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[identification_pb2.IdentifyStreamRequest],
        context: Context,
    ) -> AsyncIterator[identification_pb2.IdentifyStreamResponse]:
        """Many searches, some at a time; a failed one answers with its error."""

        async def one(
            item: identification_pb2.IdentifyStreamRequest,
        ) -> identification_pb2.IdentifyStreamResponse:
            answer = identification_pb2.IdentifyStreamResponse(correlation_id=item.correlation_id)
            try:
                response = await self._gate.attempt(
                    context,
                    "Identify",
                    Role.SEARCH,
                    lambda call: self._identify(call, item.request),
                )
            except CallRefusedError as refused:
                answer.error.CopyFrom(_stream_error(refused))
            else:
                answer.response.CopyFrom(response)
            return answer

        limit = self._limits.stream_concurrency
        async for answer in concurrently(request_iterator, one, limit=limit):
            yield answer

    async def Verify(  # noqa: N802 - the contract's name
        self, request: identification_pb2.VerifyRequest, context: Context
    ) -> identification_pb2.VerifyResponse:
        """Compares prints with one subject."""
        return await self._gate.answer(
            context, "Verify", Role.SEARCH, lambda call: self._verify(call, request)
        )

    async def Explain(  # noqa: N802 - the contract's name
        self, request: identification_pb2.ExplainRequest, context: Context
    ) -> identification_pb2.ExplainResponse:
        """Shows the minutia pairs behind a comparison with one subject."""
        return await self._gate.answer(
            context, "Explain", Role.SEARCH, lambda call: self._explain(call, request)
        )

    async def _identify(
        self, call: Call, request: identification_pb2.IdentifyRequest
    ) -> identification_pb2.IdentifyResponse:
        submission, origin = await self._admit(call, request)
        options = SearchOptions(
            max_candidates=checked_max_candidates(
                request.max_candidates,
                default=self._limits.candidates_default,
                limit=self._limits.candidates_max,
            ),
            allow_partial=request.allow_partial,
            exhaustive=request.exhaustive,
            min_sequence=request.min_gallery_sequence,
        )
        if not all(origin):
            response = await self._search(call, submission, origin, options)
        else:
            await call.hold(self._repeats.alone(origin))
            digest = await asyncio.to_thread(request_digest, request)
            known = await self._repeats.find(origin, digest)
            response = known or await self._search(call, submission, origin, options)
            call.record.replayed = known is not None
            if known is None:
                call.answer = stored_answer(origin, digest, response)
        answers.record_search(call.record, response, response.candidates)
        call.record.partitions_searched = response.coverage.partitions_searched
        call.record.partitions_total = response.coverage.partitions_total
        return response

    async def _search(
        self, call: Call, submission: Submission, origin: StatedOrigin, options: SearchOptions
    ) -> identification_pb2.IdentifyResponse:
        search_id = call.record.search_id = uuid.uuid4().hex
        started = time.perf_counter()
        prepared = await self._searcher.prepare(submission, call.remaining_s)
        extracted = time.perf_counter() - started
        result = await self._searcher.search(
            search_id, prepared.template, options, call.remaining_s
        )
        return _identify_response(search_id, origin, prepared, result, extracted)

    async def _verify(
        self, call: Call, request: identification_pb2.VerifyRequest
    ) -> identification_pb2.VerifyResponse:
        submission, _ = await self._admit(call, request)
        call.record.subject_id = convert.identifier(request.subject_id, "subject_id", required=True)
        call.record.search_id = uuid.uuid4().hex
        sequence, encounters = await self._gallery.subject(call.record.subject_id)
        prepared = await self._searcher.prepare(submission, call.remaining_s)
        response = identification_pb2.VerifyResponse(
            search_id=call.record.search_id,
            outcome=identification_pb2.OUTCOME_UNSEARCHABLE,
            gallery_sequence=sequence,
            backend=self._backend.name,
            parameters_hash=parameters_hash(),
            examined=identification_pb2.EXAMINED_NONE,
            fingers=convert.finger_summaries(prepared),
            unused=convert.unused_prints(prepared.ten_print.unused),
            caveat=CAVEAT,
        )
        if prepared.template.fingers:
            candidate, found = await asyncio.to_thread(
                self._compare, call.record.subject_id, prepared.template, encounters
            )
            response.outcome = answers.OUTCOMES[found]
            if candidate is not None:
                response.candidate.CopyFrom(candidate)
        returned = [response.candidate] if response.HasField("candidate") else []
        answers.record_search(call.record, response, returned)
        return response

    def _compare(
        self, subject_id: str, template: EncounterTemplate, encounters: list[StoredEncounter]
    ) -> tuple[identification_pb2.Candidate | None, Outcome]:
        hit = self._best(subject_id, template, encounters)
        if hit is None:
            return None, Outcome.NO_CANDIDATE
        stored = next(e.template for e in encounters if e.encounter_id == hit.encounter_id)
        impressions = best_impressions(template, stored)
        candidate = answers.candidate(1, hit, impressions, PARAMETERS.thresholds)
        leads = [hit] if candidate.band else []
        return candidate, outcome(leads, PARAMETERS.thresholds)

    def _best(
        self, subject_id: str, template: EncounterTemplate, encounters: list[StoredEncounter]
    ) -> SubjectHit | None:
        hits = compare_encounters(self._backend, prepare_probe(template), encounters)
        owner = SubjectOf(subject_id, len(encounters))
        owners = {encounter.encounter_id: owner for encounter in encounters}
        ranked = rank_subjects(hits, owners, gallery_subjects=1)
        return ranked[0] if ranked else None

    async def _explain(
        self, call: Call, request: identification_pb2.ExplainRequest
    ) -> identification_pb2.ExplainResponse:
        submission, _ = await self._admit(call, request)
        record = call.record
        record.subject_id = convert.identifier(request.subject_id, "subject_id", required=True)
        record.encounter_id = convert.identifier(request.encounter_id, "encounter_id")
        record.search_id = uuid.uuid4().hex
        record.sequence, encounters = await self._gallery.subject(record.subject_id)
        if record.encounter_id:
            encounters = [e for e in encounters if e.encounter_id == record.encounter_id]
        if not encounters:
            raise RidgelineError(ErrorCode.ENCOUNTER_NOT_FOUND, "", field="encounter_id")
        prepared = await self._searcher.prepare(submission, call.remaining_s)
        if not prepared.template.fingers:
            raise RidgelineError(
                ErrorCode.NO_USABLE_FINGER, "the prints are too poor", field="submission"
            )
        record.encounter_id, fingers = await asyncio.to_thread(
            self._explanations, record.subject_id, prepared.template, encounters
        )
        record.outcome, record.parameters_hash = _EXPLAINED, parameters_hash()
        return identification_pb2.ExplainResponse(
            search_id=record.search_id,
            encounter_id=record.encounter_id,
            fingers=fingers,
            parameters_hash=record.parameters_hash,
            caveat=CAVEAT,
        )

    def _explanations(
        self, subject_id: str, template: EncounterTemplate, encounters: list[StoredEncounter]
    ) -> tuple[str, list[identification_pb2.FingerExplanation]]:
        best = self._best(subject_id, template, encounters)
        chosen = encounters[0]
        if best is not None:
            chosen = next(e for e in encounters if e.encounter_id == best.encounter_id)
        matches = explain(template, chosen.template)
        return chosen.encounter_id, answers.explanations(matches, template, chosen.template)

    async def _admit(self, call: Call, request: Any) -> tuple[Submission, StatedOrigin]:
        call.state_purpose(request.purpose)
        stated = convert.read_origin(request.origin)
        if stated.ori:  # refuses a foreign agency before anything is parsed
            call.state_origin(stated)
        submission, origin = await asyncio.to_thread(
            convert.read_submission, request.submission, stated
        )
        return submission, call.state_origin(origin)


def _identify_response(
    search_id: str,
    origin: StatedOrigin,
    prepared: PreparedSubmission,
    result: SearchResult,
    extract_s: float,
) -> identification_pb2.IdentifyResponse:
    thresholds = PARAMETERS.thresholds
    seconds = {"extract": extract_s} | dict(result.stage_seconds)
    return identification_pb2.IdentifyResponse(
        search_id=search_id,
        outcome=answers.OUTCOMES[result.outcome],
        candidates=[
            answers.candidate(rank, hit, result.impressions[hit.encounter_id], thresholds)
            for rank, hit in enumerate(result.leads, 1)
        ],
        coverage=answers.coverage(result.share),
        gallery_sequence=result.sequence,
        backend=result.backend,
        stages=answers.stage_reports(seconds, result.compared, result.losses),
        parameters_hash=parameters_hash(),
        examined=identification_pb2.EXAMINED_NONE,
        fingers=convert.finger_summaries(prepared),
        unused=convert.unused_prints(prepared.ten_print.unused),
        missing=convert.missing_fingers(prepared.ten_print.missing),
        sequence_warnings=convert.sequence_warnings(prepared.swaps),
        origin=types_pb2.Origin(ori=origin.ori, tcn=origin.tcn),
        caveat=CAVEAT,
    )


def _stream_error(refused: CallRefusedError) -> identification_pb2.StreamError:
    public = refused.public
    return identification_pb2.StreamError(
        status=public.status.value[0],
        code=public.code,
        message=public.message,
        field=public.field,
        retry_after_seconds=public.retry_after_s or 0.0,
    )
