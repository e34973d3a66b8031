"""A device that runs the kernels on the host: the same sources, compiled by g++.

Only the device seam is replaced; packing, launches and arguments are the backend's own. Builds
are kept in ``.cache/kernels`` by the hash of everything that goes into them.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workers.matching import kernels
from workers.matching.backends.cupy_backend import CupyBackend
from workers.matching.backends.device import DeviceArray

_HOST = Path(__file__).parent / "host"
_BUILDS = Path(__file__).parents[2] / ".cache" / "kernels"

_POISON = 0xA5
"""What the emulation fills fresh memory with."""

_EDGE = 8192
"""Bytes kept free on both sides of an array: a histogram's row, a multiple of 16."""

ORDERS = ("forward", "reverse", "random")
"""Orders in which the threads of a block run."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "plain": ("-O1",),
    "quick": ("-O0",),  # for texts that are compiled once and run little
    "address": (
        "-O1",
        "-g",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        "-fsanitize-sections=cuda_shared",
    ),
    "thread": ("-O1", "-g", "-fsanitize=thread", "-DEMULATION_THREADS"),
}
"""How the host code is built: as it is, under ASan and UBSan, under TSan."""

VARIANT = os.environ.get("KERNEL_VARIANT", "plain")
"""The build that this run of the tests uses; `test_sanitizers.py` starts runs with the others."""


class EmulationError(RuntimeError):
    """A kernel did what it must not: divergence, a wrong argument, memory out of bounds."""


class BuildError(RuntimeError):
    """There is no g++, or it refused a source; never proof that a bug was caught."""


@dataclass(frozen=True, slots=True, eq=False)
class EmulatedArray:
    """Device memory; `array` is the host's view of it.

    Attributes:
        edges: what lies on both sides, bytes that no kernel may touch; none under a sanitizer,
            which watches the very edge.
    """

    array: NDArray[Any]
    address: int
    edges: tuple[NDArray[np.uint8], ...]

    @property
    def nbytes(self) -> int:
        """Size, bytes."""
        return self.array.nbytes


@dataclass(slots=True)
class EmulatedDevice:
    """Runs kernels one block after another.

    Attributes:
        order: in which the threads of a block run, one of `ORDERS`.
        texts: sources to use in place of the shipped ones, by file name.
        free: memory that it says is free, bytes.
        launched: kernels launched so far.
    """

    order: str = "forward"
    seed: int = 0
    texts: Mapping[str, str] = field(default_factory=dict)
    variant: str = VARIANT
    free: int = 1 << 30
    name: str = "cupy (emulated)"
    processors: int = 1
    launched: list[str] = field(default_factory=list)

    def free_bytes(self) -> int:
        """As set."""
        return self.free

    def upload(self, array: NDArray[Any]) -> EmulatedArray:
        """A copy in memory of its own."""
        copy = self._allocate(array.shape, array.dtype)
        copy.array[...] = array
        return copy

    def full(self, count: int, value: int, dtype: DTypeLike = np.int32) -> EmulatedArray:
        """A flat array."""
        new = self._allocate((count,), np.dtype(dtype))
        new.array.fill(value)
        return new

    def launch(
        self,
        source: str,
        kernel: str,
        grid: tuple[int, int],
        arguments: Sequence[DeviceArray | int],
        shared_bytes: int = 0,
    ) -> None:
        """Runs a kernel to its end.

        Raises:
            EmulationError: the emulation found it at fault.
        """
        self.launched.append(kernel)
        text = self.texts.get(source, kernels.source(source))
        library = built(source, text, self.variant)
        values = [
            ctypes.c_void_p(a.address) if isinstance(a, EmulatedArray) else ctypes.c_int32(_int(a))
            for a in arguments
        ]
        run(library, kernel, grid, values, shared_bytes, ORDERS.index(self.order), self.seed)
        for place, a in enumerate(arguments):
            if isinstance(a, EmulatedArray) and any((e != _POISON).any() for e in a.edges):
                raise EmulationError(f"{kernel} wrote beside its argument {place}")

    def download(self, array: DeviceArray) -> NDArray[Any]:
        """A copy on the host."""
        assert isinstance(array, EmulatedArray)
        return array.array.copy()

    def _allocate(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> EmulatedArray:
        library = built("screen.cu", kernels.source("screen.cu"), self.variant)
        size = int(np.prod(shape)) * dtype.itemsize
        edge = 0 if self.variant == "address" else _EDGE
        whole = size + 2 * edge
        address = library.emulation_allocate(ctypes.c_size_t(whole))
        buffer = (ctypes.c_char * whole).from_address(address)
        # The buffer lives as long as any view of it.
        weakref.finalize(buffer, library.emulation_free, ctypes.c_void_p(address))
        view = memoryview(buffer)
        array: NDArray[Any] = np.ndarray(shape, dtype, view, edge)
        edges = [np.ndarray((edge,), np.uint8, view, at) for at in (0, edge + size)]
        return EmulatedArray(array, address + edge, tuple(edges) if edge else ())


def run(
    library: ctypes.CDLL,
    kernel: str,
    grid: tuple[int, int],
    values: Sequence[ctypes.c_void_p | ctypes.c_int32],
    shared_bytes: int,
    order: int = 0,
    seed: int = 0,
) -> None:
    """Runs a kernel of a built library to its end.

    Raises:
        EmulationError: the emulation found it at fault, or takes other arguments.
    """
    signature = "".join("p" if isinstance(v, ctypes.c_void_p) else "i" for v in values)
    pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
    wrong = library.emulation_launch(
        kernel.encode(),
        *grid,
        kernels.THREADS,
        ctypes.c_size_t(shared_bytes),
        signature.encode(),
        pointers,
        order,
        seed,
    )
    if wrong:
        raise EmulationError(f"{kernel}: {wrong.decode()}")


def _int(value: DeviceArray | int) -> int:
    if not isinstance(value, int | np.integer):
        raise EmulationError(f"an argument of type {type(value).__name__}")
    return int(value)


def emulated_backend(order: str = "forward", seed: int = 0, **options: Any) -> CupyBackend:
    """The GPU backend on an emulated device."""
    return CupyBackend(EmulatedDevice(order, seed, **options))


@cache
def built(source: str, text: str, variant: str) -> ctypes.CDLL:
    """The library of one source; compiled unless a build of the same text is there.

    Raises:
        BuildError: there is no g++, or it refused the source.
    """
    unit = '#include "cuda_host.h"\n' + text
    present = [name for name in kernels.KERNELS[source] if re.search(rf"\b{name}\b", text)]
    unit += "".join(f"EMULATED({name});\n" for name in present)
    # Hidden, or libraries of different texts would share their globals.
    flags = ["-shared", "-fPIC", "-pthread", "-fvisibility=hidden", "-fno-gnu-unique"]
    flags += ["-Wall", "-Werror", "-Wno-unknown-pragmas", *VARIANTS[variant], *kernels.options()]
    digest = hashlib.sha256(repr((unit, flags)).encode() + _headers()).hexdigest()[:16]
    path = _BUILDS / f"{Path(source).stem}-{variant}-{digest}.so"
    if not path.exists():
        _compile(unit, flags, path)
    library = ctypes.CDLL(str(path))
    library.emulation_launch.restype = ctypes.c_char_p
    library.emulation_allocate.restype = ctypes.c_void_p
    return library


def _compile(unit: str, flags: list[str], path: Path) -> None:
    _BUILDS.mkdir(parents=True, exist_ok=True)
    # Precompiled, the header costs a third; it is most of what a compilation takes.
    key = hashlib.sha256(repr(flags).encode() + _headers()).hexdigest()[:16]
    folder = _BUILDS / f"header-{key}"
    folder.mkdir(exist_ok=True)
    header = folder / "cuda_host.h.gch"
    if not header.exists():
        _run_compiler(["-x", "c++-header", str(_HOST / "cuda_host.h"), *flags], header)
    _run_compiler(["-x", "c++", "-", "-I", str(folder), "-I", str(_HOST), *flags], path, unit)


def _headers() -> bytes:
    return b"".join(header.read_bytes() for header in sorted(_HOST.glob("*.h")))


def _run_compiler(arguments: list[str], path: Path, text: str = "") -> None:
    """Runs g++ and moves its output into place, so that nobody sees half of it."""
    compiler = shutil.which("g++")
    if compiler is None:
        raise BuildError("the kernel tests need g++")
    unfinished = path.with_suffix(f".{os.getpid()}")
    ran = subprocess.run(
        [compiler, *arguments, "-o", unfinished],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise BuildError(ran.stderr[-4000:])
    unfinished.rename(path)
