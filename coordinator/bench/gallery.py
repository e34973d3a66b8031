"""A gallery of generated subjects in a real store, and searches for some of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from cluster.store import Enrolment, Store
from coordinator.bench.filler import MADE, Filler, probes
from coordinator.progress import Track
from workers.errors import ErrorCode, RidgelineError
from workers.matching.probe import Probe, prepare_probe

AT_ONCE = 500
"""Enrolments in a transaction."""


def fill(store: Store, subjects: int, track: Track) -> bool:
    """Enrols generated subjects; False where the store holds them already.

    Raises:
        RidgelineError: INVALID_FIELD where the store holds anything else: a benchmark has no
            place in somebody's gallery.
    """
    held = store.counts(store.sequence()).encounters
    if held:
        owner = store.subjects_of([_name(subjects - 1)], store.sequence())
        if held != subjects or not owner:
            raise RidgelineError(
                ErrorCode.INVALID_FIELD,
                "the store holds other subjects than this benchmark's; give it an empty one",
                field="store_url",
            )
        return False
    made = _enrolments(subjects)
    groups = iter(lambda: list(itertools.islice(made, AT_ONCE)), [])
    total = -(-subjects // AT_ONCE)
    for group in track(groups, description="Enrolling subjects", total=total):
        for result in store.enroll(group):
            if isinstance(result, RidgelineError):
                raise result
    return True


def prepared_probes(count: int) -> list[tuple[str, Probe]]:
    """Second sessions of the first subjects, ready to search with, by their encounter."""
    return [(_name(i), prepare_probe(probe)) for i, probe in enumerate(probes(count))]


def _enrolments(subjects: int) -> Iterator[Enrolment]:
    for i, template in enumerate(Filler.make(min(MADE, subjects)).encounters(subjects)):
        yield Enrolment(template, _name(i), _name(i))


def _name(number: int) -> str:
    return f"bench-{number:09d}"
