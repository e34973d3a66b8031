"""Generated prints kept on disk, so that a demo or a test run makes them once."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from workers.biometrics.model import (
    FINGERS,
    RESOLUTION_PPI,
    FingerImage,
    FingerPosition,
    Impression,
)
from workers.synthesis.images import impression
from workers.synthesis.population import Person
from workers.synthesis.ridges import master


@dataclass(frozen=True, slots=True)
class GeneratedPrint:
    """One generated image and whose it is.

    Attributes:
        person: index within the population, from 0.
        session: from 0.
        path: of its PNG file, which states the resolution.
    """

    person: int
    finger: FingerPosition
    session: int
    image: FingerImage
    path: Path


def cached_population(
    directory: Path,
    seed: int,
    persons: int,
    *,
    sessions: int = 2,
    fingers: Sequence[FingerPosition] = FINGERS,
    kind: Impression = Impression.PLAIN,
    processes: int = 1,
) -> Iterator[GeneratedPrint]:
    """All prints of a population, by person, finger and session, made where not yet on disk.

    Files carry a hash of the generator, so prints of another version are never taken for ours.
    They appear whole or not at all. One finger is yielded as soon as it is there.

    Args:
        directory: of the cache; made if missing.
        seed: of the population.
        persons: how many, from index 0.
        sessions: how many occasions of each finger.
        fingers: 1-10.
        kind: plain or rolled.
        processes: to make prints with; 1 makes them in this one.
    """
    work = [
        _Job(directory, Person(seed, index), finger, sessions, kind)
        for index in range(persons)
        for finger in fingers
    ]
    if processes == 1 or all(job.is_done() for job in work):
        for job in work:
            _make(job)
            yield from job.load()
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for job, _ in zip(work, pool.map(_make, work), strict=True):
            yield from job.load()


@dataclass(frozen=True, slots=True)
class _Job:
    """All sessions of one finger, which share its master."""

    directory: Path
    person: Person
    finger: FingerPosition
    sessions: int
    kind: Impression

    def path(self, session: int) -> Path:
        name = f"{self.person.index}_{int(self.finger)}_{session}.png"
        return self.directory / f"{self.kind}-{self.person.seed}-{generator_hash()[:12]}" / name

    def is_done(self) -> bool:
        return all(self.path(session).exists() for session in range(self.sessions))

    def load(self) -> Iterator[GeneratedPrint]:
        for session in range(self.sessions):
            path = self.path(session)
            with Image.open(path) as picture:
                image = FingerImage(np.asarray(picture), RESOLUTION_PPI)
            yield GeneratedPrint(self.person.index, self.finger, session, image, path)


def _make(job: _Job) -> None:
    if job.is_done():
        return
    ridges = master(job.person, job.finger)
    for session in range(job.sessions):
        image = impression(job.person, job.finger, session, kind=job.kind, ridges=ridges)
        data = BytesIO()
        dpi = (RESOLUTION_PPI, RESOLUTION_PPI)
        Image.fromarray(image.pixels).save(data, "PNG", compress_level=1, dpi=dpi)
        _write_whole(job.path(session), data.getvalue())


def _write_whole(path: Path, data: bytes) -> None:
    """Writes a file that others see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@lru_cache(maxsize=1)
def generator_hash() -> str:
    """Hex digest of this package's source: prints of one hash come from one generator."""
    digest = hashlib.sha256()
    files = (f for f in resources.files("workers.synthesis").iterdir() if f.name.endswith(".py"))
    for file in sorted(files, key=lambda f: f.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
