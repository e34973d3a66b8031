"""Error rates of searches, one a subject, with intervals and by groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordinator.evaluate.bootstrap import REPLICATES, SEED, resampled_subjects
from coordinator.evaluate.metrics import (
    ErrorCounts,
    binomial_interval,
    count_errors,
    fnir_at_fpir,
    interval,
)
from coordinator.evaluate.operational.draw import GROUPS, Traits
from coordinator.evaluate.operational.exchange import SearchLog
from coordinator.evaluate.searches import FPIRS

SUBJECTS_MIN = 30
"""Of a group whose rates are given; one error in fewer would say more than 3 %."""

INTERVALS = (
    f"bootstrap over subjects, {REPLICATES} replicates, seed {SEED}; where none or all count, "
    "Clopper-Pearson, since each subject is searched for once"
)


@dataclass(frozen=True, slots=True)
class Scores:
    """Searches as arrays of length n.

    Attributes:
        first: whether the mate was first, bool.
        mates: score of the mate; minus infinity where it was not found.
        strangers: best score with the subject left out; minus infinity where nobody was found.
        likely: threshold.
        possible: threshold.
    """

    first: NDArray[np.bool_]
    mates: NDArray[np.float64]
    strangers: NDArray[np.float64]
    likely: float
    possible: float

    @staticmethod
    def of(log: SearchLog) -> Scores:
        """Of a run."""
        return Scores(
            np.array([one.mate_rank == 1 for one in log.searches], bool),
            np.array([_score(one.mate_score) for one in log.searches], float),
            np.array([_score(one.nonmate_score) for one in log.searches], float),
            log.likely,
            log.possible,
        )

    def __len__(self) -> int:
        return len(self.first)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Scores:
        """Some of the searches."""
        return Scores(
            self.first[index],
            self.mates[index],
            self.strangers[index],
            self.likely,
            self.possible,
        )

    def counts(self) -> ErrorCounts:
        """False negatives and false positives at every threshold.

        Who was not found is as one below the lowest score, which is 0.
        """
        return count_errors(np.maximum(self.mates, -1.0), np.maximum(self.strangers, -1.0))


def rates(scores: Scores) -> dict[str, float | None]:
    """Share of searches by name; None where there are too few for it.

    A mate scores at or above a threshold or is lost at it; a search with its subject left out
    that returns anybody at or above it is a false positive.
    """
    found: dict[str, float | None] = {
        "rank1": float(scores.first.mean()),
        "fnir_likely": float((scores.mates < scores.likely).mean()),
        "fnir_possible": float((scores.mates < scores.possible).mean()),
        "fpir_likely": float((scores.strangers >= scores.likely).mean()),
        "fpir_possible": float((scores.strangers >= scores.possible).mean()),
    }
    for fpir in FPIRS:
        rate = fnir_at_fpir(scores.mates, scores.strangers, float(fpir))
        found[f"fnir_at_fpir_{fpir}"] = rate
    return found


def measure(scores: Scores) -> dict[str, Any]:
    """Each rate with its count and interval; None where there are too few searches for it."""
    n = len(scores)
    drawn = [rates(scores.take(index)) for index in resampled_subjects(n)]
    report: dict[str, Any] = {}
    for name, rate in rates(scores).items():
        if rate is None:
            report[name] = None
            continue
        count = round(rate * n)
        values = [value for one in drawn if (value := one[name]) is not None]
        spread = interval(values) if 0 < count < n else binomial_interval(count, n)
        report[name] = {"count": count, "of": n, "rate": rate, "interval": spread}
    return report


def breakdowns(scores: Scores, traits: Sequence[Traits]) -> dict[str, list[dict[str, Any]]]:
    """Rates by each trait; a group of too few subjects is a count only."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for trait, names in GROUPS.items():
        of_each = np.array([getattr(one, trait) for one in traits])
        masks = [(name, of_each == name) for name in names]
        groups[trait] = [_group(name, scores.take(mask)) for name, mask in masks if mask.any()]
    return groups


def _group(name: str, scores: Scores) -> dict[str, Any]:
    enough = len(scores) >= SUBJECTS_MIN
    return {
        "group": name,
        "subjects": len(scores),
        "rank1_count": int(scores.first.sum()),
        "rates": measure(scores) if enough else None,
    }


def _score(score: float | None) -> float:
    return -np.inf if score is None else score
