"""Local similarity assignment: which minutia of one print may be which of the other.

Cappelli, Ferrara, Maltoni 2010, section 4.2, assigns at the least total cost. Here pairs are
taken greedily, most alike first, each minutia once: on the development sets that lost fewer
genuine pairs than the optimal assignment and it needs no solver. Taking all mutual best pairs at
once, round by round, gives the greedy assignment; the number of rounds is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.parameters import PARAMETERS

_P = PARAMETERS.consolidate
_INDEX_BITS = 8
_NONE = -1


@dataclass(frozen=True, slots=True)
class Assigned:
    """Pairs of each of b gallery fingers, most alike first, padded to k.

    Attributes:
        probe: probe minutia of each pair, (k, b); 0 in the padding.
        gallery: gallery minutia of each pair, (k, b); 0 in the padding.
        similarity: int32 (k, b); 0 in the padding, above 0 elsewhere.
        counts: pairs of each gallery finger, (b,).
    """

    probe: NDArray[np.intp]
    gallery: NDArray[np.intp]
    similarity: NDArray[np.int32]
    counts: NDArray[np.intp]


def assign(similarity: NDArray[np.int32]) -> Assigned:
    """The best one-to-one pairs of each gallery finger, `pairs_max` at most.

    Args:
        similarity: int32 (b, g, p), 0 where minutiae must not pair; at most 255 minutiae on
            either side.
    """
    keys = _unique_keys(similarity)
    found = [_take_mutual_best(keys) for _ in range(_P.assignment_rounds)]
    finger = np.concatenate([f for f, _ in found])
    key = np.concatenate([k for _, k in found])
    order = np.lexsort((-key, finger))
    finger, key = finger[order], key[order]
    counts = np.bincount(finger, minlength=len(similarity))
    rank = np.arange(len(finger)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = rank < _P.pairs_max
    finger, key, rank = finger[kept], key[kept], rank[kept]
    counts = np.minimum(counts, _P.pairs_max)
    padded = np.full((int(counts.max(initial=0)), len(similarity)), _pad_key(), np.int32)
    padded[rank, finger] = key
    index = _index_of(padded)
    return Assigned(
        probe=index >> _INDEX_BITS,
        gallery=index & ((1 << _INDEX_BITS) - 1),
        similarity=padded >> (2 * _INDEX_BITS),
        counts=counts.astype(np.intp),
    )


def _unique_keys(similarity: NDArray[np.int32]) -> NDArray[np.int32]:
    """Similarity with the indices below it, so that no two keys are equal; ties go to the
    lowest probe minutia, then the lowest gallery minutia."""
    _, g, p = similarity.shape
    index = (np.arange(p, dtype=np.int32)[None, :] << _INDEX_BITS) | np.arange(g, dtype=np.int32)[
        :, None
    ]
    keys = (similarity << (2 * _INDEX_BITS)) | (((1 << (2 * _INDEX_BITS)) - 1) - index)
    keys[similarity <= 0] = _NONE
    return keys


def _pad_key() -> int:
    """The key of similarity 0 and index 0."""
    return (1 << (2 * _INDEX_BITS)) - 1


def _index_of(keys: NDArray[np.int32]) -> NDArray[np.intp]:
    low = (1 << (2 * _INDEX_BITS)) - 1
    return (low - (keys & low)).astype(np.intp)


def _take_mutual_best(keys: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Removes the pairs that are each other's best from `keys` and returns them."""
    if 0 in keys.shape:
        return np.zeros(0, np.intp), np.zeros(0, np.int32)
    of_probe, of_gallery = keys.max(axis=1), keys.max(axis=2)
    # A probe minutia's best is mutual when it is also the best of the gallery minutia in it.
    finger, probe = np.nonzero(of_probe > _NONE)
    key = of_probe[finger, probe]
    gallery = _index_of(key) & ((1 << _INDEX_BITS) - 1)
    mutual = of_gallery[finger, gallery] == key
    finger, probe, gallery, key = finger[mutual], probe[mutual], gallery[mutual], key[mutual]
    keys[finger, gallery, :] = _NONE
    keys[finger, :, probe] = _NONE
    return finger, key
