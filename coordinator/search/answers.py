"""Answers as the contract's messages, and what of them the audit record keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from scipy.stats import beta

from coordinator import convert
from coordinator.audit import AuditedCandidate, AuditRecord
from coordinator.search.decide import Band, Outcome, SearchedShare, band
from coordinator.search.merge import SubjectHit
from protos.ridgeline.v1 import identification_pb2, types_pb2
from workers.biometrics.model import Impression
from workers.matching.calibration import calibrate_finger
from workers.matching.explain import FingerMatch
from workers.matching.parameters import MeasuredLoss, Thresholds
from workers.matching.template import ANGLE_UNITS, EncounterTemplate, FingerTemplate

OUTCOMES: Mapping[Outcome, identification_pb2.Outcome] = {
    Outcome.CANDIDATES: identification_pb2.OUTCOME_CANDIDATES,
    Outcome.NO_CANDIDATE: identification_pb2.OUTCOME_NO_CANDIDATE,
    Outcome.REVIEW: identification_pb2.OUTCOME_REVIEW,
    Outcome.UNSEARCHABLE: identification_pb2.OUTCOME_UNSEARCHABLE,
}
_BANDS: Mapping[Band, identification_pb2.CandidateBand] = {
    Band.BELOW: identification_pb2.CANDIDATE_BAND_UNSPECIFIED,
    Band.POSSIBLE: identification_pb2.CANDIDATE_BAND_POSSIBLE,
    Band.LIKELY: identification_pb2.CANDIDATE_BAND_LIKELY,
}

_STAGES: Mapping[str, identification_pb2.Stage] = {
    "extract": identification_pb2.STAGE_EXTRACT,
    "sketch": identification_pb2.STAGE_SKETCH,
    "screen": identification_pb2.STAGE_SCREEN,
    "consolidate": identification_pb2.STAGE_CONSOLIDATE,
    "merge": identification_pb2.STAGE_MERGE,
}

LOSS_CONFIDENCE = 0.95
"""Of the upper bound that goes with a measured loss."""

Impressions = Mapping[int, tuple[Impression, Impression]]


def candidate(
    rank: int, hit: SubjectHit, impressions: Impressions, thresholds: Thresholds
) -> identification_pb2.Candidate:
    """A candidate; `impressions` are those behind each finger's score."""
    return identification_pb2.Candidate(
        rank=rank,
        subject_id=hit.subject_id,
        encounter_id=hit.encounter_id,
        score=hit.score,
        band=_BANDS[band(hit.score, thresholds)],
        expected_false_candidates=hit.expected_false,
        extrapolated=hit.extrapolated,
        finger_scores=[
            finger_score(position, raw, *impressions[position])
            for position, raw in sorted(hit.finger_scores.items())
        ],
    )


def finger_score(
    position: int, raw: float, probe: Impression, gallery: Impression
) -> identification_pb2.FingerScore:
    """One finger's calibrated score."""
    return identification_pb2.FingerScore(
        position=position,
        score=calibrate_finger(raw).score,
        probe_impression=convert.impression_code(probe),
        gallery_impression=convert.impression_code(gallery),
    )


def stage_reports(
    seconds: Mapping[str, float],
    compared: Mapping[str, int],
    losses: Mapping[str, MeasuredLoss],
) -> list[identification_pb2.StageReport]:
    """The stages that ran, in their order.

    Args:
        seconds: wall time by stage name.
        compared: encounters by stage name.
        losses: what a stage's cut was measured to lose, where it dropped somebody.
    """
    reports = []
    for name in _STAGES:
        if name not in seconds:
            continue
        report = identification_pb2.StageReport(
            stage=_STAGES[name], compared=compared.get(name, 0), seconds=seconds[name]
        )
        if loss := losses.get(name):
            report.measured_loss = loss.lost / loss.mates
            report.measured_loss_source = loss_source(loss)
        reports.append(report)
    return reports


def loss_source(loss: MeasuredLoss) -> str:
    """Where a loss was measured, with its upper bound (Clopper and Pearson 1934, one-sided)."""
    bound = float(beta.ppf(LOSS_CONFIDENCE, loss.lost + 1, loss.mates - loss.lost))
    return (
        f"{loss.lost} of {loss.mates:,} mates lost, below {bound:.3%} "
        f"at {LOSS_CONFIDENCE:.0%} confidence; {loss.provenance}"
    )


def coverage(share: SearchedShare) -> types_pb2.Coverage:
    """How much of the gallery was searched."""
    return types_pb2.Coverage(
        partitions_searched=share.partitions_searched,
        partitions_total=share.partitions_total,
        subjects_searched=share.subjects_searched,
        subjects_total=share.subjects_total,
    )


def explanations(
    matches: Iterable[FingerMatch], probe: EncounterTemplate, gallery: EncounterTemplate
) -> list[identification_pb2.FingerExplanation]:
    """The minutiae and pairs of each common finger."""
    return [
        _explanation(
            match, probe.fingers[match.probe_finger], gallery.fingers[match.gallery_finger]
        )
        for match in matches
    ]


def record_search(
    record: AuditRecord,
    response: identification_pb2.IdentifyResponse | identification_pb2.VerifyResponse,
    candidates: Sequence[identification_pb2.Candidate],
) -> None:
    """Notes in the audit record what an answer says."""
    record.search_id = response.search_id
    record.outcome = identification_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_")
    record.sequence = response.gallery_sequence
    record.parameters_hash = response.parameters_hash
    record.candidates = [
        AuditedCandidate(c.subject_id, c.encounter_id, c.score) for c in candidates
    ]


def _explanation(
    match: FingerMatch, probe: FingerTemplate, gallery: FingerTemplate
) -> identification_pb2.FingerExplanation:
    ours, theirs = _minutiae(probe), _minutiae(gallery)
    pairs = [
        identification_pb2.MinutiaPair(
            probe=ours[int(p)],
            gallery=theirs[int(g)],
            similarity=min(max(float(similarity), 0.0), 1.0),
        )
        for (p, g), similarity in zip(match.pairs, match.similarity, strict=True)
    ]
    return identification_pb2.FingerExplanation(
        score=finger_score(
            int(match.position), match.raw_score, probe.impression, gallery.impression
        ),
        pairs=pairs,
        probe_minutiae=ours,
        gallery_minutiae=theirs,
    )


def _minutiae(finger: FingerTemplate) -> list[identification_pb2.Minutia]:
    return [
        identification_pb2.Minutia(
            x=float(x), y=float(y), angle_degrees=float(angle) * 360.0 / ANGLE_UNITS
        )
        for x, y, angle in zip(finger.x, finger.y, finger.angle, strict=True)
    ]
