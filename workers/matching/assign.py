"""Local similarity assignment: which minutia of one print may be which of the other.

Cappelli, Ferrara, Maltoni 2010, section 4.2, assigns at the least total cost. Here pairs are
taken greedily, most alike first, each minutia once, which needs no solver. Taking all mutual best
pairs at once, round by round, gives the greedy assignment; the number of rounds is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.matching.parameters import PARAMETERS

_P = PARAMETERS.consolidate
_INDEX_BITS = 8
_INDICES = (1 << (2 * _INDEX_BITS)) - 1
_GALLERY = (1 << _INDEX_BITS) - 1
_NO_PAIR = np.int32(_INDICES)
"""Keys up to here are of minutiae that must not pair."""

_ANY = np.int32(np.iinfo(np.int32).max)


@dataclass(frozen=True, slots=True)
class Assigned:
    """Pairs of a probe print with each of b gallery fingers, most alike first, padded to k.

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
        similarity: int32 (g, p, b), gallery by probe minutiae of b fingers, 0 where minutiae must
            not pair, below 2**15; at most 255 minutiae on either side.
    """
    keys = _unique_keys(similarity)
    found = _mutual_best(keys)
    for _ in range(_P.assignment_rounds - 1):
        np.maximum(found, _mutual_best(keys), out=found)
    found.sort(axis=0)
    best = found[: -_P.pairs_max - 1 : -1]
    counts = (best > _NO_PAIR).sum(axis=0)
    best = np.maximum(best[: counts.max(initial=0)], _NO_PAIR)
    index = (_INDICES - (best & _INDICES)).astype(np.intp)
    return Assigned(
        probe=index >> _INDEX_BITS,
        gallery=index & _GALLERY,
        similarity=best >> (2 * _INDEX_BITS),
        counts=counts,
    )


def _unique_keys(similarity: NDArray[np.int32]) -> NDArray[np.int32]:
    """Similarity with the indices below it, so that no two keys of a finger are equal; ties go
    to the lowest probe minutia, then the lowest gallery minutia."""
    g, p, _ = similarity.shape
    index = (np.arange(p, dtype=np.int32) << _INDEX_BITS) | np.arange(g, dtype=np.int32)[:, None]
    keys = similarity << (2 * _INDEX_BITS)
    keys |= (_INDICES - index)[:, :, None]
    return keys


def _mutual_best(keys: NDArray[np.int32]) -> NDArray[np.int32]:
    """Key of each probe minutia's pair with the one whose best it is too, (p, b), or `_NO_PAIR`.

    The minutiae of those pairs are taken out of `keys`.
    """
    if 0 in keys.shape:
        return np.full(keys.shape[1:], _NO_PAIR)
    of_probe, of_gallery = keys.max(axis=0), keys.max(axis=1)
    gallery = (_INDICES - (of_probe & _INDICES)) & _GALLERY
    mutual = (of_probe > _NO_PAIR) & (
        np.take_along_axis(of_gallery, gallery.astype(np.intp), axis=0) == of_probe
    )
    probe, finger = np.nonzero(mutual)
    free = np.full_like(of_gallery, _ANY)
    free[gallery[probe, finger], finger] = _NO_PAIR
    np.minimum(keys, free[:, None, :], out=keys)
    np.minimum(keys, np.where(mutual, _NO_PAIR, _ANY), out=keys)
    return np.where(mutual, of_probe, _NO_PAIR)
