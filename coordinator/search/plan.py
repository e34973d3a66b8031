"""What a search will ask for: how many hits of each partition, at which sequence, how long."""

from __future__ import annotations

from dataclasses import dataclass

from workers.errors import ErrorCode, RidgelineError

ENCOUNTERS_ALLOWED = 8
"""Encounters of one subject in one partition up to which the ranking is exact: a partition
returns this many hits for each candidate wanted."""

RESERVE_SHARE = 0.05
"""Share of the time left that merging, the audit record and the way back are given."""

RESERVE_RANGE_S = (0.02, 1.0)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What the caller asked for, checked.

    Attributes:
        max_candidates: to return at most.
        allow_partial: answer even where coverage is below what is required.
        exhaustive: leave the sketch out, so that everybody is screened.
        min_sequence: lowest gallery sequence that the answer must reflect; 0 is any.
    """

    max_candidates: int
    allow_partial: bool = False
    exhaustive: bool = False
    min_sequence: int = 0


def checked_max_candidates(requested: int, *, default: int, limit: int) -> int:
    """Candidates to return at most; 0 takes the default.

    Raises:
        RidgelineError: INVALID_FIELD above the limit.
    """
    if requested > limit:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD, f"expected at most {limit}", field="max_candidates"
        )
    return requested or default


def partition_limit(max_candidates: int) -> int:
    """Hits wanted from each partition, encounters."""
    return max_candidates * ENCOUNTERS_ALLOWED


def choose_sequence(newest: int, min_sequence: int) -> int:
    """The sequence to search at: the newest.

    Raises:
        RidgelineError: SEQUENCE_UNAVAILABLE where the caller needs one yet to come.
    """
    if min_sequence > newest:
        raise RidgelineError(
            ErrorCode.SEQUENCE_UNAVAILABLE,
            f"the newest is {newest}",
            field="min_gallery_sequence",
        )
    return newest


def stage_budget(remaining_s: float) -> float:
    """Seconds that extraction or the shards may take of what is left of the deadline.

    Raises:
        RidgelineError: DEADLINE_EXCEEDED where nothing is left.
    """
    low, high = RESERVE_RANGE_S
    budget = remaining_s - min(max(remaining_s * RESERVE_SHARE, low), high)
    if budget <= 0:
        raise RidgelineError(ErrorCode.DEADLINE_EXCEEDED, "")
    return budget
