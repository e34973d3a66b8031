"""A CUDA device through CuPy. Imported only where CuPy is installed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Any

import cupy
import cupyx
import numpy as np
from numpy.typing import DTypeLike, NDArray

from workers.matching import kernels
from workers.matching.backends.device import DeviceArray

_MEMORY_SHARE = 0.95
"""Of the device's memory that the budget may count on; the rest is the driver's and CuPy's."""

_STAGING_BYTES = 64 << 20
"""Of pinned memory that a copy uses at a time."""


class CupyDevice:
    """The current CUDA device; see `workers.matching.backends.device.Device`.

    Launches run in order on one stream. Copies of a gallery have a stream of their own, so that
    packing a delta does not wait for a search, nor a search for it. CuPy's pool gives memory
    freed on one stream to the next that asks on it, whoever still reads it on another; so what
    a launch uses is held until the launches' stream has been waited for.
    """

    name = "cupy"

    def __init__(self) -> None:
        self._work = cupy.cuda.Stream(non_blocking=True)
        self._copies = cupy.cuda.Stream(non_blocking=True)
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        self._processors = int(properties["multiProcessorCount"])
        self._held: list[object] = []
        self._held_lock = Lock()

    @property
    def processors(self) -> int:
        """Streaming multiprocessors."""
        return self._processors

    def free_bytes(self) -> int:
        """Memory that the driver has free, and what CuPy's pool holds unused."""
        free, total = cupy.cuda.runtime.memGetInfo()
        pool = cupy.get_default_memory_pool()
        reserve = int(total * (1.0 - _MEMORY_SHARE))
        return max(int(free) + int(pool.free_bytes()) - reserve, 0)

    def upload(self, array: NDArray[Any]) -> DeviceArray:
        """Copies through pinned memory on the copies' stream; complete on return."""
        host = np.ascontiguousarray(array).reshape(-1)
        with self._copies:
            on_device = cupy.empty(array.shape, array.dtype)
            flat = on_device.reshape(-1)
            step = max(_STAGING_BYTES // array.dtype.itemsize, 1)
            for first in range(0, len(host), step):
                part = host[first : first + step]
                pinned = cupyx.empty_pinned(part.shape, part.dtype)
                pinned[...] = part
                flat[first : first + step].set(pinned, stream=self._copies)
                self._copies.synchronize()
        uploaded: DeviceArray = on_device
        return uploaded

    def full(self, count: int, value: int, dtype: DTypeLike = np.int32) -> DeviceArray:
        """A flat array, filled on the launches' stream."""
        with self._work:
            filled: DeviceArray = cupy.full(count, value, np.dtype(dtype))
        return filled

    def launch(
        self,
        source: str,
        kernel: str,
        grid: tuple[int, int],
        arguments: Sequence[DeviceArray | int],
        shared_bytes: int = 0,
    ) -> None:
        """Starts a kernel; compiles its source on first use."""
        values = [np.int32(a) if isinstance(a, int | np.integer) else a for a in arguments]
        function = _module(source).get_function(kernel)
        with self._work:
            function(grid, (kernels.THREADS,), tuple(values), shared_mem=shared_bytes)
        with self._held_lock:
            self._held.append(values)

    def download(self, array: DeviceArray) -> NDArray[Any]:
        """Copies to the host after everything launched so far."""
        with self._held_lock:
            # Only what was launched before the wait below may be let go after it.
            done, self._held = self._held, []
        host: NDArray[Any] = cupy.asnumpy(array, stream=self._work)
        self._work.synchronize()
        done.clear()
        return host


@cache
def _module(source: str) -> Any:
    """One source compiled by NVRTC; a module a process, CuPy loads it for each device."""
    return cupy.RawModule(code=kernels.source(source), options=kernels.options(), backend="nvrtc")
