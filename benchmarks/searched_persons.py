"""Whom identification searches for: generated persons, and persons composed of real fingers.

Each population gives the gallery, the cases that are searched for in it, and how often each case
counts when what it depends on is drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks import generated_persons
from benchmarks.composed_persons import draw_person, finger_weights
from benchmarks.enrolled_gallery import EnrolledGallery
from benchmarks.shown_fingers import SETS, Condition, all_but, draw_absent, draw_shown, show
from workers.biometrics.model import FINGERS, Impression
from workers.matching.descriptor import describe_encounter
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.synthesis.templates import generate_subject

SEED = 7121
NOBODY = -1
"""Whose a generated finger is among the numbers of real ones."""


@dataclass(frozen=True, slots=True)
class Case:
    """One search.

    Attributes:
        person: number in the gallery.
        hidden: subjects of the gallery who share a finger with the probe and are not its
            person, (subjects,); None where nobody does.
    """

    probe: EncounterTemplate
    person: int
    hidden: NDArray[np.bool_] | None


class Population(Protocol):
    """A gallery and the persons that are searched for in it."""

    @property
    def gallery(self) -> EnrolledGallery:
        """Who is enrolled."""
        ...

    @property
    def truly_generated(self) -> int:
        """Subjects that are neither composed nor other persons' hands turned."""
        ...

    def case(self, condition: Condition, fingers: int, number: int) -> Case:
        """A search with so many fingers; the same number is the same case."""
        ...

    def persons(self, searches: int) -> int:
        """How many persons the first so many cases search for."""
        ...

    def weights(self, fingers: int, searches: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """How often each of the first cases counts in one resampling, (searches,)."""
        ...


class GeneratedPopulation:
    """Generated persons; a probe is a later session of one. Resampled over persons.

    Args:
        subjects: in the gallery.
        searched: persons searched for, the first ones; a case beyond searches for one again,
            with another session.
        made: persons truly generated at most, see `benchmarks.generated_persons.gallery`.
        fewer: of the first persons, those who can be there with fewer fingers.
    """

    def __init__(
        self, subjects: int, *, searched: int, made: int, fewer: int, partitions: int
    ) -> None:
        people = generated_persons.gallery(subjects, searched=searched, made=made)
        self.gallery = EnrolledGallery(people, _with_fewer(people[:fewer]), partitions=partitions)
        self.truly_generated = min(subjects, made)
        self._searched = searched

    def case(self, condition: Condition, fingers: int, number: int) -> Case:
        """See `Population`."""
        shown = draw_shown(condition, SETS[fingers], _rng(number))
        rolled = condition is Condition.ROLLED_PROBE
        samples = generate_subject(
            generated_persons.SEED,
            number % self._searched,
            1 + number // self._searched,
            fingers=sorted(set(shown.values())),
            impression=Impression.ROLLED if rolled else Impression.PLAIN,
        )
        return Case(show(describe_encounter(samples), shown), number % self._searched, None)

    def persons(self, searches: int) -> int:
        """See `Population`."""
        return min(searches, self._searched)

    def weights(
        self,
        fingers: int,  # noqa: ARG002
        searches: int,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """See `Population`."""
        persons = self.persons(searches)
        counts = np.bincount(rng.integers(persons, size=persons), minlength=persons)
        return counts[np.arange(searches) % persons].astype(np.float64)


class ComposedPopulation:
    """Persons composed of real fingers among generated ones. Resampled over fingers.

    Args:
        real: prints by finger, at least two of each.
        composed: persons composed; searched for in their order.
        subjects: in the gallery, the others generated.
        fewer: see `GeneratedPopulation`.
    """

    def __init__(
        self,
        real: Sequence[Sequence[FingerTemplate]],
        *,
        composed: int,
        subjects: int,
        fewer: int,
        partitions: int,
    ) -> None:
        rng = np.random.default_rng(SEED)
        self._drawn = [draw_person(real, len(FINGERS), rng) for _ in range(composed)]
        self._fingers = len(real)
        self._owners = np.full((subjects, len(FINGERS)), NOBODY)
        for person, drawn in enumerate(self._drawn):
            self._owners[person, drawn.positions] = drawn.fingers
        people = [drawn.mate for drawn in self._drawn]
        people += generated_persons.persons(subjects - composed)
        self.gallery = EnrolledGallery(people, _with_fewer(people[:fewer]), partitions=partitions)
        self.truly_generated = subjects - composed

    def case(self, condition: Condition, fingers: int, number: int) -> Case:
        """See `Population`."""
        shown = draw_shown(condition, SETS[fingers], _rng(number))
        owners = np.full(len(FINGERS), NOBODY)
        for position, true in shown.items():
            owners[position - 1] = self._owners[number, true - 1]
        same = (self._owners == owners) & (owners != NOBODY)
        hidden = same.any(axis=1)
        hidden[number] = False
        return Case(show(self._drawn[number].probe, shown), number, hidden)

    def persons(self, searches: int) -> int:
        """See `Population`."""
        return searches

    def weights(self, fingers: int, searches: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """See `Population`."""
        places = [position - 1 for position in SETS[fingers]]
        return finger_weights(self._owners[:searches, places], self._fingers, rng)


def _with_fewer(people: Sequence[EncounterTemplate]) -> dict[int, EncounterTemplate]:
    """The persons with one to three fingers absent, by their number."""
    return {
        number: show(person, all_but(draw_absent(FINGERS, _rng(number))))
        for number, person in enumerate(people)
    }


def _rng(number: int) -> np.random.Generator:
    return np.random.default_rng((SEED, number))
