"""Commands against a running server, in this process and as processes of their own."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from coordinator.certificates import make_development_certificates
from coordinator.commands import cli, run
from tests.integration.front_door.support import Running, running
from workers.biometrics.model import Capture, FingerPosition
from workers.biometrics.templates import TemplateView, iso19794_2
from workers.synthesis.templates import generate_subject

FINGERS = tuple(FingerPosition(code) for code in (1, 2, 7))
PERSONS = 5

Ridgeline = Callable[..., tuple[int, str, str]]


def write_template(path: Path, person: int, session: int) -> Path:
    samples = generate_subject(5, person, session, fingers=FINGERS)
    views = [TemplateView(int(s.position), 0, 80, s.minutiae) for s in samples]
    path.write_bytes(iso19794_2.write(views))
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("command-line")) as started:
        yield started


@pytest.fixture
def ridgeline(
    server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ridgeline:
    """Runs a command as the operator; settings come from the environment."""
    files = server.certificates.clients["operator"]
    settings = {
        "ADDRESS": server.address,
        "CA_FILE": server.certificates.authority,
        "CERTIFICATE_FILE": files.certificate,
        "KEY_FILE": files.key,
        "AUTHORITY": "8 CFR 287.7",
        "CASE_NUMBER": "B-1",
        "REQUESTER": "desk 4",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"RIDGELINE_{name}", str(value))

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(cli, [str(a) for a in arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def gallery(ridgeline: Ridgeline, tmp_path: Path) -> Path:
    """Persons person-0 to person-4, enrolled from templates."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    for person in range(PERSONS):
        write_template(folder / f"person-{person}.fmr", person, 0)
    code, out, _ = ridgeline("enroll", folder, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["created"] + answer["unchanged"] == PERSONS
    assert [e["name"] for e in answer["encounters"]] == [f"person-{i}.fmr" for i in range(PERSONS)]
    return folder


def test_enrolling_again_changes_nothing(ridgeline: Ridgeline, gallery: Path) -> None:
    code, out, err = ridgeline("enroll", gallery)
    assert (code, out) == (0, f"0 enrolled, {PERSONS} there before, 0 failed\n")
    assert "Enrolling" in err


def test_when_and_with_what_prints_were_taken(
    ridgeline: Ridgeline, server: Running, tmp_path: Path
) -> None:
    template = write_template(tmp_path / "person-60.fmr", 60, 0)
    stated = ("--captured", "2019-03-07", "--sensor", "Example LS 110")
    assert ridgeline("enroll", template, *stated)[0] == 0
    (stored,) = server.store.subject("person-60", server.store.sequence())
    assert stored.capture == Capture(datetime.date(2019, 3, 7), "Example LS 110")
    code, _, err = ridgeline("enroll", template, "--captured", "7 March 2019")
    assert code == 2
    assert "--captured" in err
    server.store.remove_subject("person-60")


def test_a_file_that_fails_is_named_and_the_others_go_on(
    ridgeline: Ridgeline, gallery: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    good = write_template(folder / "person-77.fmr", 77, 0)
    (folder / "broken.fmr").write_bytes(good.read_bytes()[:90])
    code, out, _ = ridgeline("enroll", folder, "--json")
    answer = json.loads(out)
    assert code == 1
    assert (answer["created"], answer["failed"]) == (1, 1)
    assert answer["failures"][0]["name"] == "broken.fmr"
    assert answer["failures"][0]["code"] == "MALFORMED_TEMPLATE"
    code, out, _ = ridgeline("enroll", folder)
    assert code == 1
    assert "broken.fmr" in out


def test_identify(ridgeline: Ridgeline, gallery: Path, tmp_path: Path) -> None:
    probe = write_template(tmp_path / "probe.fmr", 3, 1)
    code, out, _ = ridgeline("identify", probe, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["outcome"] == "CANDIDATES"
    assert answer["candidates"][0]["subject_id"] == "person-3"
    assert answer["candidates"][0]["band"] == "LIKELY"
    code, out, _ = ridgeline("identify", probe)
    assert code == 0
    assert "probe.fmr: CANDIDATES" in out
    assert "person-3" in out
    assert "L index" in out
    assert "A candidate is a lead" in out
    stranger = write_template(tmp_path / "stranger.fmr", 400, 1)
    code, out, _ = ridgeline("identify", stranger, "--exhaustive")
    assert code == 0
    assert "NO_CANDIDATE" in out


def test_verify(ridgeline: Ridgeline, gallery: Path, tmp_path: Path) -> None:
    probe = write_template(tmp_path / "probe.fmr", 2, 1)
    code, out, _ = ridgeline("verify", probe, "--subject", "person-2", "--json")
    assert code == 0
    assert json.loads(out)["candidate"]["subject_id"] == "person-2"
    code, out, _ = ridgeline("verify", probe, "--subject", "person-1")
    assert code == 0
    assert "person-1: NO_CANDIDATE" in out
    assert "below" in out
    code, out, err = ridgeline("verify", probe, "--subject", "nobody")
    assert (code, out) == (2, "")
    assert err.startswith("ridgeline: SUBJECT_NOT_FOUND: ")


def test_rebalance_of_one_process_moves_nothing(
    ridgeline: Ridgeline, gallery: Path, server: Running
) -> None:
    code, out, _ = ridgeline("rebalance", "--dry-run", "--json")
    planned = json.loads(out)
    assert code == 0
    assert (planned["moves"], planned["placement_generation"]) == ([], 1)
    assert {load["before"] for load in planned["loads"]} == {2}
    assert not server.audit("Rebalance")
    code, out, _ = ridgeline("rebalance")
    assert code == 0
    assert "0 partitions moved" in out
    (record,) = server.audit("Rebalance")
    assert record["outcome"] == "REBALANCED"


def test_status(ridgeline: Ridgeline, gallery: Path) -> None:
    code, out, _ = ridgeline("status", "--json")
    status = json.loads(out)
    assert code == 0
    assert status["serving"] is True
    assert status["encounters"] >= PERSONS
    assert {shard["backend"] for shard in status["shards"]} == {"numpy"}
    code, out, _ = ridgeline("status")
    assert code == 0
    assert out.startswith("serving; ridgeline ")
    assert "shard-0" in out


def test_health(ridgeline: Ridgeline, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ridgeline("health") == (0, "serving\n", "")
    assert ridgeline("health", "--alive") == (0, "serving\n", "")
    monkeypatch.setenv("RIDGELINE_ADDRESS", "localhost:1")
    for arguments in ([], ["--alive"]):
        code, out, err = ridgeline("health", *arguments, "--timeout", "3")
        assert (code, out) == (3, "")
        assert "UNREACHABLE" in err or "DEADLINE_EXCEEDED" in err


def test_health_of_a_server_that_does_not_serve(ridgeline: Ridgeline, tmp_path: Path) -> None:
    files = make_development_certificates(tmp_path)
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    pair = (files.server.key.read_bytes(), files.server.certificate.read_bytes())
    authority = files.authority.read_bytes()
    port = server.add_secure_port(
        "localhost:0",
        grpc.ssl_server_credentials([pair], root_certificates=authority, require_client_auth=True),
    )
    server.start()
    try:
        own = files.clients["operator"]
        options = ["--address", f"localhost:{port}", "--ca-file", files.authority]
        options += ["--certificate-file", own.certificate, "--key-file", own.key]
        assert ridgeline("health", *options) == (3, "not serving\n", "")
        assert ridgeline("health", "--alive", *options) == (0, "not serving\n", "")
    finally:
        server.stop(None)


@pytest.mark.parametrize(
    ("setting", "value", "code", "said"),
    [
        ("AUTHORITY", " ", 2, "PURPOSE_REQUIRED"),
        ("ADDRESS", "localhost:1", 3, "UNREACHABLE"),
        ("KEY_FILE", "/nowhere", 2, "key_file"),
        ("TIMEOUT", "0", 2, "--timeout"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    ridgeline: Ridgeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: str,
    code: int,
    said: str,
) -> None:
    probe = write_template(tmp_path / "probe.fmr", 2, 1)
    options = ["--timeout", value] if setting == "TIMEOUT" else ["--timeout", "30"]
    if setting != "TIMEOUT":
        monkeypatch.setenv(f"RIDGELINE_{setting}", value)
    found, out, err = ridgeline("identify", probe, *options)
    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_stranger_is_not_permitted(
    ridgeline: Ridgeline, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = server.certificates.clients["stranger"]
    monkeypatch.setenv("RIDGELINE_CERTIFICATE_FILE", str(files.certificate))
    monkeypatch.setenv("RIDGELINE_KEY_FILE", str(files.key))
    code, _, err = ridgeline("status")
    assert code == 4
    assert err.startswith("ridgeline: UNAUTHENTICATED: ")


# Processes of their own


def process(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "coordinator", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def ended(started: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = started.communicate(timeout=60)
    return started.returncode, out, err


def test_without_arguments_there_is_help() -> None:
    code, _, err = ended(process())
    assert code == 2
    assert "Commands:" in err
    code, out, _ = ended(process("--help"))
    assert code == 0
    assert "identify" in out
    assert "Exit codes:" in out


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    template = write_template(tmp_path / "a.fmr", 1, 0)
    read, write = os.pipe()
    os.close(read)
    started = subprocess.Popen(
        [sys.executable, "-m", "coordinator", "inspect", "--json", str(template)],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    _, err = started.communicate(timeout=60)
    assert err == ""


def test_a_first_try(tmp_path: Path) -> None:
    """Certificates, a server of its own, a search; it drains and ends when told to."""
    tls = tmp_path / "dev"
    code, out, err = ended(process("certificates", tls))
    assert (code, err) == (0, "")
    assert f"ridgeline up --config {tls / 'server.toml'}" in out
    settings = os.environ | {"RIDGELINE_SERVER_CONFIG": str(tls / "server.toml")}
    options = ("--executor", "inprocess", "--address", "localhost:0", "--json")
    server = process("up", *options, env=settings)
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["address"]
        client = ("--config", tls / "client.toml", "--address", address)
        template = write_template(tmp_path / "jane.fmr", 1, 0)
        assert ended(process("enroll", template, *client))[0] == 0
        probe = write_template(tmp_path / "probe.fmr", 1, 1)
        code, out, err = ended(process("identify", probe, "--json", *client))
        assert (code, err) == (0, "")
        assert json.loads(out)["candidates"][0]["subject_id"] == "jane"
    finally:
        server.send_signal(signal.SIGTERM)
        code, _, log = ended(server)
    assert code == 0
    assert "draining" in log
    assert "Traceback" not in log


def test_up_names_a_setting_that_is_wrong(tmp_path: Path) -> None:
    assert ended(process("certificates", tmp_path))[0] == 0
    config = tmp_path / "server.toml"
    config.write_text(config.read_text().replace("shards = 2", 'shards = "two"'))
    code, out, err = ended(process("up", "--config", config))
    assert (code, out) == (2, "")
    assert err == "ridgeline: INVALID_FIELD: expected int (cluster.shards)\n"
