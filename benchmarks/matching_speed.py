"""Speed of the matcher on one core, on generated prints of fixed size.

    python -m benchmarks.matching_speed

Times are of this process alone (CPU seconds), so a busy machine does not spoil them much.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from workers.biometrics.model import FingerSample, Impression
from workers.matching.backends import load_backend
from workers.matching.descriptor import describe_encounter, describe_finger
from workers.matching.probe import prepare_probe
from workers.matching.search import search_partitions
from workers.matching.template import FingerTemplate
from workers.matching.verify import compare_all
from workers.synthesis.templates import generate_population

SEED = 7104
PROBE_MINUTIAE = 40
GALLERY_MINUTIAE = 32
MADE = 128


def main() -> None:
    """Prints comparisons per second of each stage and the time of whole searches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=1024)
    subjects = parser.parse_args().subjects
    ten_prints = list(generate_population(SEED, MADE))
    persons = [describe_encounter(ten_print.samples) for ten_print in ten_prints]
    backend = load_backend("numpy")

    rolled = next(generate_population(SEED, 1, impression=Impression.ROLLED)).samples
    for name, samples in (("plain", ten_prints[0].samples), ("rolled", rolled)):
        seconds = best_of(partial(describe_all, samples))
        minutiae = np.mean([len(s.minutiae) for s in samples])
        print(f"describe a {name} finger of {minutiae:.0f}: {seconds / 10 * 1e3:.1f} ms")

    small = [person.cut(GALLERY_MINUTIAE) for person in persons]
    packed = backend.pack([small[i % MADE] for i in range(subjects)])
    probe = prepare_probe(persons[0].cut(PROBE_MINUTIAE))
    seconds = best_of(lambda: backend.screen(probe, packed, np.arange(subjects), lambda: None))
    size = f"{PROBE_MINUTIAE} x {GALLERY_MINUTIAE} minutiae"
    print(f"screen, {size}: {10 * subjects / seconds:,.0f} fingers/s")
    rows = np.arange(min(subjects, 200))
    seconds = best_of(lambda: backend.consolidate(probe, packed, rows, lambda: None))
    print(f"consolidate, {size}: {10 * len(rows) / seconds:,.0f} fingers/s")

    fingers = [finger for person in persons for finger in person.fingers]
    seconds = best_of(lambda: compare_all(fingers[0], fingers))
    print(f"verify, whole plain prints: {len(fingers) / seconds:,.0f} pairs/s")

    whole = backend.pack([persons[i % MADE] for i in range(subjects)])
    prepared = prepare_probe(persons[0])
    print(f"prepare a probe: {best_of(lambda: prepare_probe(persons[0])) * 1e3:.0f} ms")
    for partitions in (1, 64):
        visible = [np.arange(i, subjects, partitions) for i in range(partitions)]
        search = partial(search_partitions, backend, prepared, whole, visible, limit=20)
        seconds = best_of(search)
        print(f"search {subjects} subjects in {partitions} partitions: {seconds:.3f} s")


def describe_all(samples: Sequence[FingerSample]) -> list[FingerTemplate]:
    """Describes prints one by one."""
    return [describe_finger(sample) for sample in samples]


def best_of(work: Callable[[], object], times: int = 5) -> float:
    """Least CPU seconds of several runs."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


if __name__ == "__main__":
    main()
