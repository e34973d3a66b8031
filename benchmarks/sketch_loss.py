"""How many mates the sketch loses at every depth: persons made up of real fingers.

    python -m benchmarks.sketch_loss

A person is ten, eight, four or two different fingers drawn from the development sets, in
positions drawn for them; a probe and a mate are two sessions of it, whose scans are drawn. It
stands among 20,000 other made-up persons, whose fingers are real and generated ones half and
half, but not the probe's own. The share of them above the mate is counted at each level; who is
lost at a depth follows. The draws share fingers, so intervals are resampled over fingers. Writes
``benchmarks/results/sketch_loss.json``, which `workers.matching.parameters` quotes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.real_prints import DEVELOPMENT, REAL_SETS, templates
from benchmarks.record import record
from workers.biometrics.model import FINGERS, Impression
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import PARAMETERS, descriptor_hash
from workers.matching.probe import prepare_probe
from workers.matching.sketch import Level, gallery_row
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.synthesis.templates import generate_population

SEED = 7109
DRAWS = {10: 1000, 8: 1000, 4: 3000, 2: 3000}
"""Persons drawn, by number of fingers."""

OTHERS = 20_000
GENERATED = 400
SHARES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
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
            for level in Level:
                row = weights[level].astype(np.float32)
                scores = others.rows[level][apart] @ row
                score = float(gallery_row(person.mate, level).astype(np.float32) @ row)
                above[level][draw] = (scores > score).mean()
        result["fingers"][str(count)] = _curves(above, drawn, len(real), rng)
        print(count, result["fingers"][str(count)])
    record("sketch_loss", result, data=f"{DEVELOPMENT}; generated fingers", seed=SEED)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A made-up person.

    Attributes:
        fingers: numbers of the real fingers it is made of, (k,).
        positions: place of each among the ten, (k,).
        probe, mate: two sessions.
    """

    fingers: NDArray[np.intp]
    positions: NDArray[np.intp]
    probe: EncounterTemplate
    mate: EncounterTemplate


def draw_person(real: list[list[FingerTemplate]], count: int, rng: np.random.Generator) -> Drawn:
    """A person of `count` fingers, with two sessions of different scans."""
    fingers = rng.choice(len(real), count, replace=False)
    positions = rng.permutation(len(FINGERS))[:count]
    scans = [rng.permutation(len(real[f]))[:2] for f in fingers]
    probe, mate = (
        _person([real[f][s[side]] for f, s in zip(fingers, scans, strict=True)], positions)
        for side in (0, 1)
    )
    return Drawn(fingers, positions, probe, mate)


class Others:
    """Made-up persons that stand in a mate's way.

    Attributes:
        people: their encounters.
        rows: of each level, float32 (OTHERS, level.width).
    """

    def __init__(self, real: list[list[FingerTemplate]], rng: np.random.Generator) -> None:
        generated = [
            finger
            for impression in Impression
            for ten_print in generate_population(SEED, GENERATED // 2, impression=impression)
            for finger in describe_encounter(ten_print.samples).fingers
        ]
        # Whose finger it is; generated ones are nobody's.
        self._owners = np.full((OTHERS, len(FINGERS)), -1)
        self.people = []
        for person in range(OTHERS):
            fingers = []
            for place in range(len(FINGERS)):
                if rng.random() < 0.5:
                    owner = int(rng.integers(len(real)))
                    self._owners[person, place] = owner
                    fingers.append(real[owner][int(rng.integers(len(real[owner])))])
                else:
                    fingers.append(generated[int(rng.integers(len(generated)))])
            self.people.append(_person(fingers, np.arange(len(FINGERS))))
        self.rows = {
            level: np.stack([gallery_row(p, level) for p in self.people]).astype(np.float32)
            for level in Level
        }

    def without(self, person: Drawn) -> NDArray[np.bool_]:
        """Who has none of a person's fingers where that has them."""
        theirs = self._owners[:, person.positions] == person.fingers
        return np.asarray(~theirs.any(axis=1))


def real_fingers() -> list[list[FingerTemplate]]:
    """Prints by finger; both sensors' prints of a Neurotechnology finger are one finger's."""
    prints: dict[str, list[FingerTemplate]] = {}
    for real in REAL_SETS:
        for scan, template in templates(real):
            name = scan.finger if real.persons else f"{real.name} {scan.finger}"
            prints.setdefault(name, []).append(template)
    return list(prints.values())


def _person(fingers: list[FingerTemplate], positions: NDArray[np.intp]) -> EncounterTemplate:
    placed = [
        replace(finger, position=FINGERS[place])
        for finger, place in zip(fingers, positions, strict=True)
    ]
    return EncounterTemplate(tuple(sorted(placed, key=lambda f: f.position)), descriptor_hash())


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
        weight = np.bincount(rng.integers(fingers, size=fingers), minlength=fingers)
        weights = weight[drawn].astype(np.float64).mean(axis=1)
        rates.append(float((gone * weights).sum() / weights.sum()))
    return {
        "mates": len(drawn),
        "lost_at_share": lost,
        "depth": {"coarse": depth.coarse, "fine": depth.fine, "lost": int(gone.sum())},
        "interval": np.percentile(rates, [2.5, 97.5]).tolist(),
    }


if __name__ == "__main__":
    main()
