"""Generated persons by the ten thousand, kept on disk, and as many more made from their hands.

A person takes about 30 ms to generate and describe, so a hundred thousand would take most of an
hour. Beyond `MADE` persons the hands of those that nobody searches for are turned: each finger is
given the place of the next one of its hand, then of the one after that. So a person yields five
whose fingers share what a person's fingers share, and at each position every finger of the gallery
is another one. What is lost is how often each finger has each pattern: that becomes the hand's
average.
"""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.shown_fingers import HAND, show, turned_hands
from coordinator.paths import cache_directory, write_whole
from workers.errors import RidgelineError
from workers.matching.codec import decode, encode
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import descriptor_hash
from workers.matching.template import EncounterTemplate
from workers.synthesis.cache import generator_hash
from workers.synthesis.templates import generate_population

SEED = 7120
CHUNK = 100
"""Persons of a file, about 4 MB."""


def gallery(subjects: int, *, searched: int, made: int) -> list[EncounterTemplate]:
    """Plain ten-finger encounters of so many persons.

    Args:
        searched: persons, the first ones, whose hands are not turned.
        made: persons that are truly generated at most; the others are their hands turned.

    Raises:
        ValueError: for more subjects than there are turns.
    """
    people = persons(min(subjects, made))
    donors = people[searched:]
    turned = max(subjects - made, 0)
    if turned > (HAND - 1) * len(donors):
        raise ValueError(f"{made} persons make no {subjects} subjects")
    shown = [turned_hands(turns) for turns in range(1, HAND)]
    return people + [show(donors[i % len(donors)], shown[i // len(donors)]) for i in range(turned)]


def persons(count: int) -> list[EncounterTemplate]:
    """The first persons of the population, made where they are not yet on disk.

    Files carry the hashes of the generator and of the descriptor.
    """
    version = f"{SEED}-{generator_hash()[:12]}-{descriptor_hash()[:12]}"
    folder = cache_directory() / "populations" / version
    people: list[EncounterTemplate] = []
    while len(people) < count:
        people += _chunk(folder / f"{len(people):07}.npz", len(people))
    return people[:count]


def _chunk(path: Path, start: int) -> list[EncounterTemplate]:
    with (
        suppress(OSError, ValueError, EOFError, zipfile.BadZipFile, RidgelineError),
        np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept,
    ):
        return [decode(kept[name].tobytes()) for name in kept.files]
    people = [
        describe_encounter(ten_print.samples)
        for ten_print in generate_population(SEED, CHUNK, start=start)
    ]
    buffer = io.BytesIO()
    np.savez(buffer, *(np.frombuffer(encode(person), np.uint8) for person in people))
    write_whole(path, buffer.getvalue())
    return people
