"""How many mates the screen's cut loses where probes have four fingers or eight.

    python -m benchmarks.cut_loss

The persons of `benchmarks.composed_persons`, mates among 20,000 others, screened. Fewer are drawn
than for `benchmarks.sketch_loss`, since each takes seconds. Writes
``benchmarks/results/cut_loss.json``, which `workers.matching.parameters` quotes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.composed_persons import OTHERS, Others, draw_person, real_fingers
from benchmarks.real_prints import DEVELOPMENT
from benchmarks.record import record
from workers.matching.backends import load_backend
from workers.matching.columns import Columns
from workers.matching.probe import prepare_probe

SEED = 7110
DRAWS = {4: 200, 8: 100}
SHARES = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01)


def main() -> None:
    """Screens everybody for every drawn person and records who would be cut."""
    rng = np.random.default_rng(SEED)
    real = real_fingers()
    others = Others(real, rng)
    backend = load_backend("numpy")
    packed = backend.pack(Columns.of(others.people))
    result: dict[str, Any] = {"others": OTHERS, "shares": list(SHARES), "fingers": {}}
    for count, draws in DRAWS.items():
        above = []
        for _ in range(draws):
            person = draw_person(real, count, rng)
            probe = prepare_probe(person.probe)
            rows = np.flatnonzero(others.without(person))
            scores = backend.screen(probe, packed, rows, lambda: None)
            mate = backend.pack(Columns.of([person.mate]))
            (score,) = backend.screen(probe, mate, np.array([0]), lambda: None)
            above.append(int((scores > score).sum()))
        lost = [int((np.array(above) >= share * OTHERS).sum()) for share in SHARES]
        result["fingers"][str(count)] = {"mates": draws, "lost": lost, "most_above": max(above)}
        print(count, result["fingers"][str(count)])
    record("cut_loss", result, data=f"{DEVELOPMENT}; generated fingers", seed=SEED)


if __name__ == "__main__":
    main()
