"""A small set of generated prints, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from coordinator.evaluate.extractions import ExtractionCache
from workers.biometrics.model import FINGERS
from workers.synthesis.images import impression
from workers.synthesis.population import Person
from workers.synthesis.ridges import master

SEED = 31


@pytest.fixture(scope="session")
def generated_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two persons, fingers 2 and 3, scans 1 and 2, as TIFF that states 1 dpi."""
    folder = tmp_path_factory.mktemp("set")
    for person in (0, 1):
        for finger in FINGERS[1:3]:
            ridges = master(Person(SEED, person), finger)
            for scan in (1, 2):
                image = impression(Person(SEED, person), finger, scan, ridges=ridges)
                path = folder / f"00{person}_{int(finger)}_{scan}.tif"
                Image.fromarray(image.pixels).save(path, dpi=(1, 1))
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ExtractionCache:
    """Extractions of this run."""
    return ExtractionCache(tmp_path_factory.mktemp("extractions"))
