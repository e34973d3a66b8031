"""As much of CuPy as `CupyDevice` uses, over NumPy; launches go to the emulation.

A launch runs when its stream is waited for, not before, and only if the memory it was given is
still held by somebody: CuPy's pool would have handed it out again.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from tests.kernels.emulated import VARIANT, built, run
from workers.matching import kernels

MEMORY = 1 << 30
POOLED = 1 << 20


class Array(np.ndarray[Any, Any]):
    """Device memory."""

    def set(self, host: NDArray[Any], stream: Stream) -> None:
        """Copies from the host; CuPy wants equal types and shapes."""
        assert (self.shape, self.dtype) == (host.shape, host.dtype)
        stream.queue.append(lambda: np.copyto(self, host))


class Stream:
    """Work in order, done when it is waited for."""

    current: list[Stream] = []  # noqa: RUF012

    def __init__(self, *, non_blocking: bool) -> None:
        assert non_blocking
        self.queue: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        self.current.append(self)

    def __exit__(self, *error: object) -> None:
        self.current.pop()

    def synchronize(self) -> None:
        """Does what is queued."""
        while self.queue:
            self.queue.pop(0)()


class RawModule:
    """Compiled sources; refuses options and texts other than ours."""

    def __init__(self, code: str, options: tuple[str, ...], backend: str) -> None:
        assert (options, backend) == (kernels.options(), "nvrtc")
        (self._source,) = [name for name in kernels.SOURCES if kernels.source(name) == code]

    def get_function(self, name: str) -> Callable[..., None]:
        """A kernel, to be called with grid, block and arguments."""
        library = built(self._source, kernels.source(self._source), VARIANT)

        def launch(
            grid: tuple[int, int], block: tuple[int], arguments: tuple[Any, ...], shared_mem: int
        ) -> None:
            assert block == (kernels.THREADS,)
            held = [weakref.ref(a) if isinstance(a, Array) else a for a in arguments]

            def later() -> None:
                run(library, name, grid, [_value(x) for x in held], shared_mem)

            Stream.current[-1].queue.append(later)

        return launch


def _value(argument: Any) -> ctypes.c_void_p | ctypes.c_int32:
    if isinstance(argument, weakref.ref):
        array = argument()
        assert array is not None, "memory was freed before the launch that reads it had run"
        return ctypes.c_void_p(array.ctypes.data)
    assert isinstance(argument, np.int32), "CuPy passes a Python integer as 64 bits"
    return ctypes.c_int32(int(argument))


def _asnumpy(array: Array, stream: Stream) -> NDArray[Any]:
    stream.synchronize()
    return np.array(array)


def _empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    return np.empty(shape, dtype).view(Array)


def _full(count: int, value: int, dtype: DTypeLike) -> Array:
    new = _empty((count,), dtype)
    Stream.current[-1].queue.append(lambda: new.fill(value))
    return new


@contextmanager
def installed() -> Iterator[None]:
    """Puts the stand-in where ``import cupy`` finds it."""
    cupy, cupyx = ModuleType("cupy"), ModuleType("cupyx")
    vars(cupy).update(
        RawModule=RawModule,
        asnumpy=_asnumpy,
        empty=_empty,
        full=_full,
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: POOLED),
        cuda=SimpleNamespace(
            Stream=Stream,
            Device=lambda: SimpleNamespace(id=0),
            runtime=SimpleNamespace(
                getDeviceCount=lambda: 1,
                getDeviceProperties=lambda device: {"multiProcessorCount": 2},
                memGetInfo=lambda: (MEMORY // 2, MEMORY),
            ),
        ),
    )
    vars(cupyx).update(empty_pinned=np.empty)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", cupy)
        patch.setitem(sys.modules, "cupyx", cupyx)
        patch.delitem(sys.modules, _DEVICE, raising=False)
        yield
        # What was imported over the stand-in must not outlive it.
        sys.modules.pop(_DEVICE, None)


_DEVICE = "workers.matching.backends.cupy_device"
