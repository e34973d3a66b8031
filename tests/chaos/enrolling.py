"""Many enrolments under way, what of them was acknowledged, and whether the store agrees."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from cluster.store import FileKeyProvider, Store
from cluster.store.keys import unseal
from cluster.store.schema import counter, encounters, journal, memberships, subjects
from coordinator.audit import AuditLog
from coordinator.client import RidgelineClient
from protos.ridgeline.v1 import gallery_pb2, types_pb2
from tests.chaos.processes import Site
from tests.integration.front_door.support import template_prints
from workers.biometrics.model import FingerPosition
from workers.biometrics.templates import iso19794_2
from workers.errors import RidgelineError
from workers.matching.codec import decode

THREADS = 12

FINGER = (FingerPosition.RIGHT_INDEX,)
"""One is enough to tell a whole enrolment from half of one, and quick."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An enrolment that the caller was told of.

    Attributes:
        person: number of the generated person.
        at: what `Enrolling.clock` said when the answer came.
    """

    person: int
    subject_id: str
    encounter_id: str
    sequence: int
    at: int


class Enrolling:
    """Enrols generated persons from several threads; one that failed is left to be tried again.

    A third of them are enrolled without an encounter id, half without a subject id: then the
    client, or the server, makes one.

    Args:
        clock: read when an answer has come.
    """

    def __init__(self, client: RidgelineClient, clock: Callable[[], int] = lambda: 0) -> None:
        self.acknowledged: dict[int, Acknowledged] = {}
        self.failures: list[RidgelineError] = []
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, persons: range, *, by_id: bool = False) -> None:
        """Enrols those who are not acknowledged yet; returns when each was tried.

        Args:
            by_id: give every encounter an id, so that a later run may try it again.
        """
        todo = [person for person in persons if person not in self.acknowledged]
        with ThreadPoolExecutor(THREADS, thread_name_prefix="enrolling") as threads:
            list(threads.map(lambda person: self._one(person, by_id), todo))

    def stop(self) -> None:
        """No more are begun."""
        self._stop.set()

    def _one(self, person: int, by_id: bool) -> None:
        if self._stop.is_set():
            return
        named = by_id or person % 3
        try:
            answer = self._client.enroll(
                prints(person),
                subject_id=f"S{person}" if person % 2 else "",
                encounter_id=f"E{person}" if named else "",
            )
        except RidgelineError as error:
            with self._lock:
                self.failures.append(error)
            return
        at = self._clock()
        with self._lock:
            self.acknowledged[person] = _acknowledged(person, answer, at)


def _acknowledged(person: int, answer: gallery_pb2.EnrollResponse, at: int) -> Acknowledged:
    return Acknowledged(person, answer.subject_id, answer.encounter_id, answer.gallery_sequence, at)


@cache
def prints(person: int) -> list[types_pb2.Print]:
    """Of a generated person."""
    return template_prints(person, fingers=FINGER)


def copied(site: Site, folder: Path) -> str:
    """URL of a copy of a dead coordinator's SQLite files, which stay as it left them."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal"):
        source = site.database.with_name(site.database.name + suffix)
        if source.exists():
            shutil.copy(source, folder / source.name)
    return f"sqlite:///{folder / site.database.name}"


def check(url: str, key_file: Path, acknowledged: Mapping[int, Acknowledged]) -> int:
    """Asserts that what was acknowledged is there and that nothing is there in part.

    Returns:
        encounters in the store.
    """
    store = Store.open(url, FileKeyProvider(key_file, create=False))
    try:
        with store.database.reading() as connection:
            if store.database.is_sqlite:
                assert connection.execute(sa.text("PRAGMA integrity_check")).scalar_one() == "ok"
            whole = _whole_encounters(connection, FileKeyProvider(key_file, create=False))
        audited = _audited(store)
        for one in acknowledged.values():
            subject_id, sequence, minutiae = whole[one.encounter_id]
            assert (subject_id, sequence) == (one.subject_id, one.sequence)
            assert minutiae == _sent(one.person)
            assert one.encounter_id in audited
        return len(whole)
    finally:
        store.close()


def _whole_encounters(
    connection: sa.Connection, keys: FileKeyProvider
) -> dict[str, tuple[str, int, list[tuple[int, int]]]]:
    """Subject, sequence and minutiae of every encounter; asserts that each has all its parts."""
    rows = connection.execute(sa.select(encounters)).all()
    owners = {row.encounter_id: row for row in connection.execute(sa.select(memberships))}
    keyed = {row.subject_id: row for row in connection.execute(sa.select(subjects))}
    entries = {row.sequence: row for row in connection.execute(sa.select(journal))}
    newest = connection.execute(sa.select(counter.c.value)).scalar_one()
    assert sorted(entries) == list(range(1, newest + 1))
    assert len(owners) == len(rows) == len(entries)
    assert {owner.subject_id for owner in owners.values()} == set(keyed)
    whole = {}
    for row in rows:
        owner, entry = owners[row.encounter_id], entries[row.added]
        assert (owner.since, owner.until, row.removed) == (row.added, None, None)
        assert (entry.encounter_id, entry.subject_id) == (row.encounter_id, owner.subject_id)
        assert (entry.operation, entry.digest) == ("enroll", row.digest)
        key = keys.unwrap(keyed[row.sealed_for].wrapped_key, row.sealed_for)
        content = unseal(key, row.payload, row.encounter_id)
        assert hashlib.sha256(content).hexdigest() == row.digest
        (finger,) = decode(content).fingers
        places = sorted(zip(finger.x.tolist(), finger.y.tolist(), strict=True))
        whole[row.encounter_id] = (owner.subject_id, row.added, places)
    return whole


@cache
def _sent(person: int) -> list[tuple[int, int]]:
    (view,) = iso19794_2.read(prints(person)[0].data)
    x, y = (np.rint(of).astype(int).tolist() for of in (view.minutiae.x, view.minutiae.y))
    return sorted(zip(x, y, strict=True))


def _audited(store: Store) -> set[str]:
    """Encounters whose enrolment is on record; asserts that the chain is whole."""
    log = AuditLog(store.database)
    assert log.verify_chain().broken_at is None
    bodies = (json.loads(record.body) for record in log.records())
    done = ("ENROLLED", "UNCHANGED")
    return {body["encounter_id"] for body in bodies if body["outcome"] in done}
