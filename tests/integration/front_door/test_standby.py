"""Two coordinators over one gallery: one answers, the other stands by and takes over."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cluster.store import Database
from cluster.store.schema import meta
from coordinator.client import AsyncRidgelineClient, ClientConfig, RidgelineClient
from coordinator.commands import cli, run
from coordinator.node import RunningNode, load_config, running_node
from protos.ridgeline.v1 import operations_pb2, types_pb2
from tests.integration.front_door.support import PURPOSE, template_prints
from tests.integration.front_door.test_node import _client, _node
from workers.errors import ErrorCode, RidgelineError

STANDBY = operations_pb2.COORDINATOR_ROLE_STANDBY
ACTIVE = operations_pb2.COORDINATOR_ROLE_ACTIVE
LEASE_S = 1.5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Pair:
    """An active coordinator, then one that stands by.

    Attributes:
        client: knows both.
        stops: set to stop one.
        nodes: each, once it is active.
    """

    addresses: list[str]
    client: ClientConfig
    stops: list[asyncio.Event]
    nodes: list[asyncio.Future[RunningNode]]

    async def stands_by(self, client: AsyncRidgelineClient) -> None:
        """Returns when the second one answers that it does."""
        for _ in range(200):
            (_, said) = (await client.coordinators())[1]
            if not isinstance(said, RidgelineError):
                assert said.coordinator.role == STANDBY
                return
            await asyncio.sleep(0.05)
        pytest.fail("it never stood by")


async def with_two(
    folder: Path, use: Callable[[Pair], Awaitable[None]], *, wait: bool = False
) -> None:
    """An active coordinator and one that stands by, on one loop; raises what either ends with.

    Args:
        wait: for the second one to be active, before both are stopped.
    """
    path, certificates = _node(folder)
    addresses = [f"localhost:{free_port()}" for _ in range(2)]
    configs = [
        load_config(path, {"server.address": address, "store.lease_s": LEASE_S})
        for address in addresses
    ]
    stops = [asyncio.Event(), asyncio.Event()]
    nodes: list[asyncio.Future[RunningNode]] = [asyncio.Future(), asyncio.Future()]

    async def run_node(place: int) -> None:
        stop = stops[place]
        async with running_node(configs[place], stop) as node:
            nodes[place].set_result(node)
            await stop.wait()

    first = asyncio.create_task(run_node(0))
    await nodes[0]
    second = asyncio.create_task(run_node(1))
    client = _client(",".join(addresses), certificates)
    pair = Pair(addresses, client, stops, nodes)
    try:
        await use(pair)
        if wait:
            either: set[asyncio.Future[Any]] = {second, nodes[1]}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for stop in stops:
            stop.set()
        results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        stopped = isinstance(result, RidgelineError) and result.code is ErrorCode.CANCELLED
        if isinstance(result, BaseException) and not stopped:  # while it stood by
            raise result


def test_a_standby_refuses_and_says_who_is_active(tmp_path: Path) -> None:
    async def use(pair: Pair) -> None:
        async with AsyncRidgelineClient(pair.client) as client:
            await client.enroll(template_prints(1), subject_id="S1")
            await pair.stands_by(client)
            (_, first), (_, second) = await client.coordinators()
            assert not isinstance(first, RidgelineError)
            assert not isinstance(second, RidgelineError)
            assert (first.coordinator.role, first.serving) == (ACTIVE, True)
            assert first.coordinator.name == first.coordinator.active
            assert second.coordinator.active == first.coordinator.name
            assert second.coordinator.name != first.coordinator.name
            assert not second.serving
            assert second.encounters == 0
            assert (await client.status()).serving
        only_second = _client_at(pair, 1)
        async with AsyncRidgelineClient(only_second) as client:
            for call in (
                client.identify(template_prints(1), purpose=PURPOSE),
                client.remove_subject("S1", reason="test"),
                client.enroll_many([]),
                _all(client.identify_many([])),
            ):
                with pytest.raises(RidgelineError) as caught:
                    await call
                assert caught.value.code is ErrorCode.NOT_ACTIVE
            with pytest.raises(RidgelineError) as caught:
                await client.wait_until_serving(timeout_s=0.3)
        channel = grpc.aio.secure_channel(pair.addresses[1], only_second.credentials())
        async with channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            answer = await check(health_pb2.HealthCheckRequest(), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING

    asyncio.run(with_two(tmp_path, use))


def test_status_tells_of_every_coordinator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def use(pair: Pair) -> None:
        async with AsyncRidgelineClient(pair.client) as client:
            await pair.stands_by(client)
        for address, code in ((pair.client.address, 0), (pair.addresses[1], 3)):
            options = ["--address", address]
            for name in ("ca_file", "certificate_file", "key_file"):
                options += [f"--{name.replace('_', '-')}", str(getattr(pair.client, name))]
            assert await asyncio.to_thread(run, cli, ["status", "--json", *options]) == code
            assert await asyncio.to_thread(run, cli, ["status", *options]) == code

    asyncio.run(with_two(tmp_path, use))
    said = capsys.readouterr().out
    whole, _ = json.JSONDecoder().raw_decode(said)
    assert [one["role"] for one in whole["coordinators"]] == ["ACTIVE", "STANDBY"]
    assert "NOT SERVING; standing by while" in said


def test_a_standby_takes_over_from_one_that_stops_and_clients_follow(tmp_path: Path) -> None:
    async def use(pair: Pair) -> None:
        origin = types_pb2.Origin(ori="NY0303000", tcn="TCN-1")
        prints = template_prints(1, session=1)
        async with AsyncRidgelineClient(pair.client) as client:
            await client.enroll(template_prints(1), subject_id="S1", encounter_id="E1")
            before = await client.identify(prints, purpose=PURPOSE, origin=origin)
            await pair.stands_by(client)
            pair.stops[0].set()
            again = await client.enroll(template_prints(1), subject_id="S1", encounter_id="E1")
            assert not again.created
            after = await client.identify(prints, purpose=PURPOSE, origin=origin)
            assert after.replayed
            after.replayed = False
            assert after == before
            assert (await pair.nodes[1]).address == pair.addresses[1]
            removed = await client.remove_encounter("E1", reason="test")  # finds it by itself
            assert removed.gallery_sequence == 2
            assert (await client.status()).coordinator.lease_token == 2

    asyncio.run(with_two(tmp_path, use))


def test_a_blocking_client_follows_too(tmp_path: Path) -> None:
    def calls(config: ClientConfig, stop: Callable[[], object]) -> None:
        with RidgelineClient(config) as client:
            assert client.enroll(template_prints(1), subject_id="S1").created
            stop()
            assert client.enroll(template_prints(2), subject_id="S2").created
            client.wait_until_serving(timeout_s=5)
            assert client.remove_subject("S1", reason="test").encounters_removed == 1
            assert client.enroll_many([]).created == 0

    async def use(pair: Pair) -> None:
        async with AsyncRidgelineClient(pair.client) as client:
            await pair.stands_by(client)
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(
            calls, pair.client, lambda: loop.call_soon_threadsafe(pair.stops[0].set)
        )

    asyncio.run(with_two(tmp_path, use))


def test_a_standby_opens_the_gallery_only_when_it_takes_over(tmp_path: Path) -> None:
    """So one of a newer release upgrades nothing that is in use."""

    async def use(pair: Pair) -> None:
        async with AsyncRidgelineClient(pair.client) as client:
            await pair.stands_by(client)
        database = Database(f"sqlite:///{tmp_path / 'gallery.db'}")
        with database.transaction() as connection:
            row = meta.c.name == "schema_version"
            connection.execute(meta.update().where(row).values(value="99"))
        database.close()
        await asyncio.sleep(LEASE_S)
        pair.stops[0].set()

    with pytest.raises(RidgelineError, match="schema 99"):
        asyncio.run(with_two(tmp_path, use, wait=True))


def _client_at(pair: Pair, place: int) -> ClientConfig:
    return replace(pair.client, address=pair.addresses[place], timeout_s=1.0)


async def _all(answers: object) -> None:
    async for _ in answers:  # type: ignore[attr-defined]
        pass
