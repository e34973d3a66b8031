"""Stores to test: every test that takes one runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.store import FileKeyProvider, Store
from tests.postgres import PostgresServer


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyProvider:
    return FileKeyProvider(tmp_path / "master.key")


NewUrl = Callable[[], str]
"""Gives URLs of empty places for a store."""


@pytest.fixture
def new_sqlite(tmp_path: Path) -> NewUrl:
    numbers = itertools.count(1)
    return lambda: f"sqlite:///{tmp_path / f'gallery-{next(numbers)}.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, new_sqlite: NewUrl) -> NewUrl:
    if request.param == "sqlite":
        return new_sqlite
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database


@pytest.fixture
def url(new_url: NewUrl) -> str:
    return new_url()


@pytest.fixture
def store(url: str, keys: FileKeyProvider) -> Iterator[Store]:
    opened = Store.open(url, keys, partitions=8)
    yield opened
    opened.close()
