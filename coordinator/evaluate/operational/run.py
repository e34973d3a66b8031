"""The searches of an operator's gallery."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.store import Store
from coordinator.evaluate.operational.draw import Case, Draw, Traits, draw_subjects, hold_out
from coordinator.evaluate.operational.exchange import Search, SearchLog
from coordinator.evaluate.operational.rates import INTERVALS, Scores, breakdowns, measure
from coordinator.evaluate.searches import CANDIDATES, Found, search_gallery
from coordinator.gallery import Gallery
from coordinator.progress import Track
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import PARAMETERS, parameters_hash

ERASED, WITHOUT_FINGERS = "erased meanwhile", "without these fingers"
"""Why a subject that was drawn is not searched for."""


@dataclass(frozen=True, slots=True)
class OperationalRun:
    """What an evaluation found.

    Attributes:
        traits: of each search of the log.
        eligible: subjects with several encounters.
        left_out: of those drawn, by why they were not searched for.
        no_common_finger: probes that no mate shares a finger with; they count as lost.
        backend: that compared.
        search_seconds: of every search.
    """

    log: SearchLog
    traits: tuple[Traits, ...]
    eligible: int
    left_out: dict[str, int]
    no_common_finger: int
    backend: str
    search_seconds: tuple[float, ...]

    def report(self) -> dict[str, Any]:
        """Counts, rates with intervals, and rates by groups."""
        log, scores = self.log, Scores.of(self.log)
        p50, p95 = np.percentile(self.search_seconds, [50, 95])
        outcomes = {
            "mated": Counter(str(one.mated_outcome) for one in log.searches),
            "nonmated": Counter(str(one.nonmated_outcome) for one in log.searches),
        }
        return {
            "release": log.release,
            "gallery_sequence": log.gallery_sequence,
            "subjects": log.subjects,
            "encounters": log.encounters,
            "eligible_subjects": self.eligible,
            "drawn": log.drawn,
            "left_out": self.left_out,
            "searches": {"mated": len(scores), "nonmated": len(scores)},
            "no_common_finger": self.no_common_finger,
            "candidates_max": CANDIDATES,
            "thresholds": {"likely": log.likely, "possible": log.possible},
            "outcomes": {kind: dict(sorted(of_kind.items())) for kind, of_kind in outcomes.items()},
            "rates": measure(scores),
            "intervals": INTERVALS,
            "by": breakdowns(scores, self.traits),
            "redescribed": log.redescribed,
            "backend": self.backend,
            "search_seconds": {"p50": float(p50), "p95": float(p95)},
            "parameters_hash": log.parameters_hash,
        }


def evaluate_operational(
    store: Store, config: ClusterConfig, draw: Draw, sequence: int, track: Track
) -> OperationalRun:
    """Searches for subjects of the gallery with their newest encounter held out.

    The gallery is loaded into this process and held at the sequence; the store is only read.

    Args:
        config: whose backend compares.

    Raises:
        RidgelineError: INVALID_FIELD where nobody can be searched for; SEQUENCE_UNAVAILABLE
            where the gallery was not, or is no longer, to be had at the sequence.
    """
    newest = store.sequence()
    if sequence > newest:
        raise RidgelineError(
            ErrorCode.SEQUENCE_UNAVAILABLE, f"the newest is {newest}", field="sequence"
        )
    local = ClusterConfig(shards=os.cpu_count() or 1, backend=config.backend)
    return asyncio.run(_search_all(store, local, draw, sequence, track))


async def _search_all(
    store: Store, config: ClusterConfig, draw: Draw, sequence: int, track: Track
) -> OperationalRun:
    repeated = store.repeated_subjects(sequence)
    drawn = draw_subjects(repeated, draw)
    executor = InProcessExecutor(config, store, sequence=sequence)
    gallery = Gallery(store)
    searches: list[Search] = []
    traits: list[Traits] = []
    found: list[Found] = []
    left_out: Counter[str] = Counter()
    without_common = 0
    digest = hashlib.sha256()
    try:
        for _ in track(range(1), description="Loading the gallery", total=1):
            await executor.start()
        for subject_id in track(drawn, description="Searching, mates in and out", total=len(drawn)):
            case = _case(store, subject_id, repeated[subject_id], draw, sequence)
            if isinstance(case, str):
                left_out[case] += 1
                continue
            digest.update(f"{case.subject_id}\n{case.encounter_id}\n".encode())
            mated = await search_gallery(executor, gallery, case.probe, sequence, case.mated)
            nonmated = await search_gallery(executor, gallery, case.probe, sequence, case.nonmated)
            searches.append(_search(len(searches), case, mated, nonmated))
            traits.append(case.traits)
            found += [mated, nonmated]
            without_common += not case.common
    finally:
        await executor.stop()
    if not searches:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            f"{len(repeated)} subjects have several encounters, none of them can be searched for",
            field="gallery",
        )
    counts = store.counts(sequence)
    thresholds = PARAMETERS.thresholds
    log = SearchLog(
        release=metadata.version("ridgeline"),
        gallery_sequence=sequence,
        subjects=counts.subjects,
        encounters=counts.encounters,
        drawn=str(draw),
        draw_digest=digest.hexdigest(),
        likely=thresholds.likely,
        possible=thresholds.possible,
        parameters_hash=parameters_hash(),
        redescribed=store.redescribed,
        searches=tuple(searches),
    )
    return OperationalRun(
        log=log,
        traits=tuple(traits),
        eligible=len(repeated),
        left_out=dict(left_out),
        no_common_finger=without_common,
        backend=",".join(sorted({one.backend for one in found})),
        search_seconds=tuple(one.seconds for one in found),
    )


def _case(store: Store, subject_id: str, expected: int, draw: Draw, sequence: int) -> Case | str:
    """The probe of a subject, or why there is none."""
    try:
        encounters = store.subject(subject_id, sequence)
    except RidgelineError as error:
        if error.code is not ErrorCode.SUBJECT_NOT_FOUND:
            raise
        encounters = []
    # What was erased since is not to be searched for, nor to be taken for somebody else.
    if len(encounters) != expected:
        return ERASED
    case = hold_out(subject_id, encounters, draw.fingers)
    return case if case.probe.fingers else WITHOUT_FINGERS


def _search(index: int, case: Case, mated: Found, nonmated: Found) -> Search:
    rank = mated.rank_of(case.subject_id)
    return Search(
        index=index,
        mate_rank=rank,
        mate_score=mated.ranked[rank - 1].score if rank else None,
        nonmate_score=nonmated.ranked[0].score if nonmated.ranked else None,
        mated_outcome=mated.outcome(),
        nonmated_outcome=nonmated.outcome(),
    )
