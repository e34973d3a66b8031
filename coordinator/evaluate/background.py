"""Generated subjects that fill a gallery up."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from coordinator.evaluate.extractions import start_worker
from coordinator.progress import Track
from workers.biometrics.model import FingerPosition
from workers.matching.descriptor import describe_encounter
from workers.matching.template import EncounterTemplate
from workers.synthesis.templates import generate_subject

SEED = 880_301
"""Of the population; apart from those that the matcher was calibrated on."""

ALONE = 40
"""So many are made without starting other processes."""


def generate_background(
    subjects: int, fingers: Sequence[FingerPosition], track: Track
) -> list[EncounterTemplate]:
    """One plain encounter of each of so many generated persons, on all cores."""
    made = _make_all(subjects, tuple(fingers))
    return list(track(made, description="Generating background subjects", total=subjects))


def _make_all(subjects: int, fingers: tuple[FingerPosition, ...]) -> Iterator[EncounterTemplate]:
    make = partial(_make, fingers)
    processes = os.cpu_count() or 1
    if subjects <= ALONE or processes == 1:
        yield from map(make, range(subjects))
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=start_worker)
    try:
        yield from pool.map(make, range(subjects), chunksize=16)
    finally:
        pool.shutdown(cancel_futures=True)


def _make(fingers: tuple[FingerPosition, ...], index: int) -> EncounterTemplate:
    return describe_encounter(generate_subject(SEED, index, fingers=fingers))
