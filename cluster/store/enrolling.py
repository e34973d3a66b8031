"""Encounters that come into the gallery: enrolled, or correcting one that is there."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cluster.partitions import partition_of
from cluster.store.keys import seal, unseal
from cluster.store.records import Correction, Enrolled, Enrolment
from cluster.store.schema import Operation, encounters, memberships
from cluster.store.writing import Writing
from workers.biometrics.model import Capture
from workers.errors import ErrorCode, RidgelineError
from workers.matching.codec import encode
from workers.matching.parameters import descriptor_hash
from workers.matching.template import EncounterTemplate

_KNOWN = sa.select(
    encounters.c.added,
    encounters.c.removed,
    encounters.c.digest,
    encounters.c.captured_on,
    encounters.c.sensor,
).where(encounters.c.encounter_id == sa.bindparam("id"))


@dataclass(frozen=True, slots=True)
class Content:
    """What is sealed of a template, and the digest that the journal says of it."""

    data: bytes
    digest: str

    @staticmethod
    def of(template: EncounterTemplate) -> Content:
        """Of a template.

        Raises:
            RidgelineError: PARAMETERS_MISMATCH.
        """
        if template.parameters_hash != descriptor_hash():
            raise RidgelineError(
                ErrorCode.PARAMETERS_MISMATCH, "the template was built with other parameters"
            )
        return Content.sealed(encode(template))

    @staticmethod
    def sealed(data: bytes) -> Content:
        """Of what was sealed before."""
        return Content(data, digest_of(data))


def digest_of(content: bytes) -> str:
    """What the journal says of a template."""
    return hashlib.sha256(content).hexdigest()


def enroll(writing: Writing, enrolment: Enrolment, content: Content) -> Enrolled:
    """Adds an encounter, and its subject where that is new; nothing if it is there already.

    Raises:
        RidgelineError: ENCOUNTER_CONFLICT, before anything is written.
    """
    encounter_id = enrolment.encounter_id or _new_id()
    if enrolment.encounter_id:
        there = _existing(writing, enrolment, content.digest)
        if there is not None:
            return there
    subject_id = enrolment.subject_id or _new_id()
    key = writing.subject_key(subject_id)
    sequence = writing.record(Operation.ENROLL, subject_id, encounter_id, digest=content.digest)
    key = key or writing.new_subject(subject_id, sequence)
    _insert(writing, encounter_id, subject_id, key, content, enrolment.capture)
    return Enrolled(subject_id, encounter_id, sequence, created=True)


def correct(writing: Writing, correction: Correction, content: Content | None) -> Enrolled:
    """Replaces an encounter by another one of the same subject, at one sequence.

    Raises:
        RidgelineError: ENCOUNTER_NOT_FOUND; ENCOUNTER_CONFLICT for a new id that was used.
    """
    wrong_id, encounter_id = correction.encounter_id, correction.new_encounter_id or _new_id()
    subject_id = writing.owner(wrong_id)
    if _known(writing, encounter_id) is not None:
        raise _conflict("an encounter of this id exists; ids are not used again", "new_")
    key = writing.existing_key(subject_id)
    wrong = writing.connection.execute(
        sa.select(encounters.c.payload, encounters.c.captured_on, encounters.c.sensor).where(
            encounters.c.encounter_id == wrong_id
        )
    ).one()
    content = content or Content.sealed(unseal(key, wrong.payload, wrong_id))
    sequence = writing.record(
        Operation.CORRECT, subject_id, encounter_id, digest=content.digest, other_id=wrong_id
    )
    hide(writing, wrong_id, sequence)
    capture = correction.capture.over(Capture(wrong.captured_on, wrong.sensor or ""))
    _insert(writing, encounter_id, subject_id, key, content, capture, supersedes=wrong_id)
    return Enrolled(subject_id, encounter_id, sequence, created=True)


def hide(writing: Writing, encounter_id: str, sequence: int) -> None:
    """Takes an encounter out of the gallery from a sequence on."""
    writing.connection.execute(
        encounters.update()
        .where(encounters.c.encounter_id == encounter_id)
        .values(removed=sequence)
    )
    end_membership(writing, encounter_id, sequence)


def end_membership(writing: Writing, encounter_id: str, sequence: int) -> None:
    """An encounter is its subject's no more from a sequence on."""
    writing.connection.execute(
        memberships.update()
        .where(memberships.c.encounter_id == encounter_id, memberships.c.until.is_(None))
        .values(until=sequence)
    )


def begin_membership(writing: Writing, encounter_id: str, subject_id: str, sequence: int) -> None:
    """An encounter is a subject's from a sequence on."""
    begun = {"encounter_id": encounter_id, "since": sequence, "subject_id": subject_id}
    writing.connection.execute(memberships.insert(), begun)


def _insert(
    writing: Writing,
    encounter_id: str,
    subject_id: str,
    key: bytes,
    content: Content,
    capture: Capture,
    supersedes: str | None = None,
) -> None:
    row = {
        "encounter_id": encounter_id,
        "partition": partition_of(encounter_id, writing.partitions),
        "added": writing.sequence,
        "enrolled_at": writing.now,
        "digest": content.digest,
        "sealed_for": subject_id,
        "payload": seal(key, content.data, encounter_id),
        "captured_on": capture.day,
        "sensor": capture.sensor or None,
        "supersedes": supersedes,
    }
    writing.connection.execute(encounters.insert(), row)
    begin_membership(writing, encounter_id, subject_id, writing.sequence)


def _existing(writing: Writing, enrolment: Enrolment, digest: str) -> Enrolled | None:
    """The answer to an encounter id that was seen before, None for a new one."""
    row = _known(writing, enrolment.encounter_id)
    if row is None:
        return None
    if row.removed is not None:
        raise _conflict("an encounter of this id was removed; ids are not used again")
    if row.digest != digest:
        raise _conflict("an encounter of this id has other prints")
    subject_id = writing.owner(enrolment.encounter_id)
    if enrolment.subject_id and subject_id != enrolment.subject_id:
        raise _conflict("an encounter of this id belongs to another subject")
    known = Capture(row.captured_on, row.sensor or "")
    if enrolment.capture.over(known) != known.over(enrolment.capture):
        raise _conflict("an encounter of this id was taken on another day or otherwise")
    return Enrolled(subject_id, enrolment.encounter_id, row.added, created=False)


def _known(writing: Writing, encounter_id: str) -> sa.Row[*tuple[Any, ...]] | None:
    """What there is of an encounter id."""
    return writing.connection.execute(_KNOWN, {"id": encounter_id}).first()


def _conflict(detail: str, which: str = "") -> RidgelineError:
    return RidgelineError(ErrorCode.ENCOUNTER_CONFLICT, detail, field=f"{which}encounter_id")


def _new_id() -> str:
    return uuid.uuid4().hex
