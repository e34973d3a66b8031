"""``ridgeline bench matcher`` as a script reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.bench.filler import Filler
from coordinator.commands import cli, run
from workers.biometrics.model import FINGERS
from workers.matching.sketch import Level


@pytest.mark.slow
def test_it_keeps_its_contract(tmp_path: Path) -> None:
    target = tmp_path / "bench.json"
    arguments = ["bench", "matcher", "--subjects", "2000", "--searches", "3"]
    assert run(cli, [*arguments, "--json", str(target)]) == 0
    result = json.loads(target.read_text())
    batches = {f"threads={n},batch={b}" for n in (1, 2) for b in (1, 8, 64)}
    assert result["sketch_pairs_per_s"].keys() == batches
    assert result["screen_comparisons_per_s"].keys() == batches
    assert all(rate > 0 for rate in result["sketch_pairs_per_s"].values())
    for stage in ("screen", "consolidation"):
        rates = result[f"{stage}_comparisons_per_s_by_minutiae"]
        assert rates["40x32"] > rates["64x48"] > rates["96x64"] > 0
    searches = result["search_seconds"]["2000"]
    assert 0 < searches["p50"] <= searches["p95"]
    assert searches["mates_first"] == 3
    assert 0 < result["blas_peak_fraction"] < 1
    assert 0 < result["bytes_per_finger"] < 72 * 64


def test_the_filler_recombines_fingers() -> None:
    filler = Filler.make(persons=12)
    gallery = filler.gallery(40)
    assert gallery.rows == 40
    for level in Level:
        # The first ones are the generated persons themselves.
        own = filler.packed.sketches[level]
        assert (gallery.sketches[level][:12] == own).all()
        # Every finger of the others is somebody's.
        row = gallery.sketches[level][30]
        for place in range(len(FINGERS)):
            part = slice(place * level.value, (place + 1) * level.value)
            assert (own[:, part] == row[part]).all(axis=1).any()
