"""One person among many: searches through the cluster, with the person there and not there."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.executors.interface import GallerySearch
from cluster.store import Enrolment, FileKeyProvider, Store
from coordinator.evaluate.background import SEED, generate_background
from coordinator.evaluate.dataset import Scan, read_dataset
from coordinator.evaluate.extractions import ExtractionCache, extract_all
from coordinator.evaluate.metrics import binomial_interval, fnir_at_fpir
from coordinator.gallery import GROUP_MAX, Gallery
from coordinator.progress import Track
from coordinator.search.decide import Outcome, candidates, outcome
from coordinator.search.merge import SubjectHit, rank_subjects
from coordinator.search.plan import partition_limit
from workers.biometrics.extraction import extraction_version
from workers.biometrics.model import FingerPosition, FingerSample, Impression, Minutiae
from workers.biometrics.quality import QualityGate
from workers.errors import ErrorCode, RidgelineError
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import PARAMETERS, parameters_hash
from workers.matching.probe import prepare_probe
from workers.matching.template import EncounterTemplate

FPIRS = ("0.01", "0.001")
"""False positive identification rates at which FNIR is reported; keys of the result."""

CANDIDATES = 20
"""Returned at most; a mate further down counts as not found."""

SEARCH_TIMEOUT_S = 120.0
_QUANTILES = (0, 5, 25, 50, 75, 95, 100)


@dataclass(frozen=True, slots=True)
class People:
    """The persons of a set as ten-print subjects and probes.

    Attributes:
        enrolled: by person, of scan 1.
        probes: (person, every other scan number).
        failed: names of the images that gave no usable finger.
    """

    enrolled: Mapping[str, EncounterTemplate]
    probes: Mapping[tuple[str, int], EncounterTemplate]
    failed: list[str]


@dataclass(frozen=True, slots=True)
class Found:
    """One search.

    Attributes:
        ranked: subjects, best first.
        seconds: from the described probe to the ranked subjects.
    """

    ranked: list[SubjectHit]
    seconds: float

    def outcome(self) -> Outcome:
        """What a client would have been told."""
        thresholds = PARAMETERS.thresholds
        return outcome(candidates(self.ranked, thresholds, CANDIDATES), thresholds)


def evaluate_identification(
    directory: Path,
    *,
    resolution_ppi: float | None,
    background: int,
    cache: ExtractionCache,
    track: Track,
    cluster: ClusterConfig | None = None,
) -> dict[str, Any]:
    """Enrols a set among generated subjects and searches for its persons.

    Args:
        background: generated subjects that fill the gallery up.
        cluster: layout of the in-process cluster.

    Raises:
        RidgelineError: INVALID_FIELD where the folder is no set of PERSON_FINGER_SCAN with
            fingers 1 to 10 and at least two scan numbers.
    """
    scans = read_dataset(directory)
    _require_persons(scans)
    found = extract_all(
        [scan.path for scan in scans], resolution_ppi=resolution_ppi, cache=cache, track=track
    )
    people = make_people(scans, found)
    fingers = sorted({FingerPosition(int(scan.finger_number)) for scan in scans})
    filler = generate_background(background, fingers, track)
    config = cluster or ClusterConfig(shards=os.cpu_count() or 1)
    with tempfile.TemporaryDirectory(prefix="ridgeline-evaluate-") as folder:
        mated, nonmated = asyncio.run(_search_all(people, filler, config, Path(folder), track))
    return {
        "dataset": directory.resolve().name,
        "resolution_ppi": resolution_ppi,
        "images": len(scans),
        "failures_to_extract": len(people.failed),
        "failed_images": people.failed,
        "subjects": len(people.enrolled) + background,
        "enrolled_persons": len(people.enrolled),
        "background": background,
        "background_seed": SEED,
        "fingers": [int(finger) for finger in fingers],
        **_rates(people, mated, nonmated),
        "extraction": extraction_version(),
        "parameters_hash": parameters_hash(),
    }


def make_people(scans: Sequence[Scan], found: Sequence[Minutiae | None]) -> People:
    """Subjects and probes of a set; finger numbers are taken as positions.

    They need not be the standard's: only equal positions are compared.
    """
    lowest = min(scan.number for scan in scans)
    gate = QualityGate()
    failed: list[str] = []
    samples: dict[tuple[str, int], list[FingerSample]] = {}
    for scan, minutiae in zip(scans, found, strict=True):
        session = samples.setdefault((scan.person, scan.number), [])
        if minutiae is None:
            failed.append(scan.path.name)
            continue
        position = FingerPosition(int(scan.finger_number))
        sample = FingerSample(position, Impression.PLAIN, minutiae, None, scan.path.name)
        if gate.passes(sample):
            session.append(sample)
        else:
            failed.append(scan.path.name)
    described = {key: describe_encounter(session) for key, session in samples.items()}
    persons = sorted({scan.person for scan in scans})
    absent = [p for p in persons if not described.get((p, lowest), _EMPTY).fingers]
    if absent:
        raise _wrong(f"scan {lowest} of person {absent[0]} has no usable finger")
    return People(
        enrolled={person: described[person, lowest] for person in persons},
        probes={key: described[key] for key in sorted(described) if key[1] != lowest},
        failed=failed,
    )


_EMPTY = EncounterTemplate((), "")


def _require_persons(scans: Sequence[Scan]) -> None:
    numbers = {str(code) for code in range(1, 11)}
    for scan in scans:
        if not scan.person:
            raise _wrong(f"{scan.path.name} names no person; expected PERSON_FINGER_SCAN")
        if scan.finger_number not in numbers:
            raise _wrong(f"{scan.path.name}: expected a finger from 1 to 10")
    if len({scan.number for scan in scans}) < 2:
        raise _wrong("expected at least two scans of a person")


async def _search_all(
    people: People,
    filler: Sequence[EncounterTemplate],
    config: ClusterConfig,
    folder: Path,
    track: Track,
) -> tuple[list[Found], list[Found]]:
    """Searches every probe with its person enrolled, then with its person removed."""
    keys = FileKeyProvider(folder / "master.key")
    store = Store.open(f"sqlite:///{folder / 'gallery.db'}", keys)
    executor = InProcessExecutor(config, store)
    try:
        everybody = [Enrolment(t, person, f"{person}-1") for person, t in people.enrolled.items()]
        everybody += [Enrolment(t, f"background-{i:06}") for i, t in enumerate(filler)]
        _enroll(store, everybody, track)
        await executor.start()
        gallery = Gallery(store)
        first = next(iter(people.enrolled.values()))
        await _search(executor, gallery, first)  # loads what is loaded once
        mated = []
        probes = list(people.probes.items())
        for _, probe in track(probes, description="Searching, person enrolled", total=len(probes)):
            mated.append(await _search(executor, gallery, probe))
        nonmated: dict[tuple[str, int], Found] = {}
        left_out = ""
        for key, probe in track(
            probes, description="Searching, person left out", total=len(probes)
        ):
            if key[0] != left_out:
                if left_out:
                    store.enroll([Enrolment(people.enrolled[left_out], f"{left_out}-again")])
                left_out = key[0]
                store.remove_subject(left_out)
            nonmated[key] = await _search(executor, gallery, probe)
        await gallery.close()
        return mated, list(nonmated.values())
    finally:
        await executor.stop()
        store.close()


def _enroll(store: Store, everybody: Sequence[Enrolment], track: Track) -> None:
    groups = [everybody[i : i + GROUP_MAX] for i in range(0, len(everybody), GROUP_MAX)]
    for group in track(groups, description="Enrolling, groups", total=len(groups)):
        for result in store.enroll(group):
            if isinstance(result, RidgelineError):
                raise result


async def _search(
    executor: InProcessExecutor, gallery: Gallery, template: EncounterTemplate
) -> Found:
    """One search on the product's own way; all ranked subjects, also those below thresholds."""
    if not template.fingers:
        return Found([], 0.0)
    started = time.perf_counter()
    sequence = await gallery.sequence()
    answer = await executor.search(
        GallerySearch(
            search_id="evaluate",
            probe=await asyncio.to_thread(prepare_probe, template),
            sequence=sequence,
            limit=partition_limit(CANDIDATES),
            exhaustive=False,
            timeout_s=SEARCH_TIMEOUT_S,
        )
    )
    if answer.unsearched:
        raise RidgelineError(ErrorCode.COVERAGE_TOO_LOW, "a partition was not searched")
    hits = [hit for partition in answer.partitions for hit in partition.hits]
    owners = await gallery.owners([hit.encounter_id for hit in hits], sequence)
    _, subjects = await gallery.subject_counts([], sequence)
    ranked = rank_subjects(hits, owners, gallery_subjects=subjects)
    return Found(ranked[:CANDIDATES], time.perf_counter() - started)


def _rates(people: People, mated: Sequence[Found], nonmated: Sequence[Found]) -> dict[str, Any]:
    persons = [person for person, _ in people.probes]
    mates = np.array([_score_of(f, p) for f, p in zip(mated, persons, strict=True)])
    strangers = np.array([f.ranked[0].score if f.ranked else -math.inf for f in nonmated])
    first = sum(
        bool(f.ranked) and f.ranked[0].subject_id == p for f, p in zip(mated, persons, strict=True)
    )
    # A search without a usable finger was not run.
    seconds = [f.seconds for f in (*mated, *nonmated) if f.seconds > 0.0]
    p50, p95 = np.percentile(seconds, [50, 95])
    return {
        "mated_probes": len(mated),
        "nonmated_probes": len(nonmated),
        "rank1": first / len(mated),
        "rank1_count": first,
        "rank1_interval": binomial_interval(first, len(mated)),
        "rank1_interval_method": "Clopper-Pearson 95 %, as if probes were independent; "
        f"they come from {len(set(persons))} persons",
        "fnir_at_fpir": {fpir: fnir_at_fpir(mates, strangers, float(fpir)) for fpir in FPIRS},
        "scores": {"mates": _quantiles(mates), "best_nonmates": _quantiles(strangers)},
        "fused_scores": {
            "mates": _quantiles([_fused_of(f, p) for f, p in zip(mated, persons, strict=True)]),
            "best_nonmates": _quantiles(
                [f.ranked[0].fused_score if f.ranked else -math.inf for f in nonmated]
            ),
        },
        "outcomes": {"mated": _outcomes(mated), "nonmated": _outcomes(nonmated)},
        "search_seconds": {"p50": float(p50), "p95": float(p95)},
    }


def _score_of(found: Found, person: str) -> float:
    return next((hit.score for hit in found.ranked if hit.subject_id == person), -math.inf)


def _fused_of(found: Found, person: str) -> float:
    return next((hit.fused_score for hit in found.ranked if hit.subject_id == person), -math.inf)


def _quantiles(scores: NDArray[np.float64] | Sequence[float]) -> dict[str, float | None]:
    """Percentiles; None where that one was not found at all. Scores end at 120, fused do not."""
    values = np.percentile(np.asarray(scores), _QUANTILES, method="nearest")
    return {
        f"p{q}": float(v) if np.isfinite(v) else None
        for q, v in zip(_QUANTILES, values, strict=True)
    }


def _outcomes(searches: Sequence[Found]) -> dict[str, int]:
    counted = Counter(str(search.outcome()) for search in searches)
    return dict(sorted(counted.items()))


def _wrong(detail: str) -> RidgelineError:
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field="dataset")
