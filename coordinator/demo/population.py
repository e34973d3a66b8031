"""Who the demonstration is about: generated prints, on disk, and how they are submitted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coordinator.progress import Track
from protos.ridgeline.v1 import types_pb2
from workers.biometrics.itl import BookingPrint, build_booking, write_transaction
from workers.biometrics.model import FINGERS, FingerImage, FingerPosition, Impression
from workers.biometrics.templates import TemplateView, iso19794_2
from workers.synthesis.cache import GeneratedPrint, cached_population
from workers.synthesis.templates import generate_subject

SEED = 1892
"""Of the persons with images; any other gives other persons."""

BACKGROUND_SEED = 1893
SESSIONS = 2
ENROLLED_SESSION, SUBMITTED_SESSION = 0, 1
ORI = "ZZDEMO001"


@dataclass(frozen=True, slots=True)
class Population:
    """Prints by (person, session), fingers in order; the last person is not enrolled."""

    prints: dict[tuple[int, int], dict[FingerPosition, GeneratedPrint]]
    persons: int

    @property
    def absent(self) -> int:
        """The person who is not enrolled."""
        return self.persons - 1

    def images(self, person: int, session: int) -> dict[int, FingerImage]:
        """A session's images by finger position."""
        return {int(f): print_.image for f, print_ in self.prints[person, session].items()}


def make_population(directory: Path, persons: int, track: Track) -> Population:
    """Makes the prints of so many enrolled persons and of one more, where not yet on disk."""
    total = (persons + 1) * len(FINGERS) * SESSIONS
    made = cached_population(
        directory, SEED, persons + 1, sessions=SESSIONS, processes=os.cpu_count() or 1
    )
    prints: dict[tuple[int, int], dict[FingerPosition, GeneratedPrint]] = {}
    for print_ in track(made, description="Growing fingerprints", total=total):
        prints.setdefault((print_.person, print_.session), {})[print_.finger] = print_
    return Population(prints, persons + 1)


def subject_id(person: int) -> str:
    """Of an enrolled person."""
    return f"person-{person + 1}"


def enrolment(population: Population, person: int) -> list[types_pb2.Print]:
    """A person's first session as PNG images."""
    return [
        types_pb2.Print(
            position=int(finger),
            impression=types_pb2.IMPRESSION_PLAIN,
            format=types_pb2.PRINT_FORMAT_PNG,
            data=print_.path.read_bytes(),
        )
        for finger, print_ in population.prints[person, ENROLLED_SESSION].items()
    ]


def booking(population: Population, person: int, captured: datetime) -> bytes:
    """A person's second session as an ANSI/NIST-ITL transaction, Type-14 records in WSQ."""
    prints = [
        BookingPrint(finger, Impression.PLAIN, print_.image)
        for finger, print_ in population.prints[person, SUBMITTED_SESSION].items()
    ]
    transaction = build_booking(
        prints,
        originating_agency=ORI,
        control_number=f"DEMO-{captured:%Y%m%d%H%M%S}-{person + 1}",
        captured=captured,
    )
    return write_transaction(transaction)


def background(subjects: int) -> Iterator[tuple[str, list[types_pb2.Print]]]:
    """Subject ids and minutiae records of generated persons who fill the gallery up."""
    for index in range(subjects):
        samples = generate_subject(BACKGROUND_SEED, index)
        views = [TemplateView(int(s.position), 0, 80, s.minutiae) for s in samples]
        record = types_pb2.Print(
            format=types_pb2.PRINT_FORMAT_ISO_19794_2_2005, data=iso19794_2.write(views)
        )
        yield f"background-{index + 1:04}", [record]
