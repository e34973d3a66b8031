"""The stretch that real impostors need, and that curves are shipped as fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.curve_fit import fit_curve, stretched
from benchmarks.fit_calibration import chosen_factor, factor_needed, write_curves
from benchmarks.impostors import RealGroup
from workers.matching.fuse import fuse

SAMPLE = np.random.default_rng(1).exponential(1.0, 50_000)
CURVE = fit_curve(SAMPLE)


def group(times: float) -> RealGroup:
    """Two hundred fingers whose impostors score so many times what the curve was fitted on."""
    raw = np.random.default_rng(2).exponential(times, (200, 200))
    symmetric = np.triu(raw, 1) + np.triu(raw, 1).T
    return RealGroup("made", np.array(["made"] * 200), (), np.arange(200), symmetric)


@pytest.mark.parametrize("times", [0.7, 1.0, 1.6])
def test_the_stretch_needed_is_how_much_larger_impostors_score(times: float) -> None:
    assert factor_needed(group(times), CURVE) == pytest.approx(times, rel=0.05)


def test_the_chosen_stretch_suffices_for_every_set() -> None:
    groups = [group(0.7), group(1.6), group(1.2)]
    factor = chosen_factor(groups, CURVE)
    curve = stretched(CURVE, factor)
    rates = [(curve.at(one.impostors()) >= 20.0).mean() for one in groups]
    assert max(rates) == pytest.approx(0.01, abs=0.0005)
    assert max(rates) <= 0.01
    assert factor == round(factor, 2)


def test_nothing_is_shrunk_where_generated_impostors_score_higher() -> None:
    assert chosen_factor([group(0.7)], CURVE) == 1.0


def test_stretching_all_impostors_leaves_the_evidence_of_persons_as_it_is() -> None:
    raw = np.random.default_rng(3).exponential(1.0, (100, 10))
    np.testing.assert_allclose(fuse(1.7 * raw, stretched(CURVE, 1.7)), fuse(raw, CURVE))


def test_curves_are_written_as_they_are(tmp_path: Path) -> None:
    write_curves([CURVE, stretched(CURVE, 2.0)], tmp_path / "curves.npz")
    with np.load(tmp_path / "curves.npz") as data:
        assert int(data["curves"]) == 2
        np.testing.assert_array_equal(data["values_1"], 2.0 * CURVE.values)
        np.testing.assert_array_equal(data["scores_0"], CURVE.scores)
        assert data["slopes"].tolist() == [CURVE.slope, CURVE.slope / 2.0]
        assert data["limits"].tolist() == [CURVE.limit, CURVE.limit]
