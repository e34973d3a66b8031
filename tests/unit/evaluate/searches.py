"""Searches of an operational evaluation, made up."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator.evaluate.operational.exchange import Search, SearchLog
from coordinator.search.decide import Outcome

LIKELY, POSSIBLE = 60.0, 40.0

One = tuple[int | None, float | None, float | None]
"""Rank and score of the mate, best score without it."""

Run = Sequence[One]


def search(index: int, rank: int | None, mate: float | None, stranger: float | None) -> Search:
    def outcome(score: float | None) -> Outcome:
        if score is None or score < POSSIBLE:
            return Outcome.NO_CANDIDATE
        return Outcome.CANDIDATES if score >= LIKELY else Outcome.REVIEW

    return Search(index, rank, mate, stranger, outcome(mate), outcome(stranger))


def log_of(searches: Run, *, redescribed: bool = False) -> SearchLog:
    """A run of these searches, with everything else alike."""
    return SearchLog(
        release="1.0",
        gallery_sequence=9,
        subjects=7,
        encounters=9,
        drawn="sample all, seed 1, fingers all",
        draw_digest="d" * 64,
        likely=LIKELY,
        possible=POSSIBLE,
        parameters_hash="p" * 64,
        redescribed=redescribed,
        searches=tuple(search(i, *one) for i, one in enumerate(searches)),
    )
