"""Speed of the peers' matchers, on the fingers that ours is timed on.

`benchmarks.throughput` runs it; they are for development, so ``ridgeline bench matcher`` does
without.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.accuracy.peers import PEERS, Peer, Source
from coordinator.bench.matcher import SIZES, median_seconds, rolled
from workers.biometrics.model import Minutiae
from workers.matching.template import best_by_quality

COMPARED = 16
"""Gallery fingers of a timed run: the slowest peer takes a second for a few."""


def peer_rates() -> dict[str, Any]:
    """Pairs of fingers a second of every matcher, by name and minutiae; one thread."""
    return {
        peer.name: {
            "package": f"{peer.package} {metadata.version(peer.package)}",
            "note": peer.note,
            "comparisons_per_s_by_minutiae": {f"{p}x{g}": peer_rate(peer, p, g) for p, g in SIZES},
        }
        for peer in PEERS
        if not peer.reads_images  # the extractor is another matter; its matcher is there
    }


def peer_rate(peer: Peer, probe_minutiae: int, gallery_minutiae: int) -> float:
    """Pairs of fingers a second; both sides are prepared before, as ours are."""
    one, others = workload(probe_minutiae, gallery_minutiae)
    probe, *gallery = (peer.prepare(Source(Path(), 500.0, m)) for m in (one, *others))
    with threadpool_limits(1, user_api="blas"):
        seconds = median_seconds(lambda: [peer.compare(probe, finger) for finger in gallery])
    return len(gallery) / seconds


def workload(probe_minutiae: int, gallery_minutiae: int) -> tuple[Minutiae, Sequence[Minutiae]]:
    """A generated finger and others, none its mate, with exactly so many minutiae each."""
    persons = rolled(max(probe_minutiae, gallery_minutiae))
    one, *others = [sample.minutiae for person in persons for sample in person.samples]
    return _cut(one, probe_minutiae), [_cut(m, gallery_minutiae) for m in others[:COMPARED]]


def _cut(minutiae: Minutiae, count: int) -> Minutiae:
    return minutiae.take(best_by_quality(minutiae.quality, count))
