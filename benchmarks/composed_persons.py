"""Persons composed of the development sets' fingers, since those have few whole persons.

A composed person has different fingers in positions drawn for them, and two sessions whose scans
are drawn. Draws share fingers, so whatever is counted over them is resampled over fingers, not
over persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.real_prints import REAL_SETS, RealSet, templates
from workers.biometrics.model import FINGERS, Impression
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import descriptor_hash
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.synthesis.templates import generate_population

OTHERS = 20_000
OTHERS_SEED = 7109
GENERATED = 400
"""Generated persons whose fingers are half of those of `Others`."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A composed person.

    Attributes:
        fingers: numbers of the real fingers it is made of, (k,).
        positions: place of each among the ten, (k,).
        probe, mate: two sessions.
    """

    fingers: NDArray[np.intp]
    positions: NDArray[np.intp]
    probe: EncounterTemplate
    mate: EncounterTemplate


def prints_by_finger(real: RealSet) -> dict[str, list[FingerTemplate]]:
    """The usable prints of each finger of a set."""
    prints: dict[str, list[FingerTemplate]] = {}
    for scan, template in templates(real):
        prints.setdefault(scan.finger, []).append(template)
    return prints


def real_fingers() -> list[list[FingerTemplate]]:
    """Prints by finger; both sensors' prints of a Neurotechnology finger are one finger's."""
    prints: dict[str, list[FingerTemplate]] = {}
    for real in REAL_SETS:
        for finger, some in prints_by_finger(real).items():
            prints.setdefault(finger if real.persons else f"{real.name} {finger}", []).extend(some)
    return list(prints.values())


def draw_person(
    real: Sequence[Sequence[FingerTemplate]], count: int, rng: np.random.Generator
) -> Drawn:
    """A person of `count` fingers, with two sessions of different scans."""
    fingers = rng.choice(len(real), count, replace=False)
    positions = rng.permutation(len(FINGERS))[:count]
    scans = [rng.permutation(len(real[f]))[:2] for f in fingers]
    probe, mate = (
        compose([real[f][s[side]] for f, s in zip(fingers, scans, strict=True)], positions)
        for side in (0, 1)
    )
    return Drawn(fingers, positions, probe, mate)


def compose(fingers: Sequence[FingerTemplate], positions: NDArray[np.intp]) -> EncounterTemplate:
    """An encounter of some fingers, each at its place among the ten, 0-9."""
    placed = [
        replace(finger, position=FINGERS[place])
        for finger, place in zip(fingers, positions, strict=True)
    ]
    return EncounterTemplate(tuple(sorted(placed, key=lambda f: f.position)), descriptor_hash())


def finger_weights(
    drawn: NDArray[np.intp], fingers: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How often each draw counts when fingers are drawn anew with replacement, (n,).

    Args:
        drawn: numbers of the fingers of each draw, (n, k).
        fingers: how many there are.
    """
    counts = np.bincount(rng.integers(fingers, size=fingers), minlength=fingers)
    return np.asarray(counts[drawn].astype(np.float64).mean(axis=1))


class Others:
    """Composed persons that stand in a mate's way, half real fingers and half generated ones.

    Attributes:
        people: their encounters.
        rows: of each level, float32 (OTHERS, level.width).
    """

    def __init__(self, real: Sequence[Sequence[FingerTemplate]], rng: np.random.Generator) -> None:
        generated = [
            finger
            for impression in Impression
            for ten_print in generate_population(OTHERS_SEED, GENERATED // 2, impression=impression)
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
            self.people.append(compose(fingers, np.arange(len(FINGERS))))
        sketches = Columns.of(self.people).sketches
        self.rows = {level: sketches[level].astype(np.float32) for level in Level}

    def without(self, person: Drawn) -> NDArray[np.bool_]:
        """Who has none of a person's fingers where that has them."""
        theirs = self._owners[:, person.positions] == person.fingers
        return np.asarray(~theirs.any(axis=1))
