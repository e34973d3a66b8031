"""Runs a search: extract, fan out, merge, decide. The only module here with I/O."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cluster.executors.interface import Executor, GalleryAnswer, GallerySearch
from coordinator.gallery import Gallery
from coordinator.search.account import account
from coordinator.search.answers import Impressions
from coordinator.search.compare import best_impressions
from coordinator.search.decide import (
    Outcome,
    SearchedShare,
    candidates,
    outcome,
    require_coverage,
)
from coordinator.search.merge import SubjectHit, rank_subjects
from coordinator.search.plan import (
    SearchOptions,
    choose_sequence,
    partition_limit,
    stage_budget,
)
from workers.biometrics.model import Submission
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import PARAMETERS, MeasuredLoss
from workers.matching.probe import Probe, prepare_probe
from workers.matching.template import EncounterTemplate
from workers.prepare import PreparedSubmission

SEQUENCE_TRIES = 4
"""Newest sequences that a search asks for before it gives up."""

Remaining = Callable[[], float]
"""Seconds left of the call's deadline."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found.

    Attributes:
        leads: best first, above the possible threshold.
        impressions: by encounter id of the leads.
        compared: encounters by stage name.
        stage_seconds: wall time by stage name, that of the slowest part.
        losses: measured for the cut behind a stage, by its name, where it dropped somebody.
    """

    outcome: Outcome
    leads: list[SubjectHit]
    impressions: Mapping[str, Impressions]
    share: SearchedShare
    sequence: int
    backend: str
    compared: Mapping[str, int]
    stage_seconds: Mapping[str, float]
    losses: Mapping[str, MeasuredLoss]


class Searcher:
    """Searches the gallery through an executor.

    Args:
        required_coverage: share of partitions that must answer, 0-1.
    """

    def __init__(self, executor: Executor, gallery: Gallery, *, required_coverage: float) -> None:
        self._executor = executor
        self._gallery = gallery
        self._required_coverage = required_coverage

    async def prepare(self, submission: Submission, remaining: Remaining) -> PreparedSubmission:
        """Extracts and describes one submission.

        Raises:
            RidgelineError: as `workers.prepare.prepare`.
        """
        budget = stage_budget(remaining())
        (prepared,) = await self._executor.prepare([submission], timeout_s=budget)
        if isinstance(prepared, Exception):
            raise prepared
        return prepared

    async def search(
        self,
        search_id: str,
        template: EncounterTemplate,
        options: SearchOptions,
        remaining: Remaining,
    ) -> SearchResult:
        """Searches for a prepared probe; one without fingers is UNSEARCHABLE.

        Raises:
            RidgelineError: COVERAGE_TOO_LOW, SEQUENCE_UNAVAILABLE, DEADLINE_EXCEEDED.
        """
        if not template.fingers:
            return await self._unsearchable(await self._sequence(options))
        probe = await asyncio.to_thread(prepare_probe, template)
        answer = await self._ask(search_id, probe, options, remaining)
        started = time.perf_counter()
        share = await self._share(answer)
        require_coverage(share, self._required_coverage, allow_partial=options.allow_partial)
        leads = await self._leads(answer, share, options.max_candidates)
        impressions = await self._impressions(probe, leads, answer.sequence)
        # What was removed while we searched is no lead any more.
        leads = [hit for hit in leads if hit.encounter_id in impressions]
        seconds = dict(answer.stage_seconds) | {"merge": time.perf_counter() - started}
        compared, losses = account(probe, answer.partitions)
        return SearchResult(
            outcome=outcome(leads, PARAMETERS.thresholds),
            leads=leads,
            impressions=impressions,
            share=share,
            sequence=answer.sequence,
            backend=",".join(answer.backends),
            compared=compared,
            stage_seconds=seconds,
            losses=losses,
        )

    async def _ask(
        self, search_id: str, probe: Probe, options: SearchOptions, remaining: Remaining
    ) -> GalleryAnswer:
        """The shards' answer at the newest sequence, which may be gone before they get to it.

        A shard drops what was erased or folds its delta into its base while the question is
        on its way; then a newer sequence is asked for, within the deadline.
        """
        tries = SEQUENCE_TRIES
        while True:
            tries -= 1
            search = GallerySearch(
                search_id=search_id,
                probe=probe,
                sequence=await self._sequence(options),
                limit=partition_limit(options.max_candidates),
                exhaustive=options.exhaustive,
                timeout_s=stage_budget(remaining()),
            )
            try:
                return await self._executor.search(search)
            except RidgelineError as error:
                if error.code is not ErrorCode.SEQUENCE_UNAVAILABLE or not tries:
                    raise

    async def _sequence(self, options: SearchOptions) -> int:
        return choose_sequence(await self._gallery.sequence(), options.min_sequence)

    async def _leads(
        self, answer: GalleryAnswer, share: SearchedShare, max_candidates: int
    ) -> list[SubjectHit]:
        hits = [hit for partition in answer.partitions for hit in partition.hits]
        owners = await self._gallery.owners([h.encounter_id for h in hits], answer.sequence)
        ranked = rank_subjects(hits, owners, gallery_subjects=share.subjects_searched)
        return candidates(ranked, PARAMETERS.thresholds, max_candidates)

    async def _impressions(
        self, probe: Probe, leads: list[SubjectHit], sequence: int
    ) -> dict[str, Impressions]:
        result: dict[str, Impressions] = {}
        for hit in leads:
            stored = await self._gallery.template(hit.subject_id, hit.encounter_id, sequence)
            if stored is not None:
                result[hit.encounter_id] = await asyncio.to_thread(
                    best_impressions, probe.template, stored
                )
        return result

    async def _share(self, answer: GalleryAnswer) -> SearchedShare:
        searched = [partition.partition for partition in answer.partitions]
        total = len(searched) + len(answer.unsearched)
        subjects, every = await self._gallery.subject_counts(searched, answer.sequence)
        return SearchedShare(len(searched), total, subjects, every)

    async def _unsearchable(self, sequence: int) -> SearchResult:
        status = await self._executor.status()
        _, subjects = await self._gallery.subject_counts([], sequence)
        share = SearchedShare(0, status.partitions_total, 0, subjects)
        return SearchResult(Outcome.UNSEARCHABLE, [], {}, share, sequence, "", {}, {}, {})
