"""What tests of every kind share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresMissingError, PostgresServer, running_server


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real prints; without one the test skips, visibly."""
    folder = os.environ.get("RIDGELINE_DATA")
    if not folder:
        pytest.skip("RIDGELINE_DATA is not set: no real prints")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL of our own; where none is installed the test skips, visibly."""
    try:
        with running_server(durable=False) as server:
            yield server
    except PostgresMissingError as error:
        pytest.skip(str(error))
