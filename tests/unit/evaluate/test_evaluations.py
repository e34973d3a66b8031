"""Both evaluations from end to end on a small generated set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from coordinator.evaluate.dataset import read_dataset
from coordinator.evaluate.extractions import ExtractionCache
from coordinator.evaluate.identification import evaluate_identification, make_people
from coordinator.evaluate.plots import check_plot_file, plot_det, verification_title
from coordinator.evaluate.verification import evaluate_verification
from coordinator.progress import silent
from workers.biometrics.model import Minutiae
from workers.errors import RidgelineError


def test_verification(generated_set: Path, cache: ExtractionCache, tmp_path: Path) -> None:
    result = evaluate_verification(generated_set, resolution_ppi=500, cache=cache, track=silent)
    report = result.report
    assert (report["images"], report["failures_to_extract"]) == (8, 0)
    assert (report["genuine"], report["impostor"]) == (4, 24)
    assert report["first_impression_impostors"]["impostor"] == 6
    assert report["eer"] == 0.0
    # 24 impostor pairs cannot resolve any of these.
    assert report["fnmr_at_fmr"] == {"0.01": None, "0.001": None, "0.0001": None}
    assert report["intervals"]["eer"] == (0.0, 0.0)
    assert len(report["parameters_hash"]) == 64
    assert json.loads(json.dumps(report, allow_nan=False))
    plot_det(result.counts, verification_title(report), tmp_path / "det.svg")
    assert (tmp_path / "det.svg").read_text().startswith("<?xml")


def test_a_failure_to_extract_scores_lowest(
    generated_set: Path, cache: ExtractionCache, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(generated_set, folder)
    (folder / "000_2_1.tif").write_bytes(b"no image at all")
    report = evaluate_verification(folder, resolution_ppi=500, cache=cache, track=silent).report
    assert report["failed_images"] == ["000_2_1.tif"]
    assert (report["failures_to_extract"], report["images"], report["genuine"]) == (1, 8, 4)
    # Its one genuine pair is lost at any threshold that refuses an impostor.
    assert report["at_eer_threshold"]["genuine_lost"] in (0, 1)
    assert report["eer"] > 0.0


def test_one_finger_makes_no_impostors(
    generated_set: Path, cache: ExtractionCache, tmp_path: Path
) -> None:
    for scan in (1, 2):
        shutil.copy(generated_set / f"000_2_{scan}.tif", tmp_path)
    with pytest.raises(RidgelineError, match="at least two fingers"):
        evaluate_verification(tmp_path, resolution_ppi=500, cache=cache, track=silent)


def test_identification(generated_set: Path, cache: ExtractionCache) -> None:
    report = evaluate_identification(
        generated_set, resolution_ppi=500, background=12, cache=cache, track=silent
    )
    assert (report["subjects"], report["mated_probes"], report["nonmated_probes"]) == (14, 2, 2)
    assert report["rank1"] == 1.0
    assert report["fnir_at_fpir"] == {"0.01": None, "0.001": None}
    assert set(report["search_seconds"]) == {"p50", "p95"}
    # The person was really left out: the best of the others is no lead.
    assert report["outcomes"] == {"mated": {"CANDIDATES": 2}, "nonmated": {"NO_CANDIDATE": 2}}
    assert report["fused_scores"]["mates"]["p0"] > report["fused_scores"]["best_nonmates"]["p100"]
    assert json.loads(json.dumps(report, allow_nan=False))


def test_identification_needs_persons(tmp_path: Path, cache: ExtractionCache) -> None:
    (tmp_path / "101_1.png").write_bytes(b"")
    with pytest.raises(RidgelineError, match="names no person"):
        evaluate_identification(
            tmp_path, resolution_ppi=500, background=0, cache=cache, track=silent
        )


@pytest.mark.parametrize("name", ["1_11_1.png", "1_0_1.png", "1_thumb_1.png"])
def test_identification_needs_fingers(tmp_path: Path, cache: ExtractionCache, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(RidgelineError, match="from 1 to 10"):
        evaluate_identification(
            tmp_path, resolution_ppi=500, background=0, cache=cache, track=silent
        )


def minutiae(count: int) -> Minutiae:
    rng = np.random.default_rng(count)
    place = rng.uniform(20, 280, (2, count)).astype(np.float32)
    angle = rng.uniform(0, 6, count).astype(np.float32)
    ones = np.ones(count, np.uint8)
    return Minutiae(place[0], place[1], angle, ones, 50 * ones, 300, 300)


def test_people_lack_the_fingers_that_failed(generated_set: Path) -> None:
    scans = read_dataset(generated_set)
    found: list[Minutiae | None] = [minutiae(30) for _ in scans]
    where = {s.path.name: i for i, s in enumerate(scans)}
    found[where["000_2_2.tif"]] = None
    found[where["001_3_2.tif"]] = minutiae(3)  # below the quality gate
    people = make_people(scans, found)
    assert people.failed == ["000_2_2.tif", "001_3_2.tif"]
    assert [len(t.fingers) for t in people.enrolled.values()] == [2, 2]
    assert [int(f.position) for f in people.probes["000", 2].fingers] == [3]
    assert [int(f.position) for f in people.probes["001", 2].fingers] == [2]
    found[where["000_2_1.tif"]] = found[where["000_3_1.tif"]] = None
    with pytest.raises(RidgelineError, match="person 000 has no usable finger"):
        make_people(scans, found)


def test_a_plot_needs_a_known_ending() -> None:
    check_plot_file(Path("det.PNG"))
    with pytest.raises(RidgelineError, match="expected a file ending in"):
        check_plot_file(Path("det.docx"))
