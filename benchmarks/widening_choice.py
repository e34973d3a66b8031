"""How far generated impostor scores have to be spread to be as bad as real ones.

    python -m benchmarks.widening_choice --scores FILE

Fits the curve of one finger with several spreads and measures, on the impostors of the real sets
together, how many reach what it claims. FILE holds the generated scores of
`benchmarks.fit_calibration`, and is made where it is missing (eight minutes). The choice is
`benchmarks.fit_calibration.WIDENING`. Writes ``benchmarks/results/widening_choice.json``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.calibration_claims import CLAIMED, impostors
from benchmarks.fit_calibration import (
    SEED,
    fit_finger_curve,
    generated_scores,
    widen,
)
from benchmarks.real_prints import DEVELOPMENT, REAL_SETS
from benchmarks.record import record

WIDENINGS = (1.0, 1.5, 2.0)


def main() -> None:
    """Measures every spread and records the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path)
    generated = generated_scores(parser.parse_args().scores)
    real = np.concatenate([impostors(one)[0] for one in REAL_SETS])
    measured = {}
    for widening in WIDENINGS:
        curve = fit_finger_curve(widen(generated, widening).ravel())
        scores = curve.at(real)
        measured[str(widening)] = [
            float((scores >= -10.0 * np.log10(rate)).mean()) for rate in CLAIMED
        ]
    result = {"impostor": len(real), "claimed": list(CLAIMED), "measured": measured}
    print(result)
    record("widening_choice", result, data=DEVELOPMENT, seed=SEED)


if __name__ == "__main__":
    main()
