"""Speed of the matcher on this machine: each stage, and complete searches by gallery size."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from coordinator.bench.filler import MADE, SEED, Filler, probes
from coordinator.progress import Track
from workers.biometrics.model import Impression, TenPrint
from workers.matching.backends.numpy_backend import NumpyBackend, NumpyGallery
from workers.matching.columns import Columns
from workers.matching.descriptor import describe_encounter
from workers.matching.parameters import parameters_hash
from workers.matching.probe import prepare_probe
from workers.matching.search import search_batch
from workers.matching.similarity import FEATURES
from workers.matching.sketch import Level
from workers.matching.template import EncounterTemplate
from workers.matching.verify import compare_all
from workers.synthesis.templates import generate_population

PARTITIONS = 64
SIZES = ((40, 32), (64, 48), (96, 64))
"""Minutiae of probe and gallery finger."""

SCREENED = 1024
"""Persons that the screen's speed is measured on."""

SKETCHED = 500_000
"""Persons that the sketch's speed is measured on."""

BATCHES = (1, 8, 64)
LIMIT = 20
_SECONDS = 2.0
"""Each figure is taken over at least so long."""


def bench_matcher(
    *, sizes: Sequence[int], searches: int, threads: Sequence[int], track: Track
) -> dict[str, Any]:
    """Measures everything; rates are medians of repeated runs.

    Args:
        sizes: galleries of complete searches, subjects.
        searches: of each size.
        threads: processes with one thread each that work side by side, as shards do.
    """
    backend = NumpyBackend()  # one BLAS thread from here on
    peak = blas_peak()
    screened = {f"{p}x{g}": screen_rate(p, g) for p, g in SIZES}
    screens = _by_threads_and_batch(threads, partial(screen_rate, 40, 32))
    consolidated = {f"{p}x{g}": consolidation_rate(p, g) for p, g in SIZES}
    sketches = _by_threads_and_batch(threads, sketch_rate)
    one_thread = screened["40x32"] * 2.0 * FEATURES * 40 * 32
    filler = _filler()
    found: dict[str, dict[str, Any]] = {}
    for size in track(sizes, description="Searching galleries", total=len(sizes)):
        found[str(size)] = _searches(backend, filler.gallery(size), searches)
    return {
        "screen_comparisons_per_s": screens,
        "screen_comparisons_per_s_by_minutiae": screened,
        "consolidation_comparisons_per_s_by_minutiae": consolidated,
        "sketch_pairs_per_s": sketches,
        "search_seconds": found,
        "blas_peak_gflops": peak / 1e9,
        "blas_peak_fraction": one_thread / peak,
        "bytes_per_finger": filler.packed.nbytes / (MADE * 10),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "data": f"{MADE} generated persons, seed {SEED}, recombined; the store is bypassed",
        "parameters_hash": parameters_hash(),
    }


def _by_threads_and_batch(threads: Sequence[int], rate: Callable[[int], float]) -> dict[str, float]:
    """A stage's rate, which depends on how many probes come together, as keys of the result."""
    by_batch = [partial(rate, batch) for batch in BATCHES]
    return {
        f"threads={n},batch={batch}": found
        for n in threads
        for batch, found in zip(BATCHES, side_by_side(n, by_batch), strict=True)
    }


def side_by_side(count: int, measures: Sequence[Callable[[], float]]) -> list[float]:
    """For each measure the sum of the rates of so many processes that take it at once."""
    if count == 1:
        return [measure() for measure in measures]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        return [sum(pool.map(_measured, [measure] * count)) for measure in measures]


def _measured(measure: Callable[[], float]) -> float:
    with threadpool_limits(1, user_api="blas"):
        return measure()


def blas_peak() -> float:
    """Floating-point operations a second of a large float32 product, one thread."""
    a = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
    return 2.0 * 1024**3 / median_seconds(lambda: a @ a)


def screen_rate(probe_minutiae: int, gallery_minutiae: int, batch: int = 1) -> float:
    """Finger comparisons a second of the screen, one thread.

    Shortlists differ from probe to probe, so the probes of a batch are screened one by one.
    """
    backend = NumpyBackend()
    large = _persons_of(max(probe_minutiae, gallery_minutiae))
    people = [large[i % len(large)].cut(gallery_minutiae) for i in range(SCREENED)]
    packed = backend.pack(Columns.of(people))
    probe = prepare_probe(large[0].cut(probe_minutiae))
    rows = np.arange(SCREENED)

    def work() -> None:
        for _ in range(batch):
            backend.screen(probe, packed, rows, _go_on)

    return batch * SCREENED * len(probe.fingers) / median_seconds(work)


def consolidation_rate(probe_minutiae: int, gallery_minutiae: int) -> float:
    """Pairs of fingers a second of the last stage, which gives a score by itself; one thread."""
    persons = _persons_of(max(probe_minutiae, gallery_minutiae))
    one, *others = [finger for person in persons for finger in person.fingers]
    probe = one.cut(probe_minutiae)
    gallery = [finger.cut(gallery_minutiae) for finger in others]
    return len(gallery) / median_seconds(lambda: compare_all(probe, gallery))


def sketch_rate(batch: int) -> float:
    """Pairs of subject and probe a second: coarse product and selection, one thread."""
    backend = NumpyBackend()
    gallery = _filler().gallery(SKETCHED)
    some = [prepare_probe(p) for p in probes(8)]
    batched = [some[i % len(some)] for i in range(batch)]
    rows = np.array_split(np.arange(SKETCHED), PARTITIONS)
    depths = np.full((batch, PARTITIONS), SKETCHED // PARTITIONS // 100)
    seconds = median_seconds(
        lambda: backend.select(Level.COARSE, batched, gallery, rows, depths, _go_on)
    )
    return batch * SKETCHED / seconds


def _searches(backend: NumpyBackend, gallery: NumpyGallery, searches: int) -> dict[str, Any]:
    """Complete searches of ten fingers, one by one and in batches; one thread."""
    visible = np.array_split(np.arange(gallery.rows), PARTITIONS)
    prepared = [prepare_probe(template) for template in probes(searches)]
    search = partial(search_batch, backend, gallery=gallery, visible=visible, limit=LIMIT)
    taken, first = [], 0
    for person, probe in enumerate(prepared):
        started = time.perf_counter()
        (answer,) = search([probe])
        taken.append(time.perf_counter() - started)
        best = max((p for p in answer.partitions if len(p.rows)), key=lambda p: p.fused[0])
        first += int(best.rows[0]) == person
    started = time.perf_counter()
    search(prepared)
    batched = (time.perf_counter() - started) / searches
    p50, p95 = np.percentile(taken, [50, 95])
    return {
        "p50": float(p50),
        "p95": float(p95),
        "batched": batched,
        "batch": searches,
        "mates_first": first,
        "searches": searches,
    }


@cache
def _filler() -> Filler:
    return Filler.make()


@cache
def rolled(minutiae: int) -> tuple[TenPrint, ...]:
    """Rolled generated persons whose every finger has at least so many minutiae."""
    made = generate_population(SEED, 48, impression=Impression.ROLLED)
    enough = tuple(t for t in made if min(len(s.minutiae) for s in t.samples) >= minutiae)
    if not enough:
        raise ValueError(f"no generated person has {minutiae} minutiae in every finger")
    return enough


@cache
def _persons_of(minutiae: int) -> tuple[EncounterTemplate, ...]:
    return tuple(describe_encounter(ten_print.samples) for ten_print in rolled(minutiae))


def median_seconds(work: Callable[[], object]) -> float:
    """Of repeated runs, after one that warms up."""
    work()
    taken: list[float] = []
    while sum(taken) < _SECONDS or len(taken) < 3:
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def _go_on() -> None:
    """A checkpoint that never stops the work."""
