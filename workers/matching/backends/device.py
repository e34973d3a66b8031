"""The seam between the GPU backend and a device: memory, copies and launches, nothing else.

`CupyDevice` is a real device; the tests put an emulated one in its place, so that the backend's
own code is the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workers.errors import ErrorCode, RidgelineError


class DeviceArray(Protocol):
    """An array in device memory; freed when nobody holds it."""

    @property
    def nbytes(self) -> int:
        """Size, bytes."""
        ...


class Device(Protocol):
    """One device."""

    @property
    def name(self) -> str:
        """Reported as the backend's name."""
        ...

    @property
    def processors(self) -> int:
        """Streaming multiprocessors."""
        ...

    def free_bytes(self) -> int:
        """Memory that can still be allocated, bytes."""
        ...

    def upload(self, array: NDArray[Any]) -> DeviceArray:
        """Copies an array to the device beside whatever runs there; complete on return."""
        ...

    def full(self, count: int, value: int, dtype: DTypeLike = np.int32) -> DeviceArray:
        """A flat array of `count` elements, in order with the launches."""
        ...

    def launch(
        self,
        source: str,
        kernel: str,
        grid: tuple[int, int],
        arguments: Sequence[DeviceArray | int],
        shared_bytes: int = 0,
    ) -> None:
        """Starts `grid` blocks of `kernels.THREADS` threads; launches run in order.

        Args:
            source: file in `workers.matching.kernels`.
            arguments: arrays as pointers, integers as int32.
        """
        ...

    def download(self, array: DeviceArray) -> NDArray[Any]:
        """Waits for the launches so far and copies an array to the host."""
        ...


def require_room(device: Device, needed: int, what: str) -> None:
    """Refuses what would not fit, before anything is allocated.

    Raises:
        RidgelineError: OVERLOADED, field ``"backend"``.
    """
    free = device.free_bytes()
    if needed > free:
        raise RidgelineError(
            ErrorCode.OVERLOADED,
            f"{what} needs {needed / 2**20:,.1f} MiB on the device and {free / 2**20:,.1f} MiB "
            "are free; spread the gallery over more devices or use the numpy backend",
            field="backend",
        )
