"""The proxy itself: it forwards, cuts, falls silent, slows down and heals."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy

pytestmark = pytest.mark.chaos


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@pytest.fixture
def link() -> Iterator[Proxy]:
    with _Server(("localhost", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            with Proxy(f"localhost:{server.server_address[1]}") as proxy:
                yield proxy
        finally:
            server.shutdown()


def _connect(link: Proxy) -> socket.socket:
    host, _, port = link.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def _echoed(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    got = b""
    while len(got) < len(data):
        got += connection.recv(4096)
    return got


def _is_ended(link: Proxy) -> bool:
    """Whether a new connection ends before anything comes back; it may even end while it opens."""
    try:
        with _connect(link) as connection:
            connection.sendall(b"x")
            return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_it_forwards_in_both_directions_until_either_end_is_done(link: Proxy) -> None:
    with _connect(link) as one, _connect(link) as other:
        data = bytes(range(256)) * 4000
        assert _echoed(one, data) == data
        assert _echoed(other, b"beside") == b"beside"
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
    assert link.connections == 2


def test_a_cut_resets_what_is_open_and_what_comes(link: Proxy) -> None:
    with _connect(link) as before:
        assert _echoed(before, b"x") == b"x"
        link.cut()
        with pytest.raises(ConnectionResetError):
            before.recv(1)
    assert _is_ended(link)
    link.heal()
    with _connect(link) as after:
        assert _echoed(after, b"x") == b"x"


def test_a_black_hole_takes_everything_and_gives_it_when_healed(link: Proxy) -> None:
    with _connect(link) as before:
        assert _echoed(before, b"x") == b"x"
        link.black_hole()
        with _connect(link) as during:
            for connection in (before, during):
                connection.sendall(b"lost?")
                connection.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
            link.heal()
            for connection in (before, during):
                connection.settimeout(5)
                assert connection.recv(16) == b"lost?"


def test_a_slow_link_holds_back_each_way(link: Proxy) -> None:
    with _connect(link) as connection:
        assert _echoed(connection, b"x") == b"x"
        link.delay(0.15)
        started = time.monotonic()
        assert _echoed(connection, b"x") == b"x"
        assert 0.3 <= time.monotonic() - started < 3


def test_a_target_that_is_not_there_ends_the_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        with Proxy(f"localhost:{taken.getsockname()[1]}") as proxy:
            assert _is_ended(proxy)
