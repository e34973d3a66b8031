"""Whether a projection learned on generated prints does as well as one learned on real ones.

    python -m benchmarks.projection_choice

Each set is matched with the projection that ships, learned on generated prints
(`benchmarks.train_projection`), and with one learned on the real prints of other fingers. Writes
``benchmarks/results/projection_choice.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.real_prints import DEVELOPMENT, REAL_SETS, RealSet, minutiae, templates
from benchmarks.record import record
from benchmarks.train_projection import whitened_components
from coordinator.evaluate.bootstrap import finger_numbers
from coordinator.evaluate.metrics import count_errors, equal_error_rate, fnmr_at_fmr
from workers.matching.descriptor import cylinders, project
from workers.matching.parameters import PARAMETERS
from workers.matching.template import FingerTemplate, best_by_quality
from workers.matching.verify import compare_all


def main() -> None:
    """Matches every set both ways and records the errors."""
    own = {
        real.name: [
            # Those that a template keeps.
            cylinders(one)[best_by_quality(one.quality, PARAMETERS.descriptor.minutiae_max)]
            for _, one in minutiae(real)
        ]
        for real in REAL_SETS
    }
    result: dict[str, Any] = {}
    for real in REAL_SETS:
        prints = templates(real)
        fingers = [scan.finger for scan, _ in prints]
        others = [own[o.name] for o in REAL_SETS if not _share_fingers(o, real)]
        learned = whitened_components(
            np.sqrt(np.concatenate([c for prints_ in others for c in prints_])),
            PARAMETERS.descriptor.dimensions,
        )
        from_real = [
            replace(template, descriptors=project(cylinder, *learned))
            for (_, template), cylinder in zip(prints, own[real.name], strict=True)
        ]
        result[real.name] = {
            "generated": _errors([template for _, template in prints], fingers),
            "real": _errors(from_real, fingers),
        }
        print(real.name, result[real.name])
    record("projection_choice", result, data=DEVELOPMENT, seed=None)


def _share_fingers(a: RealSet, b: RealSet) -> bool:
    """Neurotechnology's two sensors saw the same persons."""
    return a == b or (a.persons and b.persons)


def _errors(prints: Sequence[FingerTemplate], fingers: Sequence[str]) -> dict[str, Any]:
    number = finger_numbers(fingers)
    first, second = np.triu_indices(len(prints), 1)
    scores = np.concatenate(
        [compare_all(prints[i], prints[i + 1 :]) for i in range(len(prints) - 1)]
    )
    mated = number[first] == number[second]
    counts = count_errors(scores[mated], scores[~mated])
    equal = equal_error_rate(counts)
    return {
        "genuine": int(mated.sum()),
        "lost_at_eer_threshold": round(equal.lost),
        "eer": equal.rate,
        "fnmr_at_fmr_0.001": fnmr_at_fmr(counts, 0.001),
    }


if __name__ == "__main__":
    main()
