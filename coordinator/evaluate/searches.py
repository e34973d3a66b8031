"""Searches of an evaluation: the product's own way, with some encounters held out."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cluster.executors.interface import Executor, GallerySearch
from cluster.store import SubjectOf
from coordinator.gallery import Gallery
from coordinator.search.decide import Outcome, candidates, outcome
from coordinator.search.merge import SubjectHit, rank_subjects
from coordinator.search.plan import partition_limit
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import prepare_probe
from workers.matching.template import EncounterTemplate

FPIRS = ("0.01", "0.001")
"""False positive identification rates at which FNIR is reported; keys of the result."""

CANDIDATES = 20
"""Returned at most; a mate further down counts as not found."""

SEARCH_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Encounters of one subject that a search must not see.

    Attributes:
        whole_subject: whether they are all that the subject has.
    """

    subject_id: str
    encounters: frozenset[str]
    whole_subject: bool


NOBODY = HeldOut("", frozenset(), whole_subject=False)


@dataclass(frozen=True, slots=True)
class Found:
    """One search.

    Attributes:
        ranked: subjects, best first, `CANDIDATES` at most.
        seconds: from the described probe to the ranked subjects; 0 where nothing was searched.
        backend: that compared.
    """

    ranked: list[SubjectHit]
    seconds: float
    backend: str = ""

    def outcome(self) -> Outcome:
        """What a client would have been told."""
        thresholds = PARAMETERS.thresholds
        return outcome(candidates(self.ranked, thresholds, CANDIDATES), thresholds)

    def rank_of(self, subject_id: str) -> int | None:
        """Rank of a subject, from 1; None where it was not found."""
        places = (i for i, hit in enumerate(self.ranked, 1) if hit.subject_id == subject_id)
        return next(places, None)

    def score_of(self, subject_id: str) -> float:
        """Score of a subject; minus infinity where it was not found."""
        return next((h.score for h in self.ranked if h.subject_id == subject_id), -math.inf)


async def search_gallery(
    executor: Executor,
    gallery: Gallery,
    template: EncounterTemplate,
    sequence: int,
    held_out: HeldOut = NOBODY,
) -> Found:
    """One search; all ranked subjects, also those below the thresholds.

    Raises:
        RidgelineError: COVERAGE_TOO_LOW where a partition was not searched.
    """
    if not template.fingers:
        return Found([], 0.0)
    started = time.perf_counter()
    answer = await executor.search(
        GallerySearch(
            search_id="evaluate",
            probe=await asyncio.to_thread(prepare_probe, template),
            sequence=sequence,
            limit=partition_limit(CANDIDATES),
            exhaustive=False,
            timeout_s=SEARCH_TIMEOUT_S,
            hidden=held_out.encounters,
        )
    )
    if answer.unsearched:
        raise RidgelineError(ErrorCode.COVERAGE_TOO_LOW, "a partition was not searched")
    hits = [hit for partition in answer.partitions for hit in partition.hits]
    owners = await gallery.owners([hit.encounter_id for hit in hits], sequence)
    _, subjects = await gallery.subject_counts([], sequence)
    ranked = rank_subjects(
        hits, _without(owners, held_out), gallery_subjects=subjects - held_out.whole_subject
    )
    seconds = time.perf_counter() - started
    return Found(ranked[:CANDIDATES], seconds, ",".join(answer.backends))


def _without(owners: Mapping[str, SubjectOf], held_out: HeldOut) -> Mapping[str, SubjectOf]:
    """Owners as they would be without the encounters held out: a score depends on how many
    encounters its subject has."""
    return {
        encounter: replace(owner, encounters=owner.encounters - len(held_out.encounters))
        if owner.subject_id == held_out.subject_id
        else owner
        for encounter, owner in owners.items()
    }
