"""A TCP proxy that can misbehave: cut, fall silent, slow down; for clients and servers alike.

with Proxy("localhost:50051") as link:
    connect_to(link.address)
    link.black_hole()
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

CHUNK_BYTES = 64 * 1024


class Proxy:
    """Forwards every connection to `target`; runs on a thread of its own.

    Args:
        target: ``"host:port"``; may come and go.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.address = ""
        self.connections = 0
        """Accepted so far."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._open: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._delay_s = 0.0
        self._cut = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def heal(self) -> None:
        """Forwards again, what was held back too."""
        self._change(cut=False, silent=False, delay_s=0.0)

    def cut(self) -> None:
        """Resets every connection, and each new one at once."""
        self._change(cut=True, silent=False, delay_s=0.0)

    def black_hole(self) -> None:
        """Takes connections and bytes and passes nothing on, as an unplugged cable would."""
        self._change(cut=False, silent=True, delay_s=0.0)

    def delay(self, seconds: float) -> None:
        """Holds back each chunk, in either direction, for so long."""
        self._change(cut=False, silent=False, delay_s=seconds)

    def _change(self, *, cut: bool, silent: bool, delay_s: float) -> None:
        async def change() -> None:
            self._cut, self._delay_s = cut, delay_s
            if silent:
                self._passing.clear()
            else:
                self._passing.set()
            if cut:
                self._reset_all()

        self._run(change())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._passing = asyncio.Event()
        self._passing.set()
        self._server = await asyncio.start_server(self._accept, "localhost", 0)
        self.address = f"localhost:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        self._server.close()
        self._reset_all()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in self._open:
            _reset(writer)

    async def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self._open.add(back)
        # A broken or cancelled link ends here, as a link does; nobody is told but its ends.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._forward(near, back)
        _reset(back)
        self._open.discard(back)
        self._links.discard(link)

    async def _forward(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        if self._cut:
            return
        host, _, port = self.target.rpartition(":")
        far, forth = await asyncio.open_connection(host, int(port))
        self._open.add(forth)
        pumps = [
            asyncio.create_task(self._pump(near, forth)),
            asyncio.create_task(self._pump(far, back)),
        ]
        try:
            await asyncio.gather(*pumps)
            # Both ends are done: what was sent last is still to arrive.
            forth.close()
            back.close()
            await asyncio.gather(forth.wait_closed(), back.wait_closed())
        finally:
            for pump in pumps:
                pump.cancel()
            _reset(forth)
            self._open.discard(forth)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK_BYTES):
            await asyncio.sleep(self._delay_s)
            await self._passing.wait()
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection by RST, not FIN: nothing more comes, and what was under way is lost."""
    with contextlib.suppress(OSError):
        lingers = struct.pack("ii", 1, 0)
        own = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers)
    writer.transport.abort()
