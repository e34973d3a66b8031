"""What the number of common fingers leaves out: which fingers they are, and how they were taken.

    python -m benchmarks.calibration_classes

After `benchmarks.fit_calibration`; the persons of `benchmarks.calibration_claims`. How many
impostors of each kind reach what the calibration claims: generated persons by impressions and by
the fingers that both sides have, stretched as the curves are; real fingers of the sets whose
names tell persons by kind of finger, by the curve that was chosen without those sets. Writes
``benchmarks/results/calibration_classes.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration_claims import FINGERS, GALLERY, PROBES, SEED, factors_left_out
from benchmarks.claim_rates import counted, over_fingers, over_persons
from benchmarks.impostor_persons import parts, score_persons
from benchmarks.impostors import IMPRESSIONS, generated, real_groups
from benchmarks.real_prints import DEVELOPMENT, REAL_SETS
from benchmarks.record import record, recorded
from workers.matching.calibration import finger_curve

CLAIMED = (1e-1, 1e-2, 1e-3)
TAKEN_CLAIMED = (1e-2,)

FINGER_SETS = {
    "both thumbs": (1, 6),
    "both index fingers": (2, 7),
    "both middle fingers": (3, 8),
    "both ring fingers": (4, 9),
    "both little fingers": (5, 10),
    "right hand without thumb": (2, 3, 4, 5),
    "left hand without thumb": (7, 8, 9, 10),
    "thumbs and index fingers": (1, 2, 6, 7),
    "all ten": tuple(range(1, 11)),
}
"""Positions that both sides have."""

REAL_KINDS = {
    "thumbs": (5, 6),
    "index fingers": (4, 7),
    "middle fingers": (3, 8),
    "ring fingers": (2, 9),
    "little fingers": (1, 10),
}
"""As the Neurotechnology sets number them: little finger to thumb, thumb to little finger."""

Scores = NDArray[np.float64]


def main() -> None:
    """Counts impostors of each kind at or above the score of each claimed rate."""
    factor = float(recorded("fit_calibration")["factor"])
    scores = generated(SEED, PROBES, GALLERY) * factor
    result: dict[str, Any] = {
        "claimed": list(CLAIMED),
        "taken_claimed": list(TAKEN_CLAIMED),
        "taken": dict(by_impressions(scores)),
        "fingers": dict(by_fingers(scores.max(axis=(0, 1)))),
        "real": dict(by_real_kind(factor)),
    }
    for kind in ("taken", "fingers", "real"):
        for name, entry in result[kind].items():
            print(name, entry)
    record("calibration_classes", result, data=f"generated persons; {DEVELOPMENT}", seed=SEED)


def by_impressions(scores: Scores) -> Iterator[tuple[str, dict[str, Any]]]:
    """Persons by what prints each side has, for every number of common fingers."""
    sides = {kind.value: [i] for i, kind in enumerate(IMPRESSIONS)} | {"both": [0, 1]}
    for ours, probe in sides.items():
        for theirs, gallery in sides.items():
            best = scores[probe][:, gallery].max(axis=(0, 1))
            entry: dict[str, Any] = {}
            for count in FINGERS:
                some = score_persons(parts(best, count, np.random.default_rng(SEED)))
                entry[str(count)] = counted(some, TAKEN_CLAIMED)
                entry[str(count)]["interval"] = over_persons(some, TAKEN_CLAIMED)
            yield f"{ours} against {theirs}", entry


def by_fingers(best: Scores) -> Iterator[tuple[str, dict[str, Any]]]:
    """Persons by the fingers that both sides have."""
    for name, positions in FINGER_SETS.items():
        scores = score_persons(best[..., np.array(positions) - 1])[None]
        entry = counted(scores, CLAIMED)
        yield name, {**entry, "interval": over_persons(scores, CLAIMED)}


def by_real_kind(factor: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Single real fingers, both of one kind."""
    left_out = factors_left_out()
    persons = {real.name for real in REAL_SETS if real.persons}
    for group in real_groups():
        if not persons.issuperset(group.sets):
            continue
        first, second = group.pairs()
        kind = np.array([int(scan.finger_number) for scan in group.scans])
        scores = finger_curve().at(group.raw[first, second] * factor / left_out[group.name])
        fingers = np.stack([group.fingers[first], group.fingers[second]], axis=1)
        for name, numbers in REAL_KINDS.items():
            here = np.isin(kind[first], numbers) & np.isin(kind[second], numbers)
            entry = counted(scores[here], CLAIMED)
            yield name, {**entry, "interval": over_fingers(scores[here], fingers[here], CLAIMED)}


if __name__ == "__main__":
    main()
