"""Evaluations on published sets of real prints, with the bounds that the release promises.

Extractions are kept for the run, so that a set is extracted once; with `RIDGELINE_CACHE` set
they are kept beyond it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from coordinator.commands import cli, run

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(900)]

FNMR_KEYS = {"0.01", "0.001", "0.0001"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("RIDGELINE_CACHE")
    return Path(kept) / "extractions" if kept else tmp_path_factory.mktemp("extractions")


def evaluate(kind: str, tmp_path: Path, dataset: Path, dpi: int, cache: Path) -> dict[str, Any]:
    target = tmp_path / "result.json"
    options = ["--dataset", str(dataset), "--dpi", str(dpi), "--cache", str(cache)]
    assert run(cli, ["evaluate", kind, *options, "--json", str(target)]) == 0
    result: dict[str, Any] = json.loads(target.read_text())
    return result


@pytest.mark.parametrize(
    ("name", "dpi", "lost_at_most"),
    [("DB1_B", 500, 1), ("DB2_B", 569, 0), ("DB3_B", 500, 3), ("DB4_B", 500, 3)],
)
def test_verification_on_fvc2002(
    data: Path, cache: Path, tmp_path: Path, name: str, dpi: int, lost_at_most: int
) -> None:
    report = evaluate("verification", tmp_path, data / "fvc2002" / name, dpi, cache)
    assert (report["images"], report["failures_to_extract"]) == (80, 0)
    assert (report["genuine"], report["impostor"]) == (280, 2880)
    assert report["first_impression_impostors"]["impostor"] == 45
    assert report["at_eer_threshold"]["genuine_lost"] <= lost_at_most
    assert report["fnmr_at_fmr"].keys() == FNMR_KEYS
    assert report["fnmr_at_fmr"]["0.0001"] is None  # not resolvable with 2,880 impostors
    assert report["parameters_hash"]


@pytest.mark.parametrize(("name", "dpi", "probes"), [("CrossMatch", 500, 28), ("UareU", 512, 21)])
def test_identification_on_neurotechnology(
    data: Path, cache: Path, tmp_path: Path, name: str, dpi: int, probes: int
) -> None:
    report = evaluate("identification", tmp_path, data / "neurotech" / name, dpi, cache)
    assert report["subjects"] == 1000 + probes // 7
    assert (report["mated_probes"], report["nonmated_probes"]) == (probes, probes)
    assert report["rank1"] == 1.0
    assert report["outcomes"]["mated"] == {"CANDIDATES": probes}
    assert report["outcomes"]["nonmated"] == {"NO_CANDIDATE": probes}
    assert report["fnir_at_fpir"] == {"0.01": None, "0.001": None}
    assert report["search_seconds"].keys() == {"p50", "p95"}


@pytest.mark.parametrize(("name", "dpi"), [("CrossMatch", 500), ("UareU", 512)])
def test_verification_on_neurotechnology(
    data: Path, cache: Path, tmp_path: Path, name: str, dpi: int
) -> None:
    report = evaluate("verification", tmp_path, data / "neurotech" / name, dpi, cache)
    assert report["failures_to_extract"] == 0
    assert report["eer"] < 0.002
