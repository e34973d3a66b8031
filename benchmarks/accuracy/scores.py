"""Scores of pairs: ours afresh, those of peers kept, since they do not change when we do."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.pairs import Pairs
from benchmarks.accuracy.peers import Peer, Source, peer_version
from coordinator.evaluate.verification import FAILED_SCORE, usable_template
from coordinator.paths import cache_directory, write_whole
from workers.biometrics.model import Minutiae
from workers.matching.parameters import PARAMETERS
from workers.matching.verify import compare_all

Scores = NDArray[np.float64]


def own_scores(
    probes: Sequence[Minutiae | None],
    gallery: Sequence[Minutiae | None],
    pairs: Pairs,
    kept: int = PARAMETERS.descriptor.minutiae_max,
) -> Scores:
    """Our scores of the pairs, (m,); a print that fails scores lowest.

    Args:
        kept: minutiae of each second print, the best; a packed gallery keeps fewer than a probe.
    """
    of_probes = [usable_template(minutiae) for minutiae in probes]
    templates = [usable_template(minutiae) for minutiae in gallery]
    of_gallery = [None if t is None else t.cut(kept) for t in templates]
    scores = np.full(len(pairs), FAILED_SCORE)
    for i in np.unique(pairs.first):
        probe = of_probes[i]
        if probe is None:
            continue
        at = np.flatnonzero(pairs.first == i)
        others = [(k, t) for k in at if (t := of_gallery[pairs.second[k]]) is not None]
        if others:
            scores[[k for k, _ in others]] = compare_all(probe, [t for _, t in others])
    return scores


def peer_scores(
    peer: Peer,
    probes: Sequence[Source],
    gallery: Sequence[Source],
    pairs: Pairs,
    say: Callable[[str], None] = print,
) -> tuple[Scores, int]:
    """A peer's scores (m,), and how many prints of the two sides it failed on."""
    path = _cache_path(peer, probes, gallery, pairs)
    with (
        suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
        np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept,
    ):
        return kept["scores"], int(kept["failed"])
    started = time.perf_counter()
    of_probes = [peer.prepare(source) for source in probes]
    of_gallery = of_probes if gallery is probes else [peer.prepare(source) for source in gallery]
    scores = np.full(len(pairs), FAILED_SCORE)
    for k, (i, j) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        a, b = of_probes[i], of_gallery[j]
        if a is not None and b is not None:
            scores[k] = peer.compare(a, b)
    failed = _failures(of_probes, [] if gallery is probes else of_gallery)
    buffer = io.BytesIO()
    np.savez(buffer, scores=scores, failed=np.array(failed))
    write_whole(path, buffer.getvalue())
    say(f"  {peer.name}: {len(pairs):,} pairs in {time.perf_counter() - started:.0f} s")
    return scores, failed


def _failures(*sides: Sequence[Any | None]) -> int:
    return sum(one is None for side in sides for one in side)


def _cache_path(
    peer: Peer, probes: Sequence[Source], gallery: Sequence[Source], pairs: Pairs
) -> Path:
    """By the peer's version, the pairs, and the prints as it gets them."""
    digest = hashlib.sha256(peer_version(peer).encode())
    digest.update(np.stack([pairs.first, pairs.second]).astype("<i8").tobytes())
    for side in (probes, gallery):
        for source in side:
            digest.update(_content(peer, source))
    return cache_directory() / "peers" / f"{digest.hexdigest()}.npz"


def _content(peer: Peer, source: Source) -> bytes:
    if peer.reads_images:
        return hashlib.sha256(
            f"{source.resolution_ppi}\n".encode() + source.path.read_bytes()
        ).digest()
    m = source.minutiae
    if m is None:
        return b"failed"
    whole = hashlib.sha256(f"{m.width} {m.height}\n".encode())
    for array in (m.x, m.y, m.angle, m.kind, m.quality):
        whole.update(array.tobytes())
    return whole.digest()
