"""Stores to test: SQLite always, PostgreSQL where RIDGELINE_TEST_POSTGRES names a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster.store import FileKeyProvider, Store
from cluster.store.schema import metadata

POSTGRES = os.environ.get("RIDGELINE_TEST_POSTGRES", "")


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyProvider:
    return FileKeyProvider(tmp_path / "master.key")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'gallery.db'}"
    if not POSTGRES:
        pytest.skip("RIDGELINE_TEST_POSTGRES names no PostgreSQL database")
    engine = sa.create_engine(POSTGRES)
    metadata.drop_all(engine)
    engine.dispose()
    return POSTGRES


@pytest.fixture
def store(url: str, keys: FileKeyProvider) -> Iterator[Store]:
    opened = Store.open(url, keys, partitions=8)
    yield opened
    opened.close()
