"""What two releases tell each other of their searches: a versioned file, without ids or prints."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from coordinator.messages import to_json
from coordinator.paths import write_whole
from coordinator.search.decide import Outcome
from coordinator.toml_config import read_table
from workers.errors import ErrorCode, RidgelineError

FORMAT = "ridgeline operational searches"
VERSION = 1
"""Raised with every change to the file; the other release must write the same."""


@dataclass(frozen=True, slots=True)
class Search:
    """A probe's two searches: with its mates there, and with its subject left out.

    Attributes:
        index: place in the draw, from 0.
        mate_rank: from 1; None where the mate was not found.
        mate_score: -10 log10(FMR); None where the mate was not found.
        nonmate_score: highest with the subject left out; None where nobody was found.
        mated_outcome: with the mates there.
        nonmated_outcome: with the subject left out.
    """

    index: int
    mate_rank: int | None
    mate_score: float | None
    nonmate_score: float | None
    mated_outcome: Outcome
    nonmated_outcome: Outcome


@dataclass(frozen=True, slots=True)
class SearchLog:
    """All searches of a run, and what they were drawn from.

    Attributes:
        release: version of the release that searched.
        gallery_sequence: the gallery was held at.
        subjects: in the gallery.
        encounters: in the gallery.
        drawn: sample, seed and fingers.
        draw_digest: hex SHA-256 over the ids of the probes in their order.
        likely: threshold, -10 log10(FMR).
        possible: threshold.
        parameters_hash: of the matcher.
        redescribed: whether templates were described again for this release.
        searches: in the order drawn.
    """

    release: str
    gallery_sequence: int
    subjects: int
    encounters: int
    drawn: str
    draw_digest: str
    likely: float
    possible: float
    parameters_hash: str
    redescribed: bool
    searches: tuple[Search, ...]


def write_log(log: SearchLog, path: Path) -> None:
    """Writes the file."""
    write_whole(path, to_json({"format": FORMAT, "version": VERSION, **asdict(log)}).encode())


def read_log(path: Path) -> SearchLog:
    """Reads the file.

    Raises:
        RidgelineError: INVALID_FIELD for what is no such file, or one of another version.
    """
    try:
        body = json.loads(path.read_bytes(), parse_constant=_no_number)
    except (OSError, ValueError) as error:
        raise wrong("the other release wrote no file of its searches") from error
    if not isinstance(body, dict) or body.pop("format", None) != FORMAT:
        raise wrong("the other release wrote a file of another kind")
    version = body.pop("version", None)
    if version != VERSION:
        raise wrong(f"the other release writes version {version!s:.10} of its searches, not 1")
    try:
        log = read_table(SearchLog, body, base=Path())
    except RidgelineError as error:
        raise wrong(f"malformed in the file of the other release: {error.field}") from error
    if [one.index for one in log.searches] != list(range(len(log.searches))):
        raise wrong("the other release's searches are not in order")
    return log


def require_same_searches(ours: SearchLog, theirs: SearchLog) -> None:
    """Raises INVALID_FIELD unless both searched with the same probes in the same gallery."""
    for name in ("gallery_sequence", "subjects", "encounters", "drawn", "draw_digest"):
        if getattr(ours, name) != getattr(theirs, name):
            raise wrong(f"the other release searched otherwise: its {name} differs")
    if len(ours.searches) != len(theirs.searches):
        raise wrong("the other release made another number of searches")


def wrong(detail: str) -> RidgelineError:
    """The error for a release that cannot be compared with."""
    return RidgelineError(ErrorCode.INVALID_FIELD, detail, field="against")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no score")
