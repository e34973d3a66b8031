"""How often consolidation relaxes, and what a large print's score is divided by.

    python -m benchmarks.consolidation_choice

Every choice is made on the other sets and its errors counted on the set left out; the two
Neurotechnology sensors saw the same persons and are left out together. The choice is the fewest
genuine pairs lost at FMR 0.1 % and at no false match together; where that ties, the least
equal error rate. Writes ``benchmarks/results/consolidation_choice.json``.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.real_prints import DEVELOPMENT, REAL_SETS, RealSet, templates
from benchmarks.record import record
from coordinator.evaluate.bootstrap import finger_numbers
from coordinator.evaluate.metrics import count_errors, equal_error_rate, fnmr_at_fmr
from workers.matching.blocks import in_blocks
from workers.matching.consolidate import mean_of_best, relaxed_pairs
from workers.matching.screen import TOP_COUNTS
from workers.matching.template import FingerTemplate

ITERATIONS = (2, 3, 4, 6)
POWERS = (0.0, 0.5, 1.0, 1.5)
"""Of the larger print's number of minutiae, which the score is divided by."""

CHOICES = tuple(product(ITERATIONS, POWERS))
FMR = 0.001


def main() -> None:
    """Counts the errors of every choice on every set, chooses for each set on the others."""
    errors = {real.name: _errors(real) for real in REAL_SETS}
    result: dict[str, Any] = {
        "choices": [{"iterations": i, "power": p} for i, p in CHOICES],
        "sets": errors,
        "left_out": {},
        "chosen_on_all": _best([errors[real.name] for real in REAL_SETS]),
    }
    for real in REAL_SETS:
        others = [
            errors[o.name] for o in REAL_SETS if o != real and not (o.persons and real.persons)
        ]
        chosen = _best(others)
        result["left_out"][real.name] = {"chosen": chosen, **errors[real.name][chosen]}
        print(real.name, CHOICES[chosen], errors[real.name][chosen])
    print("on all", CHOICES[result["chosen_on_all"]])
    record("consolidation_choice", result, data=DEVELOPMENT, seed=None)


def _best(sets: list[list[dict[str, float]]]) -> int:
    def cost(choice: int) -> tuple[float, float]:
        found = [errors[choice] for errors in sets]
        lost = sum(e["lost_at_fmr_0.001"] + e["lost_at_no_false_match"] for e in found)
        return lost, sum(e["eer"] for e in found)

    return min(range(len(CHOICES)), key=cost)


def _errors(real: RealSet) -> list[dict[str, float]]:
    """Errors of every choice, every print against every later one."""
    prints = templates(real)
    number = finger_numbers([scan.finger for scan, _ in prints])
    described = [template for _, template in prints]
    scores, mated = [], []
    for i, probe in enumerate(described[:-1]):
        order = i + 1 + np.argsort([len(t) for t in described[i + 1 :]], kind="stable")
        scores.append(_scores(probe, [described[j] for j in order]))
        mated.append(number[order] == number[i])
    found, genuine = np.concatenate(scores, axis=1), np.concatenate(mated)
    return [_counted(row[genuine], row[~genuine]) for row in found]


def _scores(probe: FingerTemplate, gallery: list[FingerTemplate]) -> NDArray[np.float64]:
    """By choice and print of the gallery, which comes in the order of its size."""
    columns = []
    for block in in_blocks(gallery):
        top = TOP_COUNTS[np.minimum(block.counts, len(probe))]
        larger = np.maximum(block.counts, len(probe)).astype(np.float64)
        means = {n: mean_of_best(relaxed_pairs(probe, block, n)[1], top) for n in ITERATIONS}
        columns.append(np.stack([means[n] / larger**power for n, power in CHOICES]))
    return np.concatenate(columns, axis=1)


def _counted(mated: NDArray[np.float64], nonmated: NDArray[np.float64]) -> dict[str, float]:
    counts = count_errors(mated, nonmated)
    missed = fnmr_at_fmr(counts, FMR)
    assert missed is not None, "every set has more than a thousand impostor pairs"
    return {
        "lost_at_fmr_0.001": round(missed * len(mated)),
        "lost_at_no_false_match": int((mated <= nonmated.max()).sum()),
        "eer": equal_error_rate(counts).rate,
    }


if __name__ == "__main__":
    main()
