"""Fits what scores are worth: generated impostors give the curves, real ones stretch them.

    python -m benchmarks.fit_calibration

Run it after every change of the matcher, then `benchmarks.calibration_claims` and
`benchmarks.calibration_classes`. Writes `workers/matching/data/calibration.npz` and
``benchmarks/results/fit_calibration.json``.

- The curve of one finger is that of generated plain prints against plain ones, where false
  matches are commoner than with rolled ones, stretched until none of the development sets
  has more false matches than claimed (`factor_needed`).
- The curves of persons are those of whole generated persons, since the fingers of one person are
  not independent: each side has a rolled and a plain print of every finger, and the best pair
  counts. k common fingers are drawn from the ten.

To stretch all impostors alike changes nothing in the curves of persons: stretched scores against
the stretched curve of one finger are the same evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import workers.matching
from benchmarks.curve_fit import DECADE, THRESHOLD_SHARE, fit_curve, fit_tail, stretched
from benchmarks.impostor_persons import parts
from benchmarks.impostors import RealGroup, generated, real_groups
from benchmarks.real_prints import DEVELOPMENT
from benchmarks.record import record
from workers.biometrics.model import FINGERS
from workers.matching.calibration import Curve
from workers.matching.fuse import fuse
from workers.matching.parameters import CALIBRATION_FILE

SEED = 7103
PROBES, GALLERY = 200, 200
"""Generated persons that are compared."""

CHOSEN_AT = 0.01
"""False match rate at which the stretch is chosen: the least that the 2,880 impostor pairs of an
FVC set resolve by about thirty."""

REPLICATES = 100
DATA = Path(workers.matching.__file__).parent / "data"

Impostors = NDArray[np.float64]


def main() -> None:
    """Fits the curves, writes and records them."""
    groups = real_groups()
    scores = generated(SEED, PROBES, GALLERY)
    plain = scores[0, 0]
    best = scores.max(axis=(0, 1))
    alone = fit_curve(plain.ravel())
    factor = chosen_factor(groups, alone)
    curves = [stretched(alone, factor)]
    tails = [_tail(plain[None, ..., None], None)]
    for count in range(1, len(FINGERS) + 1):
        some = parts(best, count, np.random.default_rng(SEED))
        curves.append(fit_curve(_fused(some, alone)))
        tails.append(_tail(some, alone))
        print(count, tails[-1])
    write_curves(curves, DATA / CALIBRATION_FILE)
    result = {
        "persons": [PROBES, GALLERY],
        "threshold_share": THRESHOLD_SHARE,
        "tails": tails,
        "chosen_at": CHOSEN_AT,
        "factor_needed": {g.name: factor_needed(g, alone) for g in groups},
        "factor": factor,
    }
    print(result["factor_needed"], factor)
    record("fit_calibration", result, data=f"generated persons; {DEVELOPMENT}", seed=SEED)


def factor_needed(group: RealGroup, curve: Curve) -> float:
    """How many times larger a group's impostor scores are than the curve's, where it is chosen."""
    (claimed,) = np.interp([-DECADE * math.log10(CHOSEN_AT)], curve.scores, curve.values)
    return float(np.quantile(group.impostors(), 1.0 - CHOSEN_AT) / claimed)


def chosen_factor(groups: Iterable[RealGroup], curve: Curve) -> float:
    """The least stretch, in hundredths, that suffices for every group; never a shrinking."""
    needed = max(factor_needed(group, curve) for group in groups)
    return max(1.0, math.ceil(100.0 * needed) / 100.0)


def _fused(some: Impostors, finger: Curve) -> NDArray[np.float64]:
    return fuse(some.reshape(-1, some.shape[-1]), finger)


def _tail(some: Impostors, finger: Curve | None) -> dict[str, Any]:
    """The tail of comparisons (parts, probes, gallery, k), with intervals over persons."""
    values = some[..., 0] if finger is None else _fused(some, finger).reshape(some.shape[:-1])
    tail = fit_tail(values.ravel())
    rng = np.random.default_rng(SEED)
    probes, gallery = values.shape[1:3]
    shapes = []
    for _ in range(REPLICATES):
        rows, columns = rng.integers(probes, size=probes), rng.integers(gallery, size=gallery)
        shapes.append(fit_tail(values[:, rows][:, :, columns].ravel()).free_shape)
    return {
        "impostors": values.size,
        "exceedances": tail.exceedances,
        "threshold": tail.threshold,
        "scale": tail.scale,
        "shape": tail.shape,
        "free_shape": tail.free_shape,
        "free_shape_interval": np.percentile(shapes, [2.5, 97.5]).tolist(),
    }


def write_curves(curves: list[Curve], path: Path) -> None:
    """Writes curves as `workers.matching.calibration` reads them."""
    arrays: dict[str, NDArray[np.float64]] = {
        "curves": np.array(len(curves)),
        "slopes": np.array([curve.slope for curve in curves]),
        "limits": np.array([curve.limit for curve in curves]),
    }
    for number, curve in enumerate(curves):
        arrays[f"values_{number}"] = curve.values
        arrays[f"scores_{number}"] = curve.scores
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    path.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
