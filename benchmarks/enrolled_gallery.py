"""A gallery in memory, searched as the cluster searches it, with a person there and not there.

The partitions are those that the cluster would have; each is searched as a shard searches it, and
what they find is ranked as the coordinator ranks it. Only the store and the way to the shards are
left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cluster.partitions import partition_of
from cluster.store import SubjectOf
from coordinator.evaluate.searches import CANDIDATES
from coordinator.search.merge import SubjectHit, rank_subjects
from workers.matching.backends import load_backend
from workers.matching.columns import Columns
from workers.matching.probe import Probe, prepare_probe
from workers.matching.search import RowsAnswer, search_partitions
from workers.matching.shortlist import Rows
from workers.matching.template import EncounterTemplate
from workers.shard import partition_answer


@dataclass(frozen=True, slots=True)
class Searched:
    """Two searches with one probe: with its person in the gallery, and without.

    Attributes:
        place: of the person among the candidates of the first, from 0; None where it is not one.
        mate: the person's score there; minus infinity where it is no candidate.
        stranger: best score of the second; minus infinity where it found nobody.
        mate_exhaustive: the person's score where its partition is searched without the sketch,
            asked only where it was not first with it; None where the sketch was not used anyway.
    """

    place: int | None
    mate: float
    stranger: float
    mate_exhaustive: float | None


class EnrolledGallery:
    """Subjects with one encounter each.

    Args:
        people: their encounters.
        fewer: other encounters of some of them, to be there in their place.
    """

    def __init__(
        self,
        people: Sequence[EncounterTemplate],
        fewer: Mapping[int, EncounterTemplate],
        *,
        partitions: int,
    ) -> None:
        self.subjects = len(people)
        self._fewer = np.array(sorted(fewer), np.intp)
        self._person = np.concatenate([np.arange(len(people)), self._fewer])
        names = [f"subject-{person:07}" for person in self._person]
        self._ids = [f"{name}-1" for name in names]
        self._owners = {
            encounter: SubjectOf(name, 1) for encounter, name in zip(self._ids, names, strict=True)
        }
        partition = np.array([partition_of(encounter, partitions) for encounter in self._ids])
        # Partitions lie side by side, as in a shard.
        order = np.argsort(partition, kind="stable")
        self._ids = [self._ids[row] for row in order]
        self._person, self._partition = self._person[order], partition[order]
        self._is_fewer = order >= len(people)
        every = [*people, *(fewer[int(person)] for person in self._fewer)]
        self._backend = load_backend("numpy")
        self._packed = self._backend.pack(Columns.of([every[row] for row in order]))
        ends = np.searchsorted(self._partition, np.arange(1, partitions))
        self._rows = np.split(np.arange(len(order)), ends)

    def search(
        self,
        template: EncounterTemplate,
        person: int,
        *,
        hidden: NDArray[np.bool_] | None = None,
        fewer: bool = False,
    ) -> Searched:
        """Searches with a probe of a person who is in the gallery, then without that person.

        A partition's answer does not depend on the others, so the second search asks only the
        person's partition anew, and so does the exhaustive one.

        Args:
            hidden: subjects who must not be seen, (subjects,).
            fewer: whether those who have another encounter are there with that.
        """
        probe = prepare_probe(template)
        replaced = np.isin(self._person, self._fewer)
        seen = ~replaced | (self._is_fewer == fewer)
        if hidden is not None:
            seen &= ~hidden[self._person]
        visible = [rows[seen[rows]] for rows in self._rows]
        (mate,) = np.flatnonzero(seen & (self._person == person))
        home = int(self._partition[mate])
        answers = self._ask(probe, visible)
        alone = visible[home][visible[home] != mate]
        without = [*answers[:home], *self._ask(probe, [alone]), *answers[home + 1 :]]
        subject = self._owners[self._ids[mate]].subject_id
        place, score = _find(self._ranked(answers), subject)
        strangers = self._ranked(without)
        exhaustive = score if answers[home].sketched else None
        if place != 0 and exhaustive is not None:
            full = self._ask(probe, [visible[home]], exhaustive=True)
            ranked = self._ranked([*answers[:home], *full, *answers[home + 1 :]])
            _, exhaustive = _find(ranked, subject)
        stranger = strangers[0].score if strangers else -math.inf
        return Searched(place, score, stranger, exhaustive)

    def _ask(
        self, probe: Probe, visible: Sequence[Rows], *, exhaustive: bool = False
    ) -> tuple[RowsAnswer, ...]:
        # The coordinator asks for more, since subjects may have several encounters.
        return search_partitions(
            self._backend, probe, self._packed, visible, limit=CANDIDATES, exhaustive=exhaustive
        ).partitions

    def _ranked(self, answers: Sequence[RowsAnswer]) -> list[SubjectHit]:
        hits = [
            hit
            for number, answer in enumerate(answers)
            for hit in partition_answer(number, answer, self._ids.__getitem__).hits
        ]
        return rank_subjects(hits, self._owners, gallery_subjects=self.subjects)


def _find(ranked: Sequence[SubjectHit], subject: str) -> tuple[int | None, float]:
    """Place and score of a subject among the candidates; minus infinity where it is none."""
    for place, hit in enumerate(ranked[:CANDIDATES]):
        if hit.subject_id == subject:
            return place, hit.score
    return None, -math.inf
