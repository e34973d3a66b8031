"""How many mates the screen's cut loses: real mates among generated fingers.

    python -m benchmarks.screen_loss

Each real print is a probe for every other print of its finger, which stands among 1,000
generated fingers (half rolled, half plain); the mate's place by screen score is recorded. For two
fingers, persons are made up of two fingers of one set, and so are their scans, drawn. Generated
fingers are easier to tell from a real one than real ones would be, so the loss is optimistic.
Writes ``benchmarks/results/screen_loss.json``, which `workers.matching.parameters` quotes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.composed_persons import compose, prints_by_finger
from benchmarks.real_prints import DEVELOPMENT, REAL_SETS
from benchmarks.record import record
from workers.biometrics.model import FINGERS, Impression
from workers.matching.backend import PackedGallery
from workers.matching.backends import load_backend
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter
from workers.matching.probe import Probe, prepare_probe
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.synthesis.templates import generate_population

SEED = 7105
BACKGROUND = 1000
DRAWN_PAIRS = 4
"""Made-up second fingers for each pair of scans of a first finger."""

DEPTHS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.10, 0.20)
"""Shares of the gallery that go on."""

POSITIONS = FINGERS[:2]

Prints = dict[str, list[FingerTemplate]]
"""The prints of each finger."""


def main() -> None:
    """Measures and records the loss at every depth, by number of fingers and by set."""
    screen = Screen()
    result: dict[str, Any] = {"depths": list(DEPTHS), "fingers": {"1": {}, "2": {}}}
    for real in REAL_SETS:
        prints = prints_by_finger(real)
        for fingers, places in (("1", screen.one(prints)), ("2", screen.two(prints))):
            lost = [int((places >= depth * BACKGROUND).sum()) for depth in DEPTHS]
            result["fingers"][fingers][real.name] = {"mates": len(places), "lost": lost}
            print(f"{real.name}, {fingers} fingers: {len(places)} mates, lost {lost}")
    for sets in result["fingers"].values():
        counts = list(sets.values())
        sets["all"] = {
            "mates": sum(c["mates"] for c in counts),
            "lost": [sum(row) for row in zip(*(c["lost"] for c in counts), strict=True)],
        }
    record("screen_loss", result, data=f"{DEVELOPMENT}; generated background", seed=SEED)


class Screen:
    """The background, packed, and places of mates in it."""

    def __init__(self) -> None:
        self._backend = load_backend("numpy")
        self._rng = np.random.default_rng(SEED)
        people = [
            describe_encounter(ten_print.samples)
            for impression in (Impression.PLAIN, Impression.ROLLED)
            for ten_print in generate_population(
                SEED, BACKGROUND // 2, impression=impression, fingers=POSITIONS
            )
        ]
        self._background = self._backend.pack(Columns.of(people))

    def one(self, prints: Prints) -> NDArray[np.int64]:
        """Background fingers above each mate, by every print of a finger for every other."""
        places = [
            self._places([probe], [[mate] for j, mate in enumerate(scans) if j != i])
            for scans in prints.values()
            for i, probe in enumerate(scans)
        ]
        return np.concatenate(places)

    def two(self, prints: Prints) -> NDArray[np.int64]:
        """The same for made-up persons of two fingers."""
        names = sorted(prints)
        places = []
        for name in names:
            others = [other for other in names if other != name]
            for i, probe in enumerate(prints[name]):
                second = prints[others[self._rng.integers(len(others))]]
                own = int(self._rng.integers(len(second)))
                mates = [
                    [mate, second[k]]
                    for j, mate in enumerate(prints[name])
                    if j != i
                    for k in self._rng.integers(len(second), size=DRAWN_PAIRS)
                    if k != own
                ]
                places.append(self._places([probe, second[own]], mates))
        return np.concatenate(places)

    def _places(
        self, probe: list[FingerTemplate], mates: list[list[FingerTemplate]]
    ) -> NDArray[np.int64]:
        prepared = prepare_probe(_person(probe))
        background = self._screened(prepared, self._background)
        mated = self._screened(
            prepared, self._backend.pack(Columns.of([_person(m) for m in mates]))
        )
        # A tie goes on with what it ties with: only what is above stands in the way.
        return np.asarray((background[None, :] > mated[:, None]).sum(axis=1))

    def _screened(self, probe: Probe, gallery: PackedGallery) -> NDArray[np.int32]:
        return np.asarray(
            self._backend.screen(probe, gallery, np.arange(gallery.rows), lambda: None)
        )


def _person(fingers: list[FingerTemplate]) -> EncounterTemplate:
    """A composed person whose fingers are the first positions."""
    return compose(fingers, np.arange(len(fingers)))


if __name__ == "__main__":
    main()
