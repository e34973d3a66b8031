"""False match rates that the calibration claims against those measured on real impostors.

    python -m benchmarks.calibration_claims

Single fingers, every pair of prints of two fingers of a set. The spread of the calibration was
chosen looking at these sets (`benchmarks.fit_calibration.WIDENING`), so this shows the fit, not a
test of it. Writes ``benchmarks/results/calibration_claims.json``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.real_prints import DEVELOPMENT, REAL_SETS, RealSet, templates
from benchmarks.record import record
from coordinator.evaluate.bootstrap import finger_numbers
from workers.matching.calibration import finger_curve
from workers.matching.verify import compare_all

CLAIMED = (0.1, 0.01, 0.001)
REPLICATES = 1000
SEED = 7107


def main() -> None:
    """Counts impostor pairs at or above the score of each claimed rate."""
    result: dict[str, Any] = {"claimed": list(CLAIMED), "sets": {}}
    for real in REAL_SETS:
        raw, fingers = impostors(real)
        scores = finger_curve().at(raw)
        reached = np.array([scores >= -10.0 * np.log10(rate) for rate in CLAIMED])
        entry = {
            "impostor": len(scores),
            "false_matches": reached.sum(axis=1).tolist(),
            "measured": reached.mean(axis=1).tolist(),
            "interval": _interval(reached, fingers),
        }
        result["sets"][real.name] = entry
        print(real.name, entry)
    record("calibration_claims", result, data=DEVELOPMENT, seed=SEED)


def impostors(real: RealSet) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Raw scores (n,) of all impostor pairs, and the numbers of their fingers (n, 2)."""
    prints = templates(real)
    fingers = finger_numbers([scan.finger for scan, _ in prints])
    raw: list[NDArray[np.float64]] = []
    pairs: list[tuple[int, int]] = []
    for i, (_, probe) in enumerate(prints):
        others = [j for j in range(i + 1, len(prints)) if fingers[j] != fingers[i]]
        if others:
            raw.append(compare_all(probe, [prints[j][1] for j in others]))
            pairs.extend((fingers[i], fingers[j]) for j in others)
    return np.concatenate(raw), np.array(pairs, np.intp)


def _interval(reached: NDArray[np.bool_], fingers: NDArray[np.intp]) -> list[list[float]]:
    """95 % intervals of each rate, fingers drawn with replacement."""
    rng = np.random.default_rng(SEED)
    count = int(fingers.max()) + 1
    rates: list[NDArray[np.float64]] = []
    while len(rates) < REPLICATES:
        drawn = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
        weights = drawn[fingers[:, 0]] * drawn[fingers[:, 1]]
        if weights.any():
            rates.append((reached * weights).sum(axis=1) / weights.sum())
    bounds: list[list[float]] = np.percentile(rates, [2.5, 97.5], axis=0).T.tolist()
    return bounds


if __name__ == "__main__":
    main()
