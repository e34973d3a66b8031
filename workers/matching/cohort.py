"""The impostor cohort: generated fingers that a probe is measured against when prepared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from workers.matching.parameters import COHORT_FILE, PARAMETERS, data_file
from workers.matching.similarity import FEATURES, SECTORS


@dataclass(frozen=True, slots=True)
class Cohort:
    """Fingers one after another, none empty.

    Attributes:
        features: float32 (minutiae of all, FEATURES), as by `similarity.fill_features`.
        starts: first minutia of each finger, (c,).
        counts: minutiae of each finger, (c,).
        sketches: of each finger, int8 (c, s).
    """

    features: NDArray[np.float32]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]
    sketches: NDArray[np.int8]

    def best_similarities(self, probe: NDArray[np.float32]) -> NDArray[np.int64]:
        """Best similarity of each probe minutia in each finger, int64 (c, p).

        Args:
            probe: float32 (p, FEATURES), as `similarity.probe_features`.
        """
        products = self.features @ probe.T
        best = np.maximum.reduceat(products, self.starts, axis=0)
        return np.maximum(best, 0.0).astype(np.int64)


@cache
def load_cohort() -> Cohort:
    """The cohort that is shipped; generated, since descriptors of real prints are templates."""
    with np.load(BytesIO(data_file(COHORT_FILE))) as data:
        descriptors, sector, counts = data["descriptors"], data["sectors"], data["counts"]
        sketches = data["sketches"]
    features = np.zeros((len(descriptors), FEATURES), np.float32)
    features[:, : PARAMETERS.descriptor.dimensions] = descriptors
    features[:, PARAMETERS.descriptor.dimensions :] = np.eye(SECTORS)[sector]
    counts = counts.astype(np.intp)
    return Cohort(features, np.cumsum(counts) - counts, counts, sketches)
