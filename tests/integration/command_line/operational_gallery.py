"""A generated gallery of persons with several encounters, behind settings of its own."""

from __future__ import annotations

import datetime
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import coordinator
from cluster.store import Enrolled, Enrolment, FileKeyProvider, Store
from coordinator.commands import cli, run
from tests.populations import encounter, smudged
from workers.biometrics.model import Capture, FingerPosition
from workers.matching.descriptor import redescribe
from workers.matching.template import EncounterTemplate

REPEATED, ONCE = 34, 30
POOR = (3, 11, 27)
"""Persons whose newest prints are too poor to be found by."""

THRICE = (10, 20, 30)
"""Persons with an encounter in between."""

ENCOUNTERS = 2 * REPEATED + len(THRICE) + ONCE + 1

ALIAS = 5
"""The person who is in the gallery as another subject too."""

OTHER_FINGER = 8
"""The person whose newest encounter shares no finger with the older one."""

LONE = (FingerPosition.LEFT_LITTLE,)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gallery is."""

    folder: Path

    @property
    def config(self) -> Path:
        """Settings of its coordinator."""
        return self.folder / "server.toml"

    @property
    def url(self) -> str:
        """Of its store."""
        return f"sqlite:///{self.folder / 'gallery.db'}"

    def open(self) -> Store:
        """Its store, to write."""
        return Store.open(self.url, FileKeyProvider(self.folder / "master.key"))


def make_gallery(folder: Path) -> Place:
    """Persons s-000 to s-033 with two encounters or three, s-100 to s-129 and alias with one."""
    assert run(cli, ["certificates", str(folder)]) == 0
    place = Place(folder)
    store = place.open()
    enrolments = [_first(person) for person in (*range(REPEATED), *range(100, 100 + ONCE))]
    enrolments += [_between(person) for person in THRICE]
    enrolments += [_newest(person) for person in range(REPEATED)]
    enrolments.append(Enrolment(encounter(ALIAS, session=7), "alias", "alias-1"))
    results = store.enroll(enrolments)
    store.close()
    assert all(isinstance(result, Enrolled) for result in results)
    return place


def _first(person: int) -> Enrolment:
    taken = Capture(datetime.date(2015, 1, 1), "A 1")
    return Enrolment(rated(encounter(person), 60), name(person), f"{name(person)}-1", taken)


def _between(person: int) -> Enrolment:
    taken = Capture(datetime.date(2015, 7, 1), "A 1")
    template = rated(encounter(person, session=2), 60)
    return Enrolment(template, name(person), f"{name(person)}-between", taken)


def _newest(person: int) -> Enrolment:
    """A year later with the same sensor, or seven with another; quality falls."""
    template, quality = smudged(encounter(person, session=1), 6.0, seed=person), 80
    if person in POOR:
        template, quality = blurred(template, seed=person), 9
    elif person == OTHER_FINGER:
        template = encounter(person, session=1, positions=LONE)
    late = person % 2
    day = datetime.date(2022 if late else 2016, 1, 31)
    taken = Capture(day, "B 2" if late else "A 1")
    return Enrolment(rated(template, quality), name(person), f"{name(person)}-2", taken)


def name(person: int) -> str:
    """Subject id of a person."""
    return f"s-{person:03}"


def rated(template: EncounterTemplate, nfiq2: int) -> EncounterTemplate:
    """The same with a quality for every finger."""
    return replace(template, fingers=tuple(replace(f, nfiq2=nfiq2) for f in template.fingers))


def blurred(template: EncounterTemplate, seed: int) -> EncounterTemplate:
    """Poor prints: nine minutiae a finger, each displaced as far as its neighbours are apart."""
    rng = np.random.default_rng(seed)
    fingers = []
    for whole in template.fingers:
        finger = whole.cut(9)
        x, y = rng.normal(0.0, 25.0, (2, len(finger)))
        turned = finger.angle + rng.integers(0, 65536, len(finger)).astype(np.uint16)
        fingers.append(
            replace(
                finger,
                x=(finger.x + x).astype(np.int16),
                y=(finger.y + y).astype(np.int16),
                angle=turned.astype(np.uint16),
            )
        )
    return redescribe(replace(template, fingers=tuple(fingers)))


def other_release(folder: Path, changes: Mapping[str, Callable[[str], str]] | None = None) -> Path:
    """An environment with another release: a copy of ours with some files changed."""
    packages = folder / "lib"
    root = Path(coordinator.__file__).parents[1]
    for package in ("coordinator", "cluster", "workers", "protos"):
        shutil.copytree(
            root / package, packages / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file, change in (changes or {}).items():
        before = (packages / file).read_text()
        after = change(before)
        assert after != before, file
        (packages / file).write_text(after)
    command = folder / "bin" / "ridgeline"
    command.parent.mkdir()
    command.write_text(
        f"#!{sys.executable}\n"
        f"import sys\nsys.path.insert(0, {str(packages)!r})\n"
        "from coordinator.__main__ import main\n\nmain()\n"
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return folder
