"""A booking's transaction of generated images, for tests that go through the extractor."""

from __future__ import annotations

from functools import cache

from workers.biometrics.itl import BookingPrint, build_booking, write_transaction
from workers.biometrics.model import FingerImage, FingerPosition, Impression
from workers.synthesis.images import impression
from workers.synthesis.population import Person
from workers.synthesis.ridges import Master, master

PERSON = Person(7, 0)
BOOKED = (FingerPosition.RIGHT_INDEX, FingerPosition.LEFT_INDEX)
AGENCY = "NY0303000"


@cache
def _master(finger: FingerPosition) -> Master:
    return master(PERSON, finger)


@cache
def image(finger: FingerPosition, session: int) -> FingerImage:
    """One impression of a booked finger; sessions differ."""
    return impression(PERSON, finger, session, ridges=_master(finger))


@cache
def booking(session: int) -> bytes:
    """The transaction of a session."""
    prints = [BookingPrint(f, Impression.PLAIN, image(f, session)) for f in BOOKED]
    return write_transaction(
        build_booking(prints, originating_agency=AGENCY, control_number="BOOK-1")
    )
