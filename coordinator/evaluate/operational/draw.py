"""Whom to search for: subjects with several encounters, the newest of which is held out."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cluster.store import StoredEncounter
from coordinator.evaluate.searches import HeldOut
from workers.biometrics.model import FingerPosition
from workers.matching.template import EncounterTemplate

UNKNOWN = "not known"
"""Group of what a gallery does not say."""

QUALITY_BANDS = ((25, "NFIQ 2 below 25"), (50, "25 to 49"), (75, "50 to 74"), (101, "75 and above"))
"""(below, name) of a probe's median NFIQ 2."""

_YEAR = 365.25
ELAPSED_BANDS = (
    (31.0, "up to 30 days"),
    (_YEAR, "31 days to 1 year"),
    (5 * _YEAR, "1 to 5 years"),
    (10 * _YEAR, "5 to 10 years"),
    (float("inf"), "10 years and more"),
)
"""(below, name) of the days between a probe and the nearest of its mates."""

SAME, DIFFERENT = "same", "different"

GROUPS = {
    "fingers": tuple(str(count) for count in range(1, 11)),
    "quality": (*(name for _, name in QUALITY_BANDS), UNKNOWN),
    "sensor": (SAME, DIFFERENT, UNKNOWN),
    "elapsed": (*(name for _, name in ELAPSED_BANDS), UNKNOWN),
}
"""Groups of each of `Traits`, in their order."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn from a gallery.

    Attributes:
        sample: subjects at most; None is all.
        seed: of the sample.
        fingers: of a probe that are searched with; empty is all that it has.
    """

    sample: int | None = None
    seed: int = 1
    fingers: tuple[FingerPosition, ...] = ()

    def __str__(self) -> str:
        sample = "all" if self.sample is None else str(self.sample)
        fingers = ",".join(str(int(f)) for f in self.fingers) or "all"
        return f"sample {sample}, seed {self.seed}, fingers {fingers}"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a search is grouped by; each is a group's name.

    Attributes:
        fingers: of the probe.
        quality: band of the probe's median NFIQ 2.
        sensor: whether a mate was taken with the probe's sensor.
        elapsed: band of the days to the mate that is nearest in time.
    """

    fingers: str
    quality: str
    sensor: str
    elapsed: str


@dataclass(frozen=True, slots=True)
class Case:
    """One probe, and who is held out of its two searches.

    Attributes:
        mated: the probe's own encounter; its subject's others are its mates.
        nonmated: every encounter of its subject.
        common: whether a mate has a finger in common with the probe.
    """

    subject_id: str
    encounter_id: str
    probe: EncounterTemplate
    mated: HeldOut
    nonmated: HeldOut
    common: bool
    traits: Traits


def draw_subjects(subjects: Collection[str], draw: Draw) -> list[str]:
    """The sample, in an order that depends on seed and ids alone.

    So every release draws the same subjects, whatever its random numbers.
    """
    ordered = sorted(subjects, key=lambda s: hashlib.sha256(f"{draw.seed}\n{s}".encode()).digest())
    return ordered[: draw.sample]


def hold_out(
    subject_id: str, encounters: Sequence[StoredEncounter], fingers: Collection[FingerPosition]
) -> Case:
    """The newest encounter, by enrolment, as the probe against the others.

    Args:
        encounters: all of the subject's, two at least, oldest first.
        fingers: to search with; empty is all. The probe may be left without any.
    """
    *mates, newest = encounters
    probe = newest.template
    if fingers:
        kept = tuple(finger for finger in probe.fingers if finger.position in fingers)
        probe = replace(probe, fingers=kept)
    positions = {finger.position for finger in probe.fingers}
    shared = {f.position for mate in mates for f in mate.template.fingers} & positions
    ids = frozenset(encounter.encounter_id for encounter in encounters)
    return Case(
        subject_id=subject_id,
        encounter_id=newest.encounter_id,
        probe=probe,
        mated=HeldOut(subject_id, frozenset({newest.encounter_id}), whole_subject=False),
        nonmated=HeldOut(subject_id, ids, whole_subject=True),
        common=bool(shared),
        traits=Traits(
            fingers=str(len(positions)),
            quality=_quality(probe),
            sensor=_sensor(newest, mates),
            elapsed=_elapsed(newest, mates),
        ),
    )


def _quality(probe: EncounterTemplate) -> str:
    known = [finger.nfiq2 for finger in probe.fingers if finger.nfiq2 is not None]
    return _band(statistics.median(known), QUALITY_BANDS) if known else UNKNOWN


def _sensor(probe: StoredEncounter, mates: Sequence[StoredEncounter]) -> str:
    """A mate of an unknown sensor might be the same: then nothing is known but a match."""
    own, others = probe.capture.sensor, [mate.capture.sensor for mate in mates]
    if own and own in others:
        return SAME
    return DIFFERENT if own and all(others) else UNKNOWN


def _elapsed(probe: StoredEncounter, mates: Sequence[StoredEncounter]) -> str:
    days = [mate.capture.day for mate in mates]
    own = probe.capture.day
    if own is None or None in days:
        return UNKNOWN
    return _band(min(abs((own - day).days) for day in days if isinstance(day, date)), ELAPSED_BANDS)


def _band(value: float, bands: Sequence[tuple[float, str]]) -> str:
    return next(name for below, name in bands if value < below)
