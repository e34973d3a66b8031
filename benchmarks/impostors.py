"""Raw scores of impostors, generated and real, kept on disk so that they are made once.

Files carry a hash of the sources that raw scores come from, so a change of the matcher makes them
anew; calibration and fusion come after and leave them as they are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import workers.matching
from benchmarks.real_prints import REAL_SETS, RealSet, templates
from coordinator.evaluate.bootstrap import finger_numbers
from coordinator.evaluate.dataset import Scan
from coordinator.paths import cache_directory, write_whole
from workers.biometrics.model import FINGERS, Impression
from workers.matching.backends import load_backend
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import CALIBRATION_FILE
from workers.matching.probe import prepare_probe
from workers.matching.template import EncounterTemplate, FingerTemplate
from workers.matching.verify import compare_all
from workers.synthesis.cache import generator_hash
from workers.synthesis.templates import generate_population

IMPRESSIONS = tuple(Impression)
"""Order of the impressions in `generated`: plain, rolled."""

AFTER = ("calibration.py", "fuse.py", CALIBRATION_FILE)
"""Files of `workers.matching` that raw scores do not depend on."""

NEUROTECHNOLOGY = "Neurotechnology"


def generated(seed: int, probes: int, gallery: int) -> NDArray[np.float64]:
    """Raw scores of generated impostors, whole persons against whole persons.

    Returns:
        float64 (2, 2, probes, gallery, 10): by impression of the probe and of the gallery, by
        person of the probe and of the gallery, by finger.
    """
    name = f"generated-{seed}-{probes}-{gallery}-{generator_hash()[:12]}"
    kept = _read(name)
    return _write(name, _compare(seed, probes, gallery)) if kept is None else kept


def _compare(seed: int, probes: int, gallery: int) -> NDArray[np.float64]:
    backend = load_backend("numpy")
    rows = np.arange(gallery)
    scores = np.empty((2, 2, probes, gallery, len(FINGERS)))
    packed = [backend.pack(Columns.of(_persons(seed, 0, gallery, kind))) for kind in IMPRESSIONS]
    for ours, kind in enumerate(IMPRESSIONS):
        for row, person in enumerate(_persons(seed, gallery, probes, kind)):
            probe = prepare_probe(person)
            for theirs, side in enumerate(packed):
                scores[ours, theirs, row] = backend.consolidate(probe, side, rows, lambda: None)
    return scores


def _persons(seed: int, start: int, count: int, kind: Impression) -> list[EncounterTemplate]:
    population = generate_population(seed, count, start=start, impression=kind)
    return [describe_encounter(ten_print.samples) for ten_print in population]


@dataclass(frozen=True, slots=True)
class RealGroup:
    """Sets that may hold prints of the same persons, each print against every other.

    Attributes:
        name: of the set, or of those who gave several.
        sets: name of the set of each print, (n,).
        scans: which each is, (n,).
        fingers: number of the finger of each, (n,), from 0.
        raw: raw scores, float64 (n, n), symmetric: the earlier print is the probe.
    """

    name: str
    sets: NDArray[np.str_]
    scans: tuple[Scan, ...]
    fingers: NDArray[np.intp]
    raw: NDArray[np.float64]

    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Numbers of the prints of every impostor pair, each pair once, (p,) and (p,)."""
        first, second = np.triu_indices(len(self.fingers), 1)
        impostor = self.fingers[first] != self.fingers[second]
        return first[impostor], second[impostor]

    def impostors(self) -> NDArray[np.float64]:
        """Raw scores of those, (p,)."""
        return self.raw[self.pairs()]


@cache
def real_groups() -> tuple[RealGroup, ...]:
    """The development sets: each of FVC2002, and the two Neurotechnology sensors together.

    Raises:
        SystemExit: where there are no real prints.
    """
    names = dict.fromkeys(_group(real) for real in REAL_SETS)
    return tuple(_real_group(name) for name in names)


def _group(real: RealSet) -> str:
    return NEUROTECHNOLOGY if real.persons else real.name


def _real_group(name: str) -> RealGroup:
    prints = [
        (real.name, scan, template)
        for real in REAL_SETS
        if _group(real) == name
        for scan, template in templates(real)
    ]
    sets, scans, fingers = zip(*prints, strict=True)
    return RealGroup(
        name,
        np.array(sets),
        scans,
        finger_numbers([scan.finger for scan in scans]),
        _each_against_every_other(name, fingers),
    )


def _each_against_every_other(
    group: str, prints: tuple[FingerTemplate, ...]
) -> NDArray[np.float64]:
    contents = hashlib.sha256()
    for one in prints:
        for array in (one.descriptors, one.x, one.y, one.angle):
            contents.update(array.tobytes())
    name = f"real-{group}-{contents.hexdigest()[:12]}"
    kept = _read(name)
    if kept is not None:
        return kept
    raw = np.full((len(prints), len(prints)), np.nan)
    for i, probe in enumerate(prints[:-1]):
        raw[i, i + 1 :] = raw[i + 1 :, i] = compare_all(probe, prints[i + 1 :])
    return _write(name, raw)


def _read(name: str) -> NDArray[np.float64] | None:
    path = _path(name)
    return np.asarray(np.load(path), np.float64) if path.exists() else None


def _write(name: str, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    buffer = BytesIO()
    np.save(buffer, scores)
    write_whole(_path(name), buffer.getvalue())
    return scores


def _path(name: str) -> Path:
    return cache_directory() / "impostors" / f"{name}-{_engine_hash()[:12]}.npy"


@cache
def _engine_hash() -> str:
    """Hex digest of the matcher's sources and data, up to raw scores."""
    folder = Path(workers.matching.__file__).parent
    files = [*folder.rglob("*.py"), *folder.rglob("*.npz")]
    digest = hashlib.sha256()
    for file in sorted(f for f in files if f.name not in AFTER):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
