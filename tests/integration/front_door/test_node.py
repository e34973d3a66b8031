"""A whole node from its configuration file: started, restarted, ended by a signal."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coordinator.certificates import DevelopmentCertificates, make_development_certificates
from coordinator.client import AsyncRidgelineClient, ClientConfig, RidgelineClient
from coordinator.node import load_config, running_node
from tests.integration.front_door.support import PURPOSE, template_prints

CONFIG = """
[server]
address = "localhost:0"
policy_file = "tls/policy.toml"
health_interval_s = 0.1

[server.tls]
certificate_file = "tls/server.crt"
key_file = "tls/server.key"
client_ca_file = "tls/ca.crt"

[server.limits]
max_deadline_s = 20

[store]
url = "sqlite:///{folder}/gallery.db"
key_file = "master.key"
partitions = 4

[cluster]
executor = "{executor}"
shards = 2

[cluster.gate]
min_minutiae = 12
"""

SERVE = """
import asyncio, logging, sys
from pathlib import Path
from coordinator.node import load_config, serve
logging.basicConfig(level=logging.INFO)
asyncio.run(serve(load_config(Path(sys.argv[1]))))
"""


def _node(folder: Path, executor: str = "inprocess") -> tuple[Path, DevelopmentCertificates]:
    certificates = make_development_certificates(folder / "tls")
    path = folder / "ridgeline.toml"
    path.write_text(CONFIG.format(folder=folder, executor=executor))
    return path, certificates


def _client(address: str, certificates: DevelopmentCertificates) -> ClientConfig:
    own = certificates.clients["operator"]
    return ClientConfig(
        address=address,
        ca_file=certificates.authority,
        certificate_file=own.certificate,
        key_file=own.key,
    )


def _settings(path: Path, **overrides: Any) -> Any:
    return load_config(path, {key.replace("__", "."): value for key, value in overrides.items()})


def test_settings_are_read_and_overridden(tmp_path: Path) -> None:
    path, _ = _node(tmp_path)
    config = _settings(path, server__limits__stream_concurrency=3, cluster__executor="ray")
    assert config.server.tls.key_file == tmp_path / "tls/server.key"
    assert config.server.limits.max_deadline_s == 20.0
    assert config.server.limits.stream_concurrency == 3
    assert config.cluster.executor == "ray"
    assert config.cluster.gate.min_minutiae == 12
    assert config.store.partitions == 4


def test_what_was_enrolled_is_there_after_a_restart(tmp_path: Path) -> None:
    path, certificates = _node(tmp_path)

    async def enroll() -> None:
        async with (
            running_node(load_config(path)) as node,
            AsyncRidgelineClient(_client(node.address, certificates)) as client,
        ):
            await client.enroll(template_prints(1), subject_id="S1")

    async def search() -> str:
        async with (
            running_node(load_config(path)) as node,
            AsyncRidgelineClient(_client(node.address, certificates)) as client,
        ):
            answer = await client.identify(template_prints(1, session=1), purpose=PURPOSE)
            return answer.candidates[0].subject_id

    asyncio.run(enroll())
    assert asyncio.run(search()) == "S1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    path, certificates = _node(tmp_path)
    command = [sys.executable, "-c", SERVE, str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"serving on (\S+)", line):
                    break
            else:
                pytest.fail("it never served")
            with RidgelineClient(_client(found.group(1), certificates)) as client:
                assert client.enroll(template_prints(1)).created
            process.send_signal(number)
            rest = process.stderr.read()
            assert process.wait(30) == 0
            assert "stopped" in rest
            assert "Traceback" not in rest
        finally:
            process.kill()


@pytest.mark.cluster
def test_a_node_on_ray_answers_alike(tmp_path: Path) -> None:
    async def answer(executor: str) -> list[tuple[str, float]]:
        folder = tmp_path / executor
        folder.mkdir()
        path, certificates = _node(folder, executor)
        async with (
            running_node(load_config(path)) as node,
            AsyncRidgelineClient(_client(node.address, certificates)) as client,
        ):
            for i in range(6):
                await client.enroll(template_prints(i), subject_id=f"S{i}", encounter_id=f"E{i}")
            found = await client.identify(template_prints(4, session=1), purpose=PURPOSE)
            status = await client.status()
            assert status.executor == executor
            assert found.coverage.partitions_searched == 4
            return [(c.subject_id, c.score) for c in found.candidates]

    here = asyncio.run(answer("inprocess"))
    assert here[0][0] == "S4"
    assert asyncio.run(answer("ray")) == here
