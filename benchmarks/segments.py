"""How fast a shard starts, from the store and from its segments, and what folding costs searches.

    python -m benchmarks.segments

Generated fingers recombined into ten-finger encounters, in a store of one's own; one shard, one
thread, every start in a process of its own with the files in the page cache. Takes about ten
minutes for 50,000 encounters. Writes ``benchmarks/results/segments.json``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from cluster.config import ClusterConfig
from cluster.source import StoreSource
from cluster.store import Enrolment, FileKeyProvider, Store
from coordinator.bench.filler import MADE, SEED, probes
from workers.biometrics.model import FINGERS
from workers.matching.backends import load_backend
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import parameters_hash
from workers.matching.probe import Probe, prepare_probe
from workers.matching.template import EncounterTemplate
from workers.shard import Shard, ShardRequest
from workers.synthesis.templates import generate_population

SEARCHES = 16
ENROLLED_AT_ONCE = 500
ADDED = 0.1
"""Share of the gallery that comes before it is folded."""

STARTS: dict[str, dict[str, str]] = {
    "store": {},
    "plain, in memory": {"segment_codec": "plain"},
    "sealed, in memory": {"segment_codec": "sealed"},
    "plain, on disk": {"segment_codec": "plain", "descriptors": "disk"},
    "sealed, on disk": {"segment_codec": "sealed", "descriptors": "disk"},
}


Templates = list[EncounterTemplate]


@dataclass(frozen=True, slots=True)
class Gallery:
    """A store in a folder; picklable."""

    folder: Path

    def keys(self) -> FileKeyProvider:
        """What payloads and segments are sealed under."""
        return FileKeyProvider(self.folder / "master.key")

    def open(self) -> Store:
        """The store, in this process."""
        return Store.open(f"sqlite:///{self.folder / 'gallery.db'}", self.keys())

    def shard(self, store: Store, start: str) -> Shard:
        """Of all partitions, not loaded yet."""
        chosen: dict[str, Any] = dict(STARTS[start])
        if chosen:
            chosen["segments"] = self.folder / chosen["segment_codec"]
        settings = ClusterConfig(**chosen).segment_settings(self.keys())
        backend = load_backend("numpy")
        return Shard("shard", range(store.partitions), StoreSource(store), backend, settings)


def main() -> None:
    """Measures and records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=50_000)
    subjects = parser.parse_args().subjects
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Gallery(Path(folder)), subjects)
    print(result)
    record("segments", result, data="generated fingers, recombined", seed=SEED)


def measure(gallery: Gallery, subjects: int) -> dict[str, Any]:
    """Every start, and folding; seconds and bytes."""
    people = list(recombined(subjects + int(ADDED * subjects)))
    asked = probes(SEARCHES)
    store = gallery.open()
    enrolled = _timed(lambda: enroll(store, people[:subjects], 0))
    store.close()
    made = {
        codec: _alone(partial(_started, gallery, f"{codec}, in memory", asked))["load_s"]
        for codec in ("plain", "sealed")
    }
    starts = {start: _alone(partial(_started, gallery, start, asked)) for start in STARTS}
    on_disk = {
        codec: sum(f.stat().st_size for f in (gallery.folder / codec).glob("*.segment"))
        for codec in made
    }
    folds = {
        start: _alone(partial(_folded, gallery, start, asked, people[subjects:]))
        for start in ("plain, in memory", "sealed, on disk")
    }
    return {
        "subjects": subjects,
        "fingers": len(FINGERS),
        "enroll_s": enrolled,
        "first_start_s": made,
        "segment_bytes": on_disk,
        "starts": starts,
        "folds": folds,
        "parameters_hash": parameters_hash(),
    }


def recombined(count: int) -> Iterator[EncounterTemplate]:
    """Ten-finger encounters of generated fingers; the first ones are the generated persons."""
    people = [describe_encounter(t.samples) for t in generate_population(SEED, min(count, MADE))]
    owners = np.random.default_rng(SEED).integers(0, len(people), (count, len(FINGERS)))
    owners[: len(people)] = np.arange(len(people))[:, None]
    for of_one in owners.tolist():
        fingers = tuple(people[owner].fingers[i] for i, owner in enumerate(of_one))
        yield EncounterTemplate(fingers, people[0].parameters_hash)


def enroll(store: Store, people: Templates, first: int) -> None:
    """Adds encounters e`first`, and so on."""
    for start in range(0, len(people), ENROLLED_AT_ONCE):
        some = people[start : start + ENROLLED_AT_ONCE]
        names = [str(first + start + i) for i in range(len(some))]
        store.enroll([Enrolment(t, f"s{n}", f"e{n}") for t, n in zip(some, names, strict=True)])


def search(shard: Shard, probe: Probe, sequence: int) -> str:
    """A whole search; the best encounter."""
    request = ShardRequest(
        *("bench", probe, shard.partitions, sequence),
        limit=20,
        exhaustive=False,
        timeout_s=600.0,
    )
    hits = [hit for answer in shard.search(request).partitions for hit in answer.hits]
    return max(hits, key=lambda hit: hit.fused_score).encounter_id


def _started(gallery: Gallery, start: str, asked: Templates) -> dict[str, float]:
    """Loading, the first search and the ones after it."""
    prepared = [prepare_probe(template) for template in asked]
    store = gallery.open()
    before = _peak_bytes()
    shard = gallery.shard(store, start)
    loaded = _timed(shard.load)
    sequence = store.sequence()
    taken = []
    for person, probe in enumerate(prepared):
        began = time.perf_counter()
        best = search(shard, probe, sequence)
        taken.append(time.perf_counter() - began)
        if best != f"e{person}":
            raise RuntimeError(f"{start}: person {person} was not found first")
    state = shard.state()
    shard.close()
    store.close()
    return {
        "load_s": loaded,
        "subjects_per_s": state.encounters / loaded,
        "first_search_s": taken[0],
        "search_p50_s": float(np.median(taken[1:])),
        "held_bytes": state.nbytes,
        "peak_bytes": _peak_bytes() - before,
    }


def _folded(gallery: Gallery, start: str, asked: Templates, people: Templates) -> dict[str, float]:
    """Searches while a share of the gallery is folded in, and the same without."""
    prepared = [prepare_probe(template) for template in asked]
    store = gallery.open()
    shard = gallery.shard(store, start)
    shard.load()
    shard.fold()
    first = store.sequence()
    enroll(store, people, first)
    caught_up = _timed(lambda: shard.catch_up(store.sequence()))
    sequence = store.sequence()
    idle = [_timed(partial(search, shard, probe, sequence)) for probe in prepared]
    busy: list[float] = []
    seconds: list[float] = []
    folding = threading.Thread(target=lambda: seconds.append(_timed(shard.fold)))
    folding.start()
    while folding.is_alive():
        probe = prepared[len(busy) % len(prepared)]
        busy.append(_timed(partial(search, shard, probe, sequence)))
    folding.join()
    shard.close()
    store.close()
    return {
        "added": len(people),
        "catch_up_s": caught_up,
        "fold_s": seconds[0],
        "search_before_p50_s": float(np.median(idle)),
        "search_beside_p50_s": float(np.median(busy)),
        "search_beside_max_s": max(busy),
        "searches_beside": len(busy),
    }


def _alone(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What a fresh process measures."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work).result()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
