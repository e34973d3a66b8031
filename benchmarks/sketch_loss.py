"""How many mates the sketch loses at every depth, on persons composed of real fingers.

    python -m benchmarks.sketch_loss

A person is ten, eight, four or two different fingers drawn from the development sets, in
positions drawn for them; a probe and a mate are two sessions of it, whose scans are drawn. It
stands among 20,000 other made-up persons, whose fingers are real and generated ones half and
half, but not the probe's own. The share of them above the mate is counted at each level; who is
lost at a depth follows. The draws share fingers, so intervals are resampled over fingers. Writes
``benchmarks/results/sketch_loss.json``, which `workers.matching.parameters` quotes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.composed_persons import (
    OTHERS,
    Others,
    draw_person,
    finger_weights,
    real_fingers,
)
from benchmarks.real_prints import DEVELOPMENT
from benchmarks.record import record
from workers.matching.columns import Columns
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import prepare_probe
from workers.matching.sketch import Level

SEED = 7109
DRAWS = {10: 1000, 8: 1000, 4: 3000, 2: 3000}
"""Persons drawn, by number of fingers."""

SHARES = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
REPLICATES = 500


def main() -> None:
    """Draws persons, counts who stands above their mates, records the curves."""
    rng = np.random.default_rng(SEED)
    real = real_fingers()
    others = Others(real, rng)
    result: dict[str, Any] = {"others": OTHERS, "shares": list(SHARES), "fingers": {}}
    for count, draws in DRAWS.items():
        above = {level: np.empty(draws) for level in Level}
        drawn = np.empty((draws, count), np.intp)
        for draw in range(draws):
            person = draw_person(real, count, rng)
            drawn[draw] = person.fingers
            weights = prepare_probe(person.probe).sketch
            apart = others.without(person)
            mate = Columns.of([person.mate]).sketches
            for level in Level:
                row = weights[level].astype(np.float32)
                scores = others.rows[level][apart] @ row
                score = float(mate[level][0].astype(np.float32) @ row)
                above[level][draw] = (scores > score).mean()
        result["fingers"][str(count)] = _curves(above, drawn, len(real), rng)
        print(count, result["fingers"][str(count)])
    record("sketch_loss", result, data=f"{DEVELOPMENT}; generated fingers", seed=SEED)


def _curves(
    above: dict[Level, NDArray[np.float64]],
    drawn: NDArray[np.intp],
    fingers: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    lost = {
        level.name.lower(): [int((above[level] >= share).sum()) for share in SHARES]
        for level in Level
    }
    count = drawn.shape[1]
    depth = max(
        (d for d in PARAMETERS.sketch.depths if d.fingers <= count), key=lambda d: d.fingers
    )
    # At the fine level only those compete who survived the coarse one: this is an upper bound.
    gone = (above[Level.COARSE] >= depth.coarse) | (above[Level.FINE] >= depth.fine)
    rates = []
    for _ in range(REPLICATES):
        weights = finger_weights(drawn, fingers, rng)
        rates.append(float((gone * weights).sum() / weights.sum()))
    return {
        "mates": len(drawn),
        "lost_at_share": lost,
        "depth": {"coarse": depth.coarse, "fine": depth.fine, "lost": int(gone.sum())},
        "interval": np.percentile(rates, [2.5, 97.5]).tolist(),
    }


if __name__ == "__main__":
    main()
