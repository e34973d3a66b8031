"""Similarity of two minutiae, and the gate on their turn."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.prints import drawn_finger
from workers.biometrics.model import Impression
from workers.matching.similarity import (
    FEATURES,
    FULL_SIMILARITY,
    fill_features,
    probe_features,
    sectors,
)


@pytest.mark.parametrize(
    ("angle", "sector"),
    [(0, 0), (2047, 0), (2048, 1), (6143, 1), (6144, 2), (63487, 15), (63488, 0), (65535, 0)],
)
def test_sectors_are_centred_on_their_angles(angle: int, sector: int) -> None:
    """Sixteenths of a turn, which is 65,536."""
    assert sectors(np.array([angle], np.uint16)).tolist() == [sector]


def test_a_product_of_features_is_the_similarity_where_minutiae_may_meet() -> None:
    rng = np.random.default_rng(4)
    ours = drawn_finger(rng, 1, Impression.PLAIN, 40, repeat=False)
    theirs = drawn_finger(rng, 1, Impression.PLAIN, 30, repeat=False)
    features = np.empty((30, FEATURES), np.float32)
    fill_features(features, theirs.descriptors, theirs.angle)
    products = probe_features(ours) @ features.T
    alike = ours.descriptors.astype(int) @ theirs.descriptors.astype(int).T
    apart = np.abs(
        np.rint(ours.angle / 4096).astype(int)[:, None] % 16
        - np.rint(theirs.angle / 4096).astype(int) % 16
    )
    may_meet = np.minimum(apart, 16 - apart) <= 4  # a quarter turn
    np.testing.assert_array_equal(products[may_meet], alike[may_meet])
    assert products[~may_meet].max() < 0


def test_equal_descriptors_reach_full_similarity() -> None:
    axis = np.zeros(64, np.int64)
    axis[3] = 127
    assert axis @ axis == FULL_SIMILARITY
