"""False match rates that the calibration claims against those measured on other impostors.

    python -m benchmarks.calibration_claims

After `benchmarks.fit_calibration`. Three kinds of impostors:

- single fingers: every pair of prints of two fingers of a set, by the curve whose stretch was
  chosen without that set (the two Neurotechnology sensors saw the same persons and are left out
  together); intervals resampled over fingers;
- persons composed of real fingers, and the few real persons, each pair of fingers by the curve
  that was chosen without its set; intervals of composed ones resampled over fingers; the real
  ones are too few persons for an interval;
- generated persons of another seed than the fit's, stretched as its were: a test of the tail,
  not of how well generated persons stand for real ones; intervals resampled over persons.

Writes ``benchmarks/results/calibration_claims.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from benchmarks import fit_calibration
from benchmarks.claim_rates import (
    REPLICATES,
    Rates,
    counted,
    interval,
    over_fingers,
    over_persons,
    rates,
)
from benchmarks.curve_fit import fit_curve
from benchmarks.fit_calibration import chosen_factor
from benchmarks.impostor_persons import Composer, parts, real_persons, score_persons
from benchmarks.impostors import RealGroup, generated, real_groups
from benchmarks.real_prints import DEVELOPMENT, REAL_SETS
from benchmarks.record import record, recorded
from workers.matching.calibration import finger_curve

SEED = 7108
PROBES, GALLERY = 200, 200
"""Generated persons that are compared, none of them the fit's."""

CLAIMED = (1e-1, 1e-2, 1e-3)
CLAIMED_OF_GENERATED = (1e-2, 1e-3, 1e-4, 1e-5)
FINGERS = (1, 2, 4, 10)
DRAWS = 20_000
ALL_SETS = "all sets"

T = TypeVar("T")


def main() -> None:
    """Counts impostors at or above the score of each claimed rate."""
    shipped = float(recorded("fit_calibration")["factor"])
    left_out = factors_left_out()
    # What the shipped curve gives to f x, a curve that is stretched f times less gives to x.
    relative = {name: shipped / factor for name, factor in left_out.items()}
    result: dict[str, Any] = {
        "factor": shipped,
        "factors_left_out": left_out,
        "claimed": list(CLAIMED),
        "sets": dict(_shown(single_fingers(relative))),
        "composed": list(_shown(composed(relative))),
        "persons": list(_shown(whole_persons(relative))),
        "claimed_of_generated": list(CLAIMED_OF_GENERATED),
        "generated": list(_shown(of_generated(shipped))),
    }
    record("calibration_claims", result, data=f"{DEVELOPMENT}; generated persons", seed=SEED)


def factors_left_out() -> dict[str, float]:
    """The stretch chosen without each group of sets."""
    scores = generated(fit_calibration.SEED, fit_calibration.PROBES, fit_calibration.GALLERY)
    alone = fit_curve(scores[0, 0].ravel())
    return {
        group.name: chosen_factor([g for g in real_groups() if g is not group], alone)
        for group in real_groups()
    }


def single_fingers(factors: Mapping[str, float]) -> Iterator[tuple[str, dict[str, Any]]]:
    """By set, and for the prints of one Neurotechnology sensor against the other's."""
    for group in real_groups():
        first, second = group.pairs()
        scores = finger_curve().at(group.raw[first, second] * factors[group.name])
        fingers = np.stack([group.fingers[first], group.fingers[second]], axis=1)
        sets = np.sort(np.stack([group.sets[first], group.sets[second]], axis=1), axis=1)
        for names in np.unique(sets, axis=0):
            here = (sets == names).all(axis=1)
            entry = counted(scores[here], CLAIMED)
            entry["interval"] = over_fingers(scores[here], fingers[here], CLAIMED)
            yield " against ".join(dict.fromkeys(names.tolist())), entry


def composed(factors: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Persons composed of the fingers of all sets, and of those of one group of sets."""
    makers: list[tuple[str, Sequence[RealGroup]]] = [(ALL_SETS, real_groups())]
    makers += [(group.name, [group]) for group in real_groups()]
    for name, groups in makers:
        composer = Composer(groups, factors)
        counts = [count for count in FINGERS if count <= composer.positions]
        rng = np.random.default_rng(SEED)
        drawn = composer.compose(DRAWS, rng)
        anew_rates: dict[int, list[Rates]] = {count: [] for count in counts}
        for _ in range(REPLICATES):
            anew = composer.compose(DRAWS, rng, anew=True)
            for count in counts:
                # Of few fingers so many may be drawn twice that too few positions are left.
                some = anew[~np.isnan(anew[:, count - 1]), :count]
                anew_rates[count].append(rates(score_persons(some), CLAIMED))
        for count in counts:
            entry = counted(score_persons(drawn[:, :count]), CLAIMED)
            yield {"of": name, "fingers": count, **entry, "interval": interval(anew_rates[count])}


def whole_persons(factors: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Real persons, all their fingers and disjoint parts of them."""
    rng = np.random.default_rng(SEED)
    for group in real_groups():
        for name in [real.name for real in REAL_SETS if real.persons]:
            if name not in group.sets:
                continue
            people = real_persons(group, name)
            raw = people.raw * factors[group.name]
            for count in (c for c in FINGERS if c <= raw.shape[1]):
                entry = counted(score_persons(parts(raw, count, rng)), CLAIMED)
                yield {"of": name, "persons": people.persons, "fingers": count, **entry}


def of_generated(factor: float) -> Iterator[dict[str, Any]]:
    """Fresh persons with both impressions of every finger on both sides."""
    best = generated(SEED, PROBES, GALLERY).max(axis=(0, 1)) * factor
    for count in FINGERS:
        rng = np.random.default_rng(SEED)
        scores = score_persons(parts(best, count, rng))
        entry = counted(scores, CLAIMED_OF_GENERATED)
        entry["interval"] = over_persons(scores, CLAIMED_OF_GENERATED)
        yield {"fingers": count, **entry}


def _shown(entries: Iterator[T]) -> Iterator[T]:
    for entry in entries:
        print(entry)
        yield entry


if __name__ == "__main__":
    main()
