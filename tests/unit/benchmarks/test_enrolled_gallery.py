"""A gallery in memory answers as searches of all its partitions do, with a person and without."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.enrolled_gallery import EnrolledGallery
from benchmarks.shown_fingers import show
from cluster.partitions import partition_of
from tests.populations import encounter, smudged
from workers.biometrics.model import FingerPosition
from workers.matching.backends import load_backend
from workers.matching.calibration import calibrate
from workers.matching.columns import Columns
from workers.matching.parameters import PARAMETERS
from workers.matching.probe import prepare_probe
from workers.matching.search import search_partitions
from workers.matching.template import EncounterTemplate

BOTH = (FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_INDEX)
SUBJECTS = 300
PARTITIONS = 2


@cache
def people() -> list[EncounterTemplate]:
    return [encounter(person, positions=BOTH) for person in range(SUBJECTS)]


def best(
    probe: EncounterTemplate,
    numbers: Collection[int],
    *,
    partitions: int,
    exhaustive: bool = False,
) -> dict[int, float]:
    """Score by person of a plain search of all partitions that hold some of the people."""
    backend = load_backend("numpy")
    of = [partition_of(f"subject-{number:07}-1", partitions) for number in numbers]
    found = search_partitions(
        backend,
        prepare_probe(probe),
        backend.pack(Columns.of([people()[number] for number in numbers])),
        [np.flatnonzero(np.array(of) == partition) for partition in range(partitions)],
        limit=20,
        exhaustive=exhaustive,
    )
    fingers = [finger.position for finger in probe.fingers]
    return {
        list(numbers)[row]: calibrate(float(fused), fingers).score
        for answer in found.partitions
        for row, fused in zip(answer.rows, answer.fused, strict=True)
    }


@pytest.mark.parametrize("partitions", [1, 3])
def test_with_the_person_and_without_as_if_searched_twice(partitions: int) -> None:
    gallery = EnrolledGallery(people(), {}, partitions=partitions)
    for person in (0, 7, 299):
        probe = encounter(person, 1, positions=BOTH)
        found = gallery.search(probe, person)
        scores = best(probe, range(SUBJECTS), partitions=partitions)
        assert (found.place, found.mate) == (0, scores[person])
        others = [number for number in range(SUBJECTS) if number != person]
        strangers = best(probe, others, partitions=partitions)
        assert found.stranger == max(strangers.values()) < PARAMETERS.thresholds.possible
        # Only a partition of all of them is large enough for a sketch.
        assert found.mate_exhaustive == (scores[person] if partitions == 1 else None)


def test_a_person_whom_the_sketch_loses_is_found_without_it() -> None:
    gallery = EnrolledGallery(people(), {}, partitions=1)
    ours, theirs = encounter(3, 1, positions=BOTH), encounter(8, 1, positions=BOTH)
    planted = [
        replace(finger, sketch=other.sketch)
        for finger, other in zip(ours.fingers, theirs.fingers, strict=True)
    ]
    probe = replace(ours, fingers=tuple(planted))
    found = gallery.search(probe, 3)
    assert (found.place, found.mate) == (None, -np.inf)
    whole = best(probe, range(SUBJECTS), partitions=1, exhaustive=True)
    assert found.mate_exhaustive == whole[3] > PARAMETERS.thresholds.likely


def test_a_person_shown_as_another_finger_is_not_found() -> None:
    gallery = EnrolledGallery(people(), {}, partitions=PARTITIONS)
    exchanged = {BOTH[0]: BOTH[1], BOTH[1]: BOTH[0]}
    found = gallery.search(show(encounter(3, 1, positions=BOTH), exchanged), 3)
    assert found.mate < PARAMETERS.thresholds.possible


def test_hidden_subjects_are_not_found() -> None:
    twice = [*people()[:20], people()[3]]
    gallery = EnrolledGallery(twice, {}, partitions=PARTITIONS)
    probe = encounter(3, 1, positions=BOTH)
    seen = gallery.search(probe, 3)
    assert seen.stranger == seen.mate > PARAMETERS.thresholds.likely
    hidden = np.arange(21) == 20
    assert gallery.search(probe, 3, hidden=hidden).stranger < PARAMETERS.thresholds.possible


def test_persons_are_there_with_fewer_fingers_where_wanted() -> None:
    one = {4: show(people()[4], {BOTH[1]: BOTH[1]})}
    gallery = EnrolledGallery(people()[:20], one, partitions=PARTITIONS)
    probe = encounter(4, 1, positions=BOTH)
    right, left = (show(probe, {position: position}) for position in BOTH)
    assert gallery.search(left, 4, fewer=True) == gallery.search(left, 4)
    assert gallery.search(right, 4).place == 0
    missing = gallery.search(right, 4, fewer=True)
    assert missing.place is None
    assert missing.mate == -np.inf
    worse = smudged(probe, 10.0, seed=1)
    assert gallery.search(worse, 4, fewer=True).mate < gallery.search(worse, 4).mate
