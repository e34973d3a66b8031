"""Resolutions as records spell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.biometrics.resolution import is_square, ppi_of_ppcm, ppi_of_px_mm


@pytest.mark.parametrize(
    ("pixels", "ppi"), [(196, 500.0), (197, 500.0), (393, 1000.0), (394, 1000.0), (98, 250.0)]
)
def test_nominal_resolutions_per_centimetre(pixels: int, ppi: float) -> None:
    assert ppi_of_ppcm(pixels) == ppi


@pytest.mark.parametrize(
    ("pixels", "ppi"),
    [(19.69, 500.0), (19.68, 500.0), (19.7, 500.0), (39.37, 1000.0), (22.4, 568.96)],
)
def test_nominal_resolutions_per_millimetre(pixels: float, ppi: float) -> None:
    assert ppi_of_px_mm(pixels) == pytest.approx(ppi)


@given(st.integers(50, 1000))
def test_both_units_agree_within_half_a_pixel_per_centimetre(pixels: int) -> None:
    assert abs(ppi_of_ppcm(pixels) - 2.54 * pixels) <= 2.54
    assert abs(ppi_of_px_mm(pixels / 10) - 2.54 * pixels) <= 0.002 * 2.54 * pixels + 0.01


def test_pixels_are_square_within_one_percent() -> None:
    assert is_square(500, 505)
    assert not is_square(500, 506)
