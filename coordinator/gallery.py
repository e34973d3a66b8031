"""The store for asyncio code: reads in threads, enrolments committed in groups."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from cluster.store import Enrolled, Enrolment, Removed, Store, StoredEncounter, SubjectOf
from coordinator.group_commit import GroupCommit
from workers.matching.template import EncounterTemplate

GROUP_MAX = 64
"""Enrolments in one transaction at most."""


class Gallery:
    """What the servicers ask of the store; raises its errors."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._enrolments: GroupCommit[Enrolment, Enrolled] = GroupCommit(
            store.enroll, group_max=GROUP_MAX
        )

    async def close(self) -> None:
        """Waits until every enrolment handed over is committed."""
        await self._enrolments.close()

    async def sequence(self) -> int:
        """The newest committed sequence."""
        return await asyncio.to_thread(self._store.sequence)

    async def encounters(self, at: int) -> int:
        """Encounters in the gallery."""
        return (await asyncio.to_thread(self._store.counts, at)).encounters

    async def subject_counts(self, partitions: Collection[int], at: int) -> tuple[int, int]:
        """Subjects with an encounter in these partitions, and subjects in all."""
        total = (await asyncio.to_thread(self._store.counts, at)).subjects
        if len(partitions) == self._store.partitions:
            return total, total
        if not partitions:
            return 0, total
        return await asyncio.to_thread(self._store.subjects_in, partitions, at), total

    async def owners(self, encounter_ids: Collection[str], at: int) -> Mapping[str, SubjectOf]:
        """Whose each encounter is; one that was not there is left out."""
        return await asyncio.to_thread(self._store.subjects_of, encounter_ids, at)

    async def subject(self, subject_id: str) -> tuple[int, list[StoredEncounter]]:
        """The newest sequence, and a subject's encounters at it, oldest first.

        Raises:
            RidgelineError: SUBJECT_NOT_FOUND.
        """
        return await asyncio.to_thread(self._subject_now, subject_id)

    async def template(
        self, subject_id: str, encounter_id: str, at: int
    ) -> EncounterTemplate | None:
        """The template of a subject's encounter; None where it has been erased since."""
        encounters = await asyncio.to_thread(self._store.subject, subject_id, at)
        found = (e.template for e in encounters if e.encounter_id == encounter_id)
        return next(found, None)

    async def enroll(self, enrolment: Enrolment) -> Enrolled:
        """Adds an encounter; returns when it is durable.

        Raises:
            RidgelineError: ENCOUNTER_CONFLICT, PARAMETERS_MISMATCH, STORE_UNAVAILABLE.
        """
        return await self._enrolments.submit(enrolment)

    async def remove_encounter(self, encounter_id: str) -> Removed:
        """Expunges one encounter; raises ENCOUNTER_NOT_FOUND."""
        return await asyncio.to_thread(self._store.expunge_encounter, encounter_id)

    async def remove_subject(self, subject_id: str) -> Removed:
        """Expunges a subject with all its encounters; raises SUBJECT_NOT_FOUND."""
        return await asyncio.to_thread(self._store.expunge_subject, subject_id)

    def _subject_now(self, subject_id: str) -> tuple[int, list[StoredEncounter]]:
        at = self._store.sequence()
        return at, self._store.subject(subject_id, at)
