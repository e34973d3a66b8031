"""What tests of every kind share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real prints; without one the test skips, visibly."""
    folder = os.environ.get("RIDGELINE_DATA")
    if not folder:
        pytest.skip("RIDGELINE_DATA is not set: no real prints")
    return Path(folder)
