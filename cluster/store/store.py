"""The store: who is in the gallery, as of any sequence, and every change to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster.partitions import DEFAULT_PARTITIONS
from cluster.store import enrolling, redress
from cluster.store.caller_keys import Result, forget_old, once
from cluster.store.database import Database
from cluster.store.keys import KeyProvider
from cluster.store.opening import prepare
from cluster.store.reading import GalleryReader
from cluster.store.records import Correction, Enrolled, Enrolment, Moved, Removed
from cluster.store.schema import Operation
from cluster.store.writing import Writing, writing
from workers.biometrics.model import Capture
from workers.errors import RidgelineError


class Store(GalleryReader):
    """The gallery on a database; thread-safe, one a process.

    Writes are durable when they return; each is one entry of the journal, or one for each
    encounter enrolled. Those that take a `key` are done once for it: see
    `cluster.store.caller_keys`, also for what they raise then. Reads that take `at` answer
    exactly as of that sequence.
    """

    @staticmethod
    def open(url: str, keys: KeyProvider, *, partitions: int = DEFAULT_PARTITIONS) -> Store:
        """Opens a gallery, creating it where there is none and upgrading an older one.

        Args:
            url: SQLAlchemy URL, ``sqlite:///PATH`` or ``postgresql+psycopg://…``.
            partitions: of a new gallery; an existing one keeps its own.

        Raises:
            RidgelineError: STORE_UNAVAILABLE for a gallery of a later schema;
                PARAMETERS_MISMATCH for one that was described with other parameters.
        """
        database = Database(url)
        prepare(database, partitions)
        return Store(database, keys)

    @staticmethod
    def open_read_only(url: str, keys: KeyProvider) -> Store:
        """Opens a gallery to be read; it is left as it is, beside whoever else has it open.

        An older schema is read as it is, and templates described with other parameters are
        described again as they are read (see `redescribed`).

        Raises:
            RidgelineError: STORE_UNAVAILABLE where there is no gallery, or one of a later schema.
        """
        return Store(Database(url, read_only=True), keys)

    def enroll(self, enrolments: Sequence[Enrolment]) -> list[Enrolled | RidgelineError]:
        """Adds encounters in one durable transaction; each has its own sequence.

        Idempotent by encounter id too: the same template again answers with the first one's
        sequence; an encounter that cannot be added yields its error (ENCOUNTER_CONFLICT,
        PARAMETERS_MISMATCH, OPERATION_CONFLICT) and does not hinder the others.
        """

        def one(under_way: Writing, enrolment: Enrolment) -> Enrolled | RidgelineError:
            try:
                content = enrolling.Content.of(enrolment.template)
                body = (
                    content.digest,
                    enrolment.subject_id,
                    enrolment.encounter_id,
                    *_capture(enrolment.capture),
                )
                return once(
                    under_way,
                    enrolment.key,
                    Operation.ENROLL,
                    body,
                    Enrolled,
                    lambda: enrolling.enroll(under_way, enrolment, content),
                )
            except RidgelineError as error:
                return error

        with writing(self.database, self.keys, self.partitions) as under_way:
            if any(enrolment.key for enrolment in enrolments):
                forget_old(under_way)
            return [one(under_way, enrolment) for enrolment in enrolments]

    def correct(self, correction: Correction, *, key: str = "") -> Enrolled:
        """Replaces an encounter by a corrected one, which has an id of its own.

        Searches see one or the other, never both. The wrong one stays, sealed, as a removed
        one does.

        Raises:
            RidgelineError: ENCOUNTER_NOT_FOUND, ENCOUNTER_CONFLICT, PARAMETERS_MISMATCH.
        """
        template = correction.template
        content = None if template is None else enrolling.Content.of(template)
        body = (
            correction.encounter_id,
            "" if content is None else content.digest,
            correction.new_encounter_id,
            *_capture(correction.capture),
        )
        return self._once(
            key,
            Operation.CORRECT,
            body,
            Enrolled,
            lambda under_way: enrolling.correct(under_way, correction, content),
        )

    def move_encounter(self, encounter_id: str, subject_id: str = "", *, key: str = "") -> Moved:
        """Moves an encounter to another subject; to a new one where none is named.

        Raises:
            RidgelineError: ENCOUNTER_NOT_FOUND; ENCOUNTER_CONFLICT where the subject was removed;
                INVALID_FIELD where it is its subject already.
        """
        return self._once(
            key,
            Operation.MOVE_ENCOUNTER,
            (encounter_id, subject_id),
            Moved,
            lambda under_way: redress.move_encounter(under_way, encounter_id, subject_id),
        )

    def merge_subjects(self, subject_id: str, into: str, *, key: str = "") -> Moved:
        """Gives all encounters of a subject to another one; the first is remembered as merged.

        Raises:
            RidgelineError: SUBJECT_NOT_FOUND; INVALID_FIELD for a subject and itself.
        """
        return self._once(
            key,
            Operation.MERGE_SUBJECTS,
            (subject_id, into),
            Moved,
            lambda under_way: redress.merge_subjects(under_way, subject_id, into),
        )

    def remove_encounter(self, encounter_id: str, *, key: str = "") -> Removed:
        """Takes an encounter out of the gallery; its template stays, sealed, until expunged.

        Raises:
            RidgelineError: ENCOUNTER_NOT_FOUND.
        """
        return self._once(
            key,
            Operation.REMOVE_ENCOUNTER,
            (encounter_id,),
            Removed,
            lambda under_way: redress.remove_encounter(under_way, encounter_id),
        )

    def remove_subject(self, subject_id: str, *, key: str = "") -> Removed:
        """Takes a subject out of the gallery with all its encounters.

        Raises:
            RidgelineError: SUBJECT_NOT_FOUND.
        """
        return self._once(
            key,
            Operation.REMOVE_SUBJECT,
            (subject_id,),
            Removed,
            lambda under_way: redress.remove_subject(under_way, subject_id),
        )

    def expunge_encounter(self, encounter_id: str, *, key: str = "") -> Removed:
        """Erases the template of an encounter, removed or not, and of those it corrected.

        Raises:
            RidgelineError: ENCOUNTER_NOT_FOUND, also where it was expunged.
        """
        return self._once(
            key,
            Operation.EXPUNGE_ENCOUNTER,
            (encounter_id,),
            Removed,
            lambda under_way: redress.expunge_encounter(under_way, encounter_id),
        )

    def expunge_subject(self, subject_id: str, *, key: str = "") -> Removed:
        """Destroys the key of a subject, removed or not, and erases all that it sealed.

        Raises:
            RidgelineError: SUBJECT_NOT_FOUND, also where it was expunged or merged.
        """
        return self._once(
            key,
            Operation.EXPUNGE_SUBJECT,
            (subject_id,),
            Removed,
            lambda under_way: redress.expunge_subject(under_way, subject_id),
        )

    def _once(
        self,
        key: str,
        operation: Operation,
        body: Sequence[str],
        result: type[Result],
        act: Callable[[Writing], Result],
    ) -> Result:
        with writing(self.database, self.keys, self.partitions) as under_way:
            if key:
                forget_old(under_way)
            return once(under_way, key, operation, body, result, lambda: act(under_way))


def _capture(capture: Capture) -> tuple[str, str]:
    return capture.day.isoformat() if capture.day else "", capture.sensor
