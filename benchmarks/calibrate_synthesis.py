"""Compares generated templates with generated images as extracted, and both with real prints.

    python -m benchmarks.calibrate_synthesis --persons 12 --cache .cache/synthesis

prints one table: a row a statistic, a column a source. The constants of
`workers.synthesis.templates` are set by hand until the first two columns agree; real prints,
where RIDGELINE_DATA names them, are read for these sums only. Images and extraction take about a
second a print.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.print_statistics import repetition, spacing
from workers.biometrics.extraction import extract
from workers.biometrics.model import FingerImage, FingerPosition, Minutiae
from workers.biometrics.quality import nfiq2
from workers.synthesis.cache import cached_population
from workers.synthesis.templates import generate_subject

SEED = 1
SESSIONS = 3
FINGERS = (
    FingerPosition.RIGHT_THUMB,
    FingerPosition.RIGHT_MIDDLE,
    FingerPosition.LEFT_INDEX,
    FingerPosition.LEFT_RING,
)
REAL = {"neurotech/CrossMatch": 500.0, "neurotech/UareU": 512.0, "fvc2002/DB1_B": 500.0}

Finger = Sequence[Minutiae]
"""The impressions of one finger."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=12)
    parser.add_argument("--real-fingers", type=int, default=12)
    parser.add_argument("--cache", type=Path, default=Path(".cache/synthesis"))
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()

    columns: dict[str, list[Finger]] = {"templates": list(_templates(options.persons))}
    with ProcessPoolExecutor(options.processes) as pool:
        groups = _images(options.persons, options.cache)
        columns["images"] = list(pool.map(_extract, groups))
        scores = [s for group in pool.map(_judge, groups) for s in group if s is not None]
        for name, groups in _real(options.real_fingers).items():
            columns[name] = list(pool.map(_extract, groups))
    print(f"NFIQ 2 of the images: {np.percentile(scores, [5, 25, 50, 75, 95])}")
    _print_table({name: _measure(fingers) for name, fingers in columns.items()})


def _templates(persons: int) -> Iterator[Finger]:
    for index in range(persons):
        takes = [generate_subject(SEED, index, s, fingers=FINGERS) for s in range(SESSIONS)]
        for finger in zip(*takes, strict=True):
            yield [sample.minutiae for sample in finger]


def _images(persons: int, cache: Path) -> list[list[FingerImage]]:
    prints = cached_population(cache, SEED, persons, sessions=SESSIONS, fingers=FINGERS)
    by_finger = itertools.groupby(prints, key=lambda p: (p.person, p.finger))
    return [[p.image for p in group] for _, group in by_finger]


def _real(fingers: int) -> dict[str, list[list[FingerImage]]]:
    root = os.environ.get("RIDGELINE_DATA")
    if root is None:
        return {}
    sets = {}
    for name, ppi in REAL.items():
        paths = sorted(Path(root, name).glob("*.png"))
        groups = [
            list(group)[:SESSIONS]
            for _, group in itertools.groupby(paths, key=lambda p: p.stem.rpartition("_")[0])
        ]
        chosen = groups[:: max(1, len(groups) // fingers)][:fingers]
        sets[name] = [[_read(path, ppi) for path in group] for group in chosen]
    return sets


def _read(path: Path, ppi: float) -> FingerImage:
    with Image.open(path) as picture:
        return FingerImage(np.asarray(picture.convert("L")), ppi)


def _extract(images: Sequence[FingerImage]) -> Finger:
    return [extract(image) for image in images]


def _judge(images: Sequence[FingerImage]) -> list[int | None]:
    return [nfiq2(image) for image in images]


def _measure(fingers: Sequence[Finger]) -> dict[str, list[float]]:
    prints = [m for finger in fingers for m in finger]
    pairs = [pair for finger in fingers for pair in itertools.combinations(finger, 2)]
    return {**spacing(prints), **repetition(pairs)}


def _print_table(columns: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    rows = next(iter(columns.values()))
    print(f"{'':17}" + "".join(f"{name:>34}" for name in columns))
    for row in rows:
        cells = (" ".join(f"{v:.3g}" for v in column[row]) for column in columns.values())
        print(f"{row:17}" + "".join(f"{cell:>34}" for cell in cells))


if __name__ == "__main__":
    main()
