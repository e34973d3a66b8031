"""What goes into the store and what comes out of it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from workers.biometrics.model import UNKNOWN_CAPTURE, Capture
from workers.matching.template import EncounterTemplate


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An encounter to add; an empty id asks for a new one."""

    template: EncounterTemplate
    subject_id: str = ""
    encounter_id: str = ""
    capture: Capture = UNKNOWN_CAPTURE


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An encounter that is in the gallery; `created` is False when it was there already."""

    subject_id: str
    encounter_id: str
    sequence: int
    created: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal removed, and from which sequence on it is gone."""

    sequence: int
    encounters: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Size of the gallery as of a sequence."""

    subjects: int
    encounters: int


@dataclass(frozen=True, slots=True)
class SubjectOf:
    """Whose an encounter is, and how many encounters that subject has."""

    subject_id: str
    encounters: int


@dataclass(frozen=True, slots=True)
class StoredEncounter:
    """An encounter with its template."""

    encounter_id: str
    enrolled_at: datetime.datetime
    template: EncounterTemplate
    capture: Capture = UNKNOWN_CAPTURE
