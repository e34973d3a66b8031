"""The experiments: each development set by itself, and one Neurotechnology sensor against the
other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.accuracy.pairs import Index, Pairs, across, person_numbers, within
from benchmarks.accuracy.peers import Source
from benchmarks.real_prints import REAL_SETS, RealSet, prints
from coordinator.evaluate.dataset import Scan
from workers.biometrics.model import Minutiae

CROSS_SENSOR = "CrossMatch against UareU"


@dataclass(frozen=True, slots=True)
class Experiment:
    """Prints and the pairs of them that are compared.

    Attributes:
        gallery: the same object as `probes` within a set.
        persons: numbers of the persons of each pair, (m, 2); None where names tell none.
        large: larger than the FVC sets, so that slow peers see a part of its impostors.
    """

    name: str
    probes: Sequence[Source]
    gallery: Sequence[Source]
    pairs: Pairs
    persons: Index | None
    large: bool

    def minutiae(self) -> tuple[list[Minutiae | None], list[Minutiae | None]]:
        """LEADER's, of both sides."""
        return [s.minutiae for s in self.probes], [s.minutiae for s in self.gallery]


def experiments() -> list[Experiment]:
    """One a development set."""
    return [_of_set(real) for real in REAL_SETS]


def cross_sensor() -> Experiment:
    """Every CrossMatch print against every U.are.U print of the persons that both saw.

    U.are.U has all ten fingers, CrossMatch six: the other four are impostors only.
    """
    by_name = {real.name: real for real in REAL_SETS}
    probes, gallery = read(by_name["CrossMatch"]), read(by_name["UareU"])
    both = {s.person for s, _ in probes} & {s.person for s, _ in gallery}
    probes = [p for p in probes if p[0].person in both]
    gallery = [p for p in gallery if p[0].person in both]
    names = [scan.finger for scan, _ in probes], [scan.finger for scan, _ in gallery]
    pairs = across(*names)
    return Experiment(
        CROSS_SENSOR,
        [source for _, source in probes],
        [source for _, source in gallery],
        pairs,
        person_numbers(pairs, [*names[0], *names[1]]),
        large=True,
    )


def read(real: RealSet) -> list[tuple[Scan, Source]]:
    """Every print of a set."""
    return [
        (scan, Source(scan.path, real.resolution_ppi, minutiae)) for scan, minutiae in prints(real)
    ]


def _of_set(real: RealSet) -> Experiment:
    scans_and_sources = read(real)
    sources = [source for _, source in scans_and_sources]
    fingers = [scan.finger for scan, _ in scans_and_sources]
    pairs = within(fingers)
    persons = person_numbers(pairs, fingers) if real.persons else None
    return Experiment(real.name, sources, sources, pairs, persons, large=real.persons)
