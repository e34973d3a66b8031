"""From encounters, each the best of its partition, to subjects in rank order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cluster.store import SubjectOf
from workers.matching.calibration import calibrate, expected_false_candidates
from workers.shard import EncounterHit


@dataclass(frozen=True, slots=True)
class SubjectHit:
    """A subject with its best encounter.

    Attributes:
        score: -10 log10(FMR) of the comparison, corrected for the subject's encounters.
        fused_score: of the best encounter, unclamped; the ranking key.
        expected_false: subjects that would score as high by chance in this gallery.
        extrapolated: the score lies beyond the calibration's evidence.
        finger_scores: raw score by finger position 1-10.
    """

    subject_id: str
    encounter_id: str
    score: float
    fused_score: float
    expected_false: float
    extrapolated: bool
    finger_scores: Mapping[int, float]


def best_encounters(
    hits: Iterable[EncounterHit], owners: Mapping[str, SubjectOf]
) -> dict[str, EncounterHit]:
    """The best hit of each subject, ties to the lower encounter id.

    Args:
        owners: by encounter id, at the sequence of the search; an encounter without one is
            dropped.
    """
    best: dict[str, EncounterHit] = {}
    for hit in hits:
        owner = owners.get(hit.encounter_id)
        if owner is None:
            continue
        held = best.get(owner.subject_id)
        if held is None or _order(hit) < _order(held):
            best[owner.subject_id] = hit
    return best


def rank_subjects(
    hits: Iterable[EncounterHit],
    owners: Mapping[str, SubjectOf],
    *,
    gallery_subjects: int,
) -> list[SubjectHit]:
    """Subjects by (fused score descending, subject id), calibrated.

    Args:
        hits: encounters found, in any order.
        owners: whose each is, at the sequence of the search.
        gallery_subjects: searched; sets how many false candidates to expect.
    """
    best = best_encounters(hits, owners)
    ranked = sorted(best.items(), key=lambda item: (-item[1].fused_score, item[0]))
    return [
        _calibrated(subject, hit, owners[hit.encounter_id].encounters, gallery_subjects)
        for subject, hit in ranked
    ]


def _calibrated(
    subject: str, hit: EncounterHit, encounters: int, gallery_subjects: int
) -> SubjectHit:
    calibrated = calibrate(hit.fused_score, list(hit.finger_scores), encounters=encounters)
    return SubjectHit(
        subject_id=subject,
        encounter_id=hit.encounter_id,
        score=calibrated.score,
        fused_score=hit.fused_score,
        expected_false=expected_false_candidates(calibrated.score, gallery_subjects),
        extrapolated=calibrated.extrapolated,
        finger_scores=hit.finger_scores,
    )


def _order(hit: EncounterHit) -> tuple[float, str]:
    return -hit.fused_score, hit.encounter_id
