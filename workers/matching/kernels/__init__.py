"""The CUDA C++ of the GPU backend: sources, and what its compilers are told.

Nothing here needs a GPU, CuPy or a compiler; the same text goes to NVRTC through CuPy, to NVRTC
alone and to g++ in the tests.
"""

from __future__ import annotations

from importlib import resources

from workers.matching import screen

SOURCES = ("screen.cu", "sketch.cu")

SCREEN_TILES = (1, 2, 3, 4, 6, 8, 16)
"""Tiles of 16 probe minutiae that the screen kernels ``screen_1`` and so on have room for."""

SKETCH_TILES = (1, 2, 4)
"""Tiles of 16 probes of the sketch kernels ``sketch_product_1`` and so on."""

KERNELS = {
    "screen.cu": (*(f"screen_{tiles}" for tiles in SCREEN_TILES), "screen_fold"),
    "sketch.cu": (
        *(f"sketch_product_{tiles}" for tiles in SKETCH_TILES),
        "sketch_histogram",
        "sketch_pick",
        "sketch_compact",
    ),
}
"""Entry points of each source."""

THREADS = 128
"""Threads of a block that every kernel is compiled for."""

BINS = 2048
"""Bins of a histogram of the sketch's selection."""

ROWS_PER_WARP = 32
"""Gallery rows that a warp of the sketch product handles at a time."""


def source(name: str) -> str:
    """Text of one source with our headers pasted in, so that no include path is needed."""
    here = resources.files("workers.matching.kernels")
    text = here.joinpath(name).read_text()
    return text.replace('#include "mma.cuh"', here.joinpath("mma.cuh").read_text())


def defines() -> dict[str, int]:
    """Constants that the sources expect from the command line, from their one home."""
    return {
        "CLIP": screen.CLIP,
        "SHIFT": screen.SHIFT,
        "NOT_COMPARED": screen.NOT_COMPARED,
        "BINS": BINS,
        "THREADS": THREADS,
    }


def options() -> tuple[str, ...]:
    """Options for NVRTC and for g++ alike."""
    return ("-std=c++17", *(f"-D{name}=({value})" for name, value in defines().items()))
