"""What an answer says: which subjects are candidates, and what the search came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

from coordinator.search.merge import SubjectHit
from workers.errors import ErrorCode, RidgelineError
from workers.matching.parameters import Thresholds

CAVEAT = (
    "A candidate is a lead for a human examiner. It is not an identification, it says nothing "
    "about citizenship or status, and no candidate is not proof of absence."
)


@unique
class Outcome(StrEnum):
    """What a search came to; the names of the contract's enum."""

    CANDIDATES = "CANDIDATES"
    NO_CANDIDATE = "NO_CANDIDATE"
    REVIEW = "REVIEW"
    UNSEARCHABLE = "UNSEARCHABLE"


@unique
class Band(StrEnum):
    """How high a score is against the thresholds."""

    BELOW = "below"
    POSSIBLE = "possible"
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class SearchedShare:
    """How much of the gallery was searched, at the sequence of the search."""

    partitions_searched: int
    partitions_total: int
    subjects_searched: int
    subjects_total: int

    @property
    def partitions_share(self) -> float:
        """Share of partitions searched, 0-1."""
        return self.partitions_searched / self.partitions_total if self.partitions_total else 0.0


def band(score: float, thresholds: Thresholds) -> Band:
    """Band of a score, -10 log10(FMR); a score at a threshold has reached it."""
    if score >= thresholds.likely:
        return Band.LIKELY
    return Band.POSSIBLE if score >= thresholds.possible else Band.BELOW


def candidates(
    ranked: Sequence[SubjectHit], thresholds: Thresholds, max_candidates: int
) -> list[SubjectHit]:
    """The subjects to return: in rank order, above the possible threshold, not too many."""
    leads = [hit for hit in ranked if band(hit.score, thresholds) is not Band.BELOW]
    return leads[:max_candidates]


def outcome(leads: Sequence[SubjectHit], thresholds: Thresholds) -> Outcome:
    """What a search with these candidates came to: the highest band among them decides."""
    if not leads:
        return Outcome.NO_CANDIDATE
    if any(band(hit.score, thresholds) is Band.LIKELY for hit in leads):
        return Outcome.CANDIDATES
    return Outcome.REVIEW


def require_coverage(share: SearchedShare, required: float, *, allow_partial: bool) -> None:
    """Raises COVERAGE_TOO_LOW where too few partitions answered and all were wanted.

    Args:
        required: share of partitions, 0-1.
    """
    if share.partitions_share < required and not allow_partial:
        raise RidgelineError(
            ErrorCode.COVERAGE_TOO_LOW,
            f"{share.partitions_searched} of {share.partitions_total} partitions answered",
        )
