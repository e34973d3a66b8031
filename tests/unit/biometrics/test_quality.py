"""NFIQ 2 and the gate."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.biometrics.drawn import finger, ridges
from workers.biometrics.extraction import extract
from workers.biometrics.model import FingerImage, FingerPosition, FingerSample, Impression
from workers.biometrics.quality import QualityGate, nfiq2


def test_a_clean_print_is_better_than_noise() -> None:
    clean = nfiq2(FingerImage(finger(400, 320), 500.0))
    rng = np.random.default_rng(0)
    noise = nfiq2(FingerImage(rng.integers(0, 256, (400, 320)).astype(np.uint8), 500.0))
    assert clean is not None
    assert clean > (noise or 0) + 10


@pytest.mark.parametrize("shape", [(16, 16), (40, 300), (300, 300)])
@pytest.mark.parametrize("grey", [0, 255])
def test_blank_images_have_no_score(shape: tuple[int, int], grey: int) -> None:
    assert nfiq2(FingerImage(np.full(shape, grey, np.uint8), 500.0)) is None


@pytest.mark.parametrize("shape", [(16, 16), (30, 400), (64, 64)])
def test_scraps_of_ridges_are_judged_or_left_alone(shape: tuple[int, int]) -> None:
    score = nfiq2(FingerImage(ridges(*shape, 0, count=0)[0], 500.0))
    assert score is None or 0 <= score <= 100


def sample(minutiae: int, score: int | None) -> FingerSample:
    pixels, _ = ridges(256, 256, 0)
    found = extract(FingerImage(pixels, 500.0))
    assert len(found) >= minutiae
    return FingerSample(
        FingerPosition.RIGHT_INDEX, Impression.PLAIN, found.take(np.arange(minutiae)), score, "p"
    )


def test_the_default_gate_is_lenient_on_quality_and_firm_on_minutiae() -> None:
    gate = QualityGate()
    assert gate.passes(sample(8, 0))
    assert gate.passes(sample(8, None))
    assert not gate.passes(sample(7, 100))


def test_the_gate_is_configurable() -> None:
    gate = QualityGate(min_minutiae=4, min_nfiq2=30)
    assert gate.passes(sample(4, 30))
    assert not gate.passes(sample(4, 29))
    assert gate.passes(sample(4, None))
    assert not gate.passes(sample(3, 90))
