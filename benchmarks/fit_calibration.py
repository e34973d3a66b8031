"""Fits what scores are worth on generated impostors: whole persons against whole persons.

    python -m benchmarks.fit_calibration

Writes `workers/matching/data/calibration.npz`. Rolled and plain encounters occur equally often on
both sides. For k common fingers the impostor comparisons are those of k fingers drawn from
the ten of each pair of persons, so what the fingers of a person share is in it.
"""

from __future__ import annotations

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import workers.matching
from workers.biometrics.model import FINGERS, Impression
from workers.matching import calibration
from workers.matching.backends import load_backend
from workers.matching.calibration import Curve
from workers.matching.descriptor import describe_encounter
from workers.matching.fuse import fuse
from workers.matching.parameters import CALIBRATION_FILE
from workers.matching.probe import prepare_probe
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_population

SEED = 7103
TAIL = 200
"""Largest impostor scores that the straight line above the last knot is fitted on."""

WIDENING = 2.0
"""Spread of the logarithm of real impostor scores, as a multiple of generated ones.

Generated impostors are too kind; how much so is measured by `benchmarks.widening_choice`. At 2.0
more false matches than claimed were seen only at 10 % (DB3, DB4, CrossMatch) and on DB4, which is
synthetic, at every rate (`benchmarks.calibration_claims`).
"""

PROBES, GALLERY = 150, 1000
"""Generated persons that are compared."""

KNOTS_PER_DECADE = 8
TAIL_KNOTS = 32
RAW_SCORE_MAX = 1.0
DATA = Path(workers.matching.__file__).parent / "data"


def main() -> None:
    """Compares generated impostors, fits the curves and writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gallery", type=int, default=GALLERY)
    parser.add_argument("--probes", type=int, default=PROBES)
    parser.add_argument("--output", type=Path, default=DATA / CALIBRATION_FILE)
    parser.add_argument("--scores", type=Path, help=".npy of raw scores: read, or made there")
    arguments = parser.parse_args()
    scores = widen(generated_scores(arguments.scores, arguments.probes, arguments.gallery))
    finger = fit_finger_curve(scores.ravel())
    rng = np.random.default_rng(SEED)
    curves = [finger] + [
        fit_curve(fuse_some(scores, count, finger, rng)) for count in range(1, len(FINGERS) + 1)
    ]
    write_curves(curves, arguments.output)
    for number, curve in enumerate(curves):
        print(f"{number or 'finger':>6}: to {curve.limit:.1f}, slope {curve.slope:.3f}")


def generated_scores(
    file: Path | None, probes: int = PROBES, gallery: int = GALLERY
) -> NDArray[np.float64]:
    """Raw finger scores of generated impostors, (n, 10), read from `file` or made for it."""
    if file is not None and file.exists():
        return np.asarray(np.load(file), np.float64)
    scores = impostor_scores(probes, gallery)
    if file is not None:
        np.save(file, scores)
    return scores


def impostor_scores(probes: int, gallery: int) -> NDArray[np.float64]:
    """Raw finger scores of every probe person against every gallery person, (n, 10)."""
    backend = load_backend("numpy")
    packed = backend.pack(_encounters(gallery, start=0))
    rows = np.arange(gallery)
    return np.concatenate(
        [
            backend.consolidate(prepare_probe(template), packed, rows, lambda: None)
            for template in _encounters(probes, start=gallery)
        ]
    )


def _encounters(persons: int, start: int) -> list[EncounterTemplate]:
    """Generated persons from number `start`, every second one rolled."""
    return [
        describe_encounter(ten_print.samples)
        for number in range(start, start + persons)
        for ten_print in generate_population(
            SEED,
            1,
            start=number,
            impression=Impression.ROLLED if number % 2 else Impression.PLAIN,
        )
    ]


def widen(scores: NDArray[np.float64], widening: float = WIDENING) -> NDArray[np.float64]:
    """Generated impostor scores spread as wide about their median as real ones."""
    median = np.median(scores)
    return np.asarray(median * (scores / median) ** widening)


def fuse_some(
    scores: NDArray[np.float64], count: int, finger: Curve, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Fused score of each pair of persons on `count` fingers drawn for it."""
    order = rng.permuted(np.tile(np.arange(scores.shape[1]), (len(scores), 1)), axis=1)
    some = np.full_like(scores, np.nan)
    np.put_along_axis(
        some, order[:, :count], np.take_along_axis(scores, order[:, :count], axis=1), axis=1
    )
    return fuse(some, finger)


def fit_curve(impostors: NDArray[np.float64]) -> Curve:
    """The calibration curve of impostor values: quantiles, then an exponential tail."""
    ordered = np.sort(impostors)
    n = len(ordered)
    tail = ordered[-TAIL:]
    decades = np.log10(n / TAIL)
    shares = 10.0 ** -np.linspace(0.0, decades, int(decades * KNOTS_PER_DECADE) + 2)
    at = np.minimum((n - np.rint(shares * n)).astype(np.intp), n - TAIL)
    values, first = np.unique(ordered[at], return_index=True)
    scores = -10.0 * np.log10((n - at[first]) / n)
    slope = calibration.CHANCE_EVIDENCE / float((tail - tail[0]).mean())
    return Curve(values, scores, slope, limit=float(10.0 * np.log10(n)))


def fit_finger_curve(impostors: NDArray[np.float64]) -> Curve:
    """The curve of one finger's raw score, whose tail is a power of it (Hill's estimator).

    Relaxation multiplies support, and on a logarithmic axis the impostors of every set of real
    prints fall off along a straight line. The tail is written as knots, so that using the
    curve takes no logarithm.
    """
    body = fit_curve(impostors)
    tail = np.sort(impostors)[-TAIL:]
    exponent = 1.0 / float(np.log(tail / tail[0]).mean())
    beyond = np.geomspace(tail[0], RAW_SCORE_MAX, TAIL_KNOTS)[1:]
    scores = body.scores[-1] + 10.0 * exponent * np.log10(beyond / tail[0])
    values, scores = np.append(body.values, beyond), np.append(body.scores, scores)
    slope = float((scores[-1] - scores[-2]) / (values[-1] - values[-2]))
    return Curve(values, scores, slope, body.limit)


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
