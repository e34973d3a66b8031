"""A shard: some partitions of the gallery in memory, searched at an exact sequence.

Pure: it knows neither Ray nor the store, only a `GallerySource` to read changes from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from workers.matching.probe import Probe
from workers.matching.template import EncounterTemplate


@dataclass(frozen=True, slots=True)
class GalleryChange:
    """One encounter added (`template` given) or removed (`template` is None)."""

    sequence: int
    partition: int
    encounter_id: str
    template: EncounterTemplate | None


class GallerySource(Protocol):
    """Where a shard reads its partitions from; one process, one source."""

    def changes(
        self, partitions: Collection[int], *, after: int, upto: int
    ) -> Iterator[GalleryChange]:
        """Changes of `partitions` with `after < sequence <= upto`, in sequence order.

        An encounter that was added and removed again within the span may be left out, so
        reading from 0 costs what is there now, not what ever was.
        """
        ...

    def sequence(self) -> int:
        """The newest committed sequence."""
        ...


@dataclass(frozen=True, slots=True)
class ShardRequest:
    """One search of some partitions of a shard.

    Attributes:
        search_id: names the search for cancellation.
        probe: prepared once, by the coordinator.
        partitions: to search; all must be placed on this shard.
        sequence: the exact gallery sequence to answer at.
        limit: hits to return from each partition at most.
        exhaustive: consolidate every row instead of the screen's best.
        timeout_s: budget for this attempt, seconds from its arrival.
    """

    search_id: str
    probe: Probe
    partitions: tuple[int, ...]
    sequence: int
    limit: int
    exhaustive: bool
    timeout_s: float


@dataclass(frozen=True, slots=True)
class EncounterHit:
    """An encounter that reached the end of the pipeline.

    Attributes:
        fused_score: unclamped fused score, the ranking key; higher is more alike.
        finger_scores: raw consolidated score by finger position 1-10, common fingers only.
    """

    encounter_id: str
    fused_score: float
    finger_scores: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class PartitionAnswer:
    """What one partition answered at the requested sequence.

    Attributes:
        screened: encounters that the screen compared.
        consolidated: encounters that consolidation compared.
        hits: best first, ties by encounter id.
    """

    partition: int
    screened: int
    consolidated: int
    hits: tuple[EncounterHit, ...]


@dataclass(frozen=True, slots=True)
class ShardAnswer:
    """What a shard answered; `partitions` holds exactly the requested ones.

    Attributes:
        stage_seconds: wall time by stage name (``"screen"``, ``"consolidate"``).
    """

    shard_id: str
    backend: str
    sequence: int
    partitions: tuple[PartitionAnswer, ...]
    stage_seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ShardState:
    """A shard's own account of itself."""

    shard_id: str
    backend: str
    partitions: tuple[int, ...]
    encounters: int
    sequence: int
    nbytes: int
