"""What goes into the store and what comes out of it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from workers.biometrics.model import UNKNOWN_CAPTURE, Capture
from workers.matching.template import EncounterTemplate


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An encounter to add; an empty id asks for a new one.

    Attributes:
        key: the caller's, see `cluster.store.caller_keys`.
    """

    template: EncounterTemplate
    subject_id: str = ""
    encounter_id: str = ""
    capture: Capture = UNKNOWN_CAPTURE
    key: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """What should have been enrolled instead of an encounter.

    Attributes:
        encounter_id: of the encounter that is wrong.
        template: the right prints; None where those that are there are.
        new_encounter_id: of the corrected encounter; an empty one asks for a new one.
        capture: when and with what it was taken; what is open here stays as it is.
    """

    encounter_id: str
    template: EncounterTemplate | None = None
    new_encounter_id: str = ""
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
    """What was removed or expunged, and from which sequence on it is gone.

    Attributes:
        encounters: that a removal hid, or of which templates were erased.
    """

    sequence: int
    encounters: int


@dataclass(frozen=True, slots=True)
class Moved:
    """How many encounters are whose from a sequence on."""

    sequence: int
    subject_id: str
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
