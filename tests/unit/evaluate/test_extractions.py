"""Extraction of whole sets, and its cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coordinator.evaluate.extractions import ExtractionCache, extract_all
from coordinator.print_files import PrintFile, read_print_file
from coordinator.progress import silent
from workers.biometrics.model import Minutiae, PrintFormat
from workers.errors import ErrorCode, RidgelineError

PRINT = PrintFile(PrintFormat.PNG, b"pixels", 500.0)
MINUTIAE = Minutiae(
    np.array([1.5, 2.5], np.float32),
    np.array([3.0, 4.0], np.float32),
    np.array([0.1, 6.2], np.float32),
    np.array([1, 2], np.uint8),
    np.array([90, 40], np.uint8),
    30,
    40,
)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    cache = ExtractionCache(tmp_path / "cache")
    assert cache.load(PRINT) is None
    cache.save(PRINT, MINUTIAE)
    found = cache.load(PRINT)
    assert found is not None
    for name in ("x", "y", "angle", "kind", "quality"):
        ours, theirs = getattr(MINUTIAE, name), getattr(found, name)
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()
    assert (found.width, found.height) == (30, 40)


def test_other_bytes_and_other_resolutions_are_other_prints(tmp_path: Path) -> None:
    cache = ExtractionCache(tmp_path)
    cache.save(PRINT, MINUTIAE)
    assert cache.load(PrintFile(PrintFormat.PNG, b"others", 500.0)) is None
    assert cache.load(PrintFile(PrintFormat.PNG, b"pixels", 512.0)) is None
    assert cache.load(PrintFile(PrintFormat.PNG, b"pixels", None)) is None
    assert cache.load(PrintFile(PrintFormat.PNG, b"pixels", 500)) is not None


@pytest.mark.parametrize("keep", [0, 10, 300])
def test_a_damaged_file_is_no_file(tmp_path: Path, keep: int) -> None:
    cache = ExtractionCache(tmp_path)
    cache.save(PRINT, MINUTIAE)
    path = cache.path(PRINT)
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.load(PRINT) is None


def test_a_set_is_extracted_once(generated_set: Path, cache: ExtractionCache) -> None:
    paths = sorted(generated_set.iterdir())[:2]
    made = extract_all(paths, resolution_ppi=500, cache=cache, track=silent, processes=1)
    kept = cache.path(read_print_file(paths[0], 500))
    written = kept.stat().st_mtime_ns
    again = extract_all(paths, resolution_ppi=500, cache=cache, track=silent, processes=1)
    assert kept.stat().st_mtime_ns == written
    for first, second in zip(made, again, strict=True):
        assert first is not None
        assert second is not None
        assert len(first) > 10
        assert first.x.tolist() == second.x.tolist()


def test_the_file_format_does_not_matter(
    generated_set: Path, cache: ExtractionCache, tmp_path: Path
) -> None:
    tiff = min(generated_set.iterdir())
    png = tmp_path / "same.png"
    with Image.open(tiff) as image:
        image.save(png)
    first, second = extract_all(
        [tiff, png], resolution_ppi=500, cache=cache, track=silent, processes=1
    )
    assert first is not None
    assert second is not None
    assert first.x.tolist() == second.x.tolist()


def test_a_file_that_is_no_image_fails_to_extract(tmp_path: Path, cache: ExtractionCache) -> None:
    broken = tmp_path / "1_1.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n then nothing")
    assert extract_all([broken], resolution_ppi=500, cache=cache, track=silent, processes=1) == [
        None
    ]


def test_an_unknown_resolution_is_an_error(generated_set: Path, cache: ExtractionCache) -> None:
    with pytest.raises(RidgelineError) as caught:  # the files say 1
        extract_all(
            [min(generated_set.iterdir())],
            resolution_ppi=None,
            cache=cache,
            track=silent,
            processes=1,
        )
    assert caught.value.code is ErrorCode.INVALID_FIELD
    assert "resolution_ppi" in caught.value.field
