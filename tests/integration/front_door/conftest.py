"""One server with a small gallery, shared by the tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coordinator.client import RidgelineClient, enroll_request
from tests.integration.front_door.support import Running, running, template_prints

PERSONS = 12


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Subjects S0 to S11, encounters E0 to E11."""
    with running(tmp_path_factory.mktemp("server"), reflection=True) as started:
        with started.client() as client:
            answer = client.enroll_many(
                enroll_request(template_prints(i), subject_id=f"S{i}", encounter_id=f"E{i}")
                for i in range(PERSONS)
            )
        assert (answer.created, answer.failed) == (PERSONS, 0)
        yield started


@pytest.fixture
def client(server: Running) -> Iterator[RidgelineClient]:
    """A client that may do everything."""
    with server.client() as connected:
        yield connected
