"""One person among many: searches through the cluster, with the person there and not there."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.store import Enrolment, FileKeyProvider, Store
from coordinator.evaluate.background import SEED, generate_background
from coordinator.evaluate.dataset import Scan, read_dataset
from coordinator.evaluate.extractions import ExtractionCache, extract_all
from coordinator.evaluate.metrics import binomial_interval, fnir_at_fpir
from coordinator.evaluate.searches import FPIRS, Found, HeldOut, search_gallery
from coordinator.gallery import GROUP_MAX, Gallery
from coordinator.progress import Track
from workers.biometrics.extraction import extraction_version
from workers.biometrics.model import FingerPosition, FingerSample, Impression, Minutiae
from workers.biometrics.quality import QualityGate
from workers.errors import ErrorCode, RidgelineError
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import parameters_hash
from workers.matching.template import EncounterTemplate

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
    """Searches every probe with its person enrolled, then with its person left out."""
    keys = FileKeyProvider(folder / "master.key")
    store = Store.open(f"sqlite:///{folder / 'gallery.db'}", keys)
    executor = InProcessExecutor(config, store)
    try:
        everybody = [Enrolment(t, person, f"{person}-1") for person, t in people.enrolled.items()]
        everybody += [Enrolment(t, f"background-{i:06}") for i, t in enumerate(filler)]
        _enroll(store, everybody, track)
        await executor.start()
        gallery = Gallery(store)
        sequence = store.sequence()
        first = next(iter(people.enrolled.values()))
        await search_gallery(executor, gallery, first, sequence)  # loads what is loaded once
        probes = list(people.probes.items())
        mated, nonmated = [], []
        for _, probe in track(probes, description="Searching, person enrolled", total=len(probes)):
            mated.append(await search_gallery(executor, gallery, probe, sequence))
        for (person, _), probe in track(
            probes, description="Searching, person left out", total=len(probes)
        ):
            left_out = HeldOut(person, frozenset({f"{person}-1"}), whole_subject=True)
            nonmated.append(await search_gallery(executor, gallery, probe, sequence, left_out))
        await gallery.close()
        return mated, nonmated
    finally:
        await executor.stop()
        store.close()


def _enroll(store: Store, everybody: Sequence[Enrolment], track: Track) -> None:
    groups = [everybody[i : i + GROUP_MAX] for i in range(0, len(everybody), GROUP_MAX)]
    for group in track(groups, description="Enrolling, groups", total=len(groups)):
        for result in store.enroll(group):
            if isinstance(result, RidgelineError):
                raise result


def _rates(people: People, mated: Sequence[Found], nonmated: Sequence[Found]) -> dict[str, Any]:
    persons = [person for person, _ in people.probes]
    mates = np.array([f.score_of(p) for f, p in zip(mated, persons, strict=True)])
    strangers = np.array([f.ranked[0].score if f.ranked else -math.inf for f in nonmated])
    first = sum(f.rank_of(p) == 1 for f, p in zip(mated, persons, strict=True))
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
