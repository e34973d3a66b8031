"""Deadlines, health, coverage, repeats, a failing store, shutdown and retries."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import sqlalchemy as sa
from grpc_health.v1 import health_pb2, health_pb2_grpc

from coordinator.client import RidgelineClient, enroll_request, identify_request
from coordinator.config import LimitsConfig
from protos.ridgeline.v1 import (
    identification_pb2,
    identification_pb2_grpc,
    types_pb2,
)
from tests.integration.front_door.support import (
    PURPOSE,
    Running,
    metadata,
    running,
    template_prints,
)
from workers.errors import ErrorCode, RidgelineError

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def _slow_prints() -> list[types_pb2.Print]:
    """An image: it takes the extractor a second or so, where templates take no time."""
    side = 500
    noise = np.random.default_rng(1).integers(0, 256, (side, side), dtype=np.uint8)
    return [
        types_pb2.Print(
            position=2,
            impression=types_pb2.IMPRESSION_ROLLED,
            format=types_pb2.PRINT_FORMAT_RAW,
            data=noise.tobytes(),
            width=side,
            height=side,
            resolution_ppi=500.0,
        )
    ]


def _health(server: Running, service: str = "") -> int:
    config = server.client_config()
    with grpc.secure_channel(config.address, config.credentials()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        return int(answer.status)


def _eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def test_no_deadline_gets_the_servers_maximum(tmp_path: Path) -> None:
    limits = LimitsConfig(max_deadline_s=0.4)
    request = identify_request(_slow_prints(), purpose=PURPOSE)
    with running(tmp_path, limits=limits) as server:
        config = server.client_config()
        with grpc.secure_channel(
            config.address, config.credentials(), config.channel_options()
        ) as channel:
            stub = identification_pb2_grpc.IdentificationServiceStub(channel)
            for timeout in (None, 3600.0):
                started = time.monotonic()
                with pytest.raises(grpc.RpcError) as caught:
                    stub.Identify(request, timeout=timeout)
                assert time.monotonic() - started < 5
                assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                trailers = metadata(caught.value)
                assert trailers["ridgeline-code"] == "DEADLINE_EXCEEDED"  # the server said so
        outcomes = [record["outcome"] for record in server.audit()]
        assert outcomes == ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]
        with server.client() as client:
            assert client.status().serving


def test_a_callers_own_deadline_counts(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client() as client:
        started = time.monotonic()
        with pytest.raises(RidgelineError) as caught:
            client.identify(_slow_prints(), purpose=PURPOSE, timeout_s=0.3)
        assert time.monotonic() - started < 5
        assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
        _eventually(lambda: len(server.audit()) == 1)
        assert server.audit()[0]["outcome"] in ("DEADLINE_EXCEEDED", "CANCELLED")


def test_health_follows_what_can_be_searched(tmp_path: Path) -> None:
    with running(tmp_path, start_executor=False) as server, server.client(patience_s=0) as client:
        assert _health(server) == NOT_SERVING
        assert not client.status().serving
        with pytest.raises(RidgelineError) as unready:
            client.wait_until_serving(timeout_s=0.3)
        assert unready.value.code is ErrorCode.DEADLINE_EXCEEDED
        with pytest.raises(RidgelineError) as caught:
            client.identify(template_prints(1), purpose=PURPOSE, timeout_s=2.0)
        assert caught.value.code in (ErrorCode.COVERAGE_TOO_LOW, ErrorCode.SHARD_UNAVAILABLE)
        server.run(server.executor.start())
        client.wait_until_serving(timeout_s=10)
        assert _health(server, "ridgeline.v1.IdentificationService") == SERVING
        client.identify(template_prints(1), purpose=PURPOSE)


def test_a_lost_shard_is_never_silent(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client(patience_s=0) as client:
        requests = (enroll_request(template_prints(i), subject_id=f"S{i}") for i in range(6))
        assert client.enroll_many(requests).created == 6

        async def lose_a_shard() -> None:
            server.executor._shards.pop("shard-1")  # as if it had died

        server.run(lose_a_shard())
        prints = template_prints(1, session=1)
        with pytest.raises(RidgelineError) as caught:
            client.identify(prints, purpose=PURPOSE)
        assert caught.value.code is ErrorCode.COVERAGE_TOO_LOW
        assert "2 of 4" in caught.value.detail
        partial = client.identify(prints, purpose=PURPOSE, allow_partial=True)
        assert partial.coverage.partitions_searched == 2
        assert partial.coverage.partitions_total == 4
        assert partial.coverage.subjects_searched < partial.coverage.subjects_total == 6
        _eventually(lambda: _health(server) == NOT_SERVING)
        status = client.status()
        assert not status.serving
        assert status.coverage.partitions_searched == 2
        assert server.audit("Identify")[0]["outcome"] == "COVERAGE_TOO_LOW"


def test_a_submission_is_answered_once(tmp_path: Path) -> None:
    origin = types_pb2.Origin(ori="NY0303000", tcn="TCN-1")
    with running(tmp_path) as server, server.client() as client:
        client.enroll(template_prints(1), subject_id="S1")
        prints = template_prints(1, session=1)
        first = client.identify(prints, purpose=PURPOSE, origin=origin)
        assert (first.replayed, first.origin) == (False, origin)
        client.remove_subject("S1", reason="test")
        again = client.identify(prints, purpose=PURPOSE, origin=origin)
        assert again.replayed
        again.replayed = False
        assert again == first
        with pytest.raises(RidgelineError) as caught:
            client.identify(template_prints(2), purpose=PURPOSE, origin=origin)
        assert caught.value.code is ErrorCode.SUBMISSION_CONFLICT
        assert caught.value.field == "origin.tcn"
        other = types_pb2.Origin(ori="NY0510000", tcn="TCN-1")
        assert not client.identify(prints, purpose=PURPOSE, origin=other).candidates
        records = server.audit("Identify")
        assert [record.get("replayed", False) for record in records] == [False, True, False, False]
        assert records[1]["candidates"] == records[0]["candidates"]


def test_simultaneous_repeats_are_one_search(server: Running) -> None:
    origin = types_pb2.Origin(ori="NY0303000", tcn="TCN-TOGETHER")

    def submit(_: int) -> identification_pb2.IdentifyResponse:
        return client.identify(template_prints(6, session=1), purpose=PURPOSE, origin=origin)

    with server.client() as client, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(submit, range(8)))
    assert len({answer.search_id for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7


def test_a_failed_submission_may_be_repeated(client: RidgelineClient) -> None:
    origin = types_pb2.Origin(ori="NY0303000", tcn="TCN-FAILED")
    with pytest.raises(RidgelineError):
        client.identify([types_pb2.Print(position=1)], purpose=PURPOSE, origin=origin)
    assert not client.identify(template_prints(1), purpose=PURPOSE, origin=origin).replayed


def test_no_audit_no_answer(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client(patience_s=0) as client:
        client.enroll(template_prints(1), subject_id="S1")
        with server.store.database.transaction() as connection:
            connection.execute(sa.text("alter table audit_records rename to hidden"))
        for call in (
            lambda: client.identify(template_prints(1, session=1), purpose=PURPOSE),
            lambda: client.get_subject("S1", purpose=PURPOSE),
            lambda: client.get_subject("nobody", purpose=PURPOSE),
        ):
            with pytest.raises(RidgelineError) as caught:
                call()
            assert caught.value.code is ErrorCode.STORE_UNAVAILABLE
        with server.store.database.transaction() as connection:
            connection.execute(sa.text("alter table hidden rename to audit_records"))
        assert client.identify(template_prints(1, session=1), purpose=PURPOSE).candidates


def test_shutdown_lets_calls_finish(tmp_path: Path) -> None:
    with (
        running(tmp_path) as server,
        ThreadPoolExecutor(1) as threads,
        server.client(patience_s=0) as client,
    ):
        client.wait_until_serving(timeout_s=5)
        call = threads.submit(client.identify, _slow_prints(), purpose=PURPOSE)
        _eventually(lambda: bool(server.executor._extractors._threads))  # it is being extracted
        assert not call.done()
        server.stopping.set_result(None)
        assert call.result(30).outcome
        _eventually(lambda: not _listens(server.address))
        with pytest.raises(RidgelineError) as caught:
            client.status(timeout_s=1.0)
        assert caught.value.code is ErrorCode.UNREACHABLE


def test_a_client_waits_for_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "server"
    folder.mkdir()
    with (
        running(folder, address=f"localhost:{port}") as first,
        first.client(first_retry_s=1.0, patience_s=20.0) as client,
    ):
        assert client.status().serving
        first.stopping.set_result(None)
        _eventually(lambda: not _listens(first.address))
        statuses: list[bool] = []
        waiting = threading.Thread(
            target=lambda: statuses.append(client.status(timeout_s=20).serving)
        )
        waiting.start()
        time.sleep(0.3)
        with running(folder, address=f"localhost:{port}", renew_certificates=False):
            waiting.join(20)
    assert statuses == [True]


def test_a_stream_left_by_its_client_is_cleaned_up(server: Running) -> None:
    request = identification_pb2.IdentifyStreamRequest(
        correlation_id="a", request=identify_request(template_prints(1), purpose=PURPOSE)
    )

    async def tasks() -> list[str]:
        return [str(task.get_coro()) for task in asyncio.all_tasks()]

    with server.client() as client:
        client.status()
        before = len(server.run(tasks()))
        stream = client.identify_many(request for _ in range(50))
        assert next(stream).correlation_id == "a"
        assert len(server.run(tasks())) > before
        stream.close()
        _eventually(lambda: len(server.run(tasks())) <= before)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
