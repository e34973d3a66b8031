"""Large galleries for speed alone: generated fingers recombined into as many persons as wanted.

As a packed gallery they bypass the store and share the fingers' memory, so a million persons fit
where their descriptors would not; sketches are a row each, as in a real gallery. As encounters they
go through a store like anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workers.biometrics.model import FINGERS, Impression
from workers.matching.backends.numpy_backend import NumpyBackend, NumpyGallery
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_population

SEED = 880_302
MADE = 400
"""Generated persons whose fingers are recombined."""

SHARED_FROM = 50_000
"""Persons from which on fingers share memory. Fewer are packed as in a real gallery: their
partitions are too small for a sketch, so a search screens everybody, and the NumPy backend then
compares each packed finger once, however many rows show it."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Generated persons, and mates of some of them for probes.

    Attributes:
        people: plain encounters.
        packed: the same, packed.
    """

    people: Sequence[EncounterTemplate]
    packed: NumpyGallery

    @staticmethod
    def make(persons: int = MADE) -> Filler:
        """Generates and packs the persons."""
        people = [describe_encounter(t.samples) for t in generate_population(SEED, persons)]
        return Filler(people, NumpyBackend().pack(Columns.of(people)))

    def gallery(self, subjects: int) -> NumpyGallery:
        """That many persons of ten fingers; the first ones are the generated persons themselves."""
        if subjects < SHARED_FROM:
            return NumpyBackend().pack(Columns.of(list(self.encounters(subjects))))
        owners = self._owners(subjects)
        return NumpyGallery(
            {
                position: replace(
                    pack,
                    by_row=pack.by_row[owners[:, position - 1]],
                    rows_sorted=np.arange(subjects),
                )
                for position, pack in self.packed.positions.items()
            },
            {level: self._rows(level, owners) for level in Level},
            np.full(subjects, (1 << len(FINGERS)) - 1, np.uint16),
        )

    def encounters(self, subjects: int) -> Iterator[EncounterTemplate]:
        """The same persons, one by one, for a store."""
        by_position = [
            {int(finger.position): finger for finger in person.fingers} for person in self.people
        ]
        for owners in self._owners(subjects).tolist():
            fingers = (
                by_position[owner].get(int(position))
                for position, owner in zip(FINGERS, owners, strict=True)
            )
            yield EncounterTemplate(
                tuple(finger for finger in fingers if finger is not None),
                self.people[0].parameters_hash,
            )

    def _owners(self, subjects: int) -> NDArray[np.int64]:
        """Whose each finger is, (subjects, fingers)."""
        rng = np.random.default_rng(SEED)
        owners = rng.integers(0, len(self.people), (subjects, len(FINGERS)))
        whole = min(subjects, len(self.people))
        owners[:whole] = np.arange(whole)[:, None]
        return owners

    def _rows(self, level: Level, owners: NDArray[np.int64]) -> NDArray[np.int8]:
        """Each finger's part of a row is its owner's."""
        rows = np.zeros((len(owners), level.width), np.int8)
        own = self.packed.sketches[level]
        for place in range(len(FINGERS)):
            part = slice(place * level.value, (place + 1) * level.value)
            rows[:, part] = own[owners[:, place], part]
            presence = len(FINGERS) * level.value + place
            rows[:, presence] = own[owners[:, place], presence]
        return rows


def probes(count: int) -> list[EncounterTemplate]:
    """Second sessions of the first generated persons."""
    made = generate_population(SEED, min(count, MADE), session=1, impression=Impression.PLAIN)
    return [describe_encounter(ten_print.samples) for ten_print in made]
