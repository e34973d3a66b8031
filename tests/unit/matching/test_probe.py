"""What a probe knows of its impostors, held against statistics of the shipped cohort.

Every backend takes these numbers from here, so comparing backends shows nothing about them.
"""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.matching.samples import encounter
from workers.biometrics.model import Impression
from workers.matching.parameters import COHORT_FILE, PARAMETERS, data_file
from workers.matching.probe import ProbeFinger, prepare_finger, prepare_probe
from workers.matching.screen import RECIPROCALS, TOP_COUNTS
from workers.matching.template import EncounterTemplate, FingerTemplate


def cohort_similarities(probe: FingerTemplate) -> tuple[list[int], NDArray[np.int64]]:
    """Size of each cohort finger, and what is most alike each probe minutia in it, (c, p)."""
    with np.load(BytesIO(data_file(COHORT_FILE))) as data:
        descriptors, sector, sizes = data["descriptors"], data["sectors"], data["counts"].tolist()
    products = descriptors.astype(np.int64) @ probe.descriptors.astype(np.int64).T
    # Sectors of a sixteenth of a turn, the first about angle 0; four apart may still meet.
    ours = np.floor(probe.angle / 65536 * 16 + 0.5).astype(int) % 16
    apart = np.abs(sector.astype(int)[:, None] - ours)
    products[np.minimum(apart, 16 - apart) > 4] = 0
    best, first = [], 0
    for size in sizes:
        best.append(np.maximum(products[first : first + size].max(axis=0), 0))
        first += size
    assert first == len(descriptors)
    return sizes, np.array(best)


def screen_average(best: NDArray[np.int64], size: int, probe: ProbeFinger) -> int:
    """Mean of the n most unusual similarities in 1/256 deviations, rounded down twice."""
    above: list[int] = [
        (b - int(m)) * int(inverse) >> 12
        for b, m, inverse in zip(
            best.tolist(), probe.minutia_mean, probe.minutia_inverse, strict=True
        )
    ]
    n = int(TOP_COUNTS[min(size, len(above))])
    total = sum(sorted(above, reverse=True)[:n])
    return total * int(RECIPROCALS[n]) >> 12


@pytest.fixture(params=[3, 24, None], scope="module")
def probe(request: pytest.FixtureRequest) -> ProbeFinger:
    impression = Impression.PLAIN if request.param else Impression.ROLLED
    template = encounter(5, fingers=(3,), impression=impression, minutiae=request.param)
    return prepare_finger(template.fingers[0])


def test_minutiae_are_normalised_by_mean_and_deviation_over_the_cohort(probe: ProbeFinger) -> None:
    _, best = cohort_similarities(probe.template)
    np.testing.assert_array_equal(probe.minutia_mean, np.rint(best.mean(axis=0)))
    deviation = np.maximum(best.std(axis=0), PARAMETERS.screen.deviation_floor)
    np.testing.assert_allclose(probe.minutia_inverse, 256 * 4096 / deviation, atol=0.51)


def test_scores_are_normalised_by_a_line_over_the_size_of_the_gallery_finger(
    probe: ProbeFinger,
) -> None:
    sizes, best = cohort_similarities(probe.template)
    averages = [screen_average(b, size, probe) for b, size in zip(best, sizes, strict=True)]
    slope, offset = np.polyfit(np.log2(sizes), averages, 1)
    rest = averages - (slope * np.log2(sizes) + offset)
    middles = [8 * size_bin + 4 for size_bin in range(PARAMETERS.descriptor.minutiae_max // 8 + 1)]
    np.testing.assert_allclose(probe.score_mean, slope * np.log2(middles) + offset, atol=0.51)
    deviation = max(rest.std(), PARAMETERS.screen.score_deviation_floor)
    assert probe.score_inverse == pytest.approx(256 * 4096 / deviation, abs=0.51)


def test_as_many_of_the_best_count_as_the_paper_says() -> None:
    """Cappelli et al. 2010, equation 24: 4 to 12, half-way at 20 minutiae of the smaller print."""
    for smaller, n in enumerate(TOP_COUNTS.tolist()):
        assert n == round(4 + 8 / (1 + math.exp(-0.4 * (smaller - 20))))
    assert len(TOP_COUNTS) == PARAMETERS.descriptor.minutiae_max + 1
    assert (TOP_COUNTS[0], TOP_COUNTS[20], TOP_COUNTS[-1]) == (4, 8, 12)
    assert [round(4096 / n) for n in range(1, 13)] == RECIPROCALS[1:].tolist()


def test_a_probe_counts_fingers_and_not_prints() -> None:
    both = (Impression.PLAIN, Impression.ROLLED)
    prints = [encounter(0, fingers=(1, 10), impression=one, minutiae=5).fingers for one in both]
    template = EncounterTemplate(prints[0] + prints[1], encounter(0).parameters_hash)
    probe = prepare_probe(template)
    assert (len(probe.fingers), probe.finger_count, probe.fingers_mask) == (4, 2, 0b10_0000_0001)
