"""What can be known of the CUDA kernels without a GPU: from their compilers, and by arithmetic.

Registers, memory and instructions come from NVRTC, ptxas and nvdisasm (the optional
dependencies `kernels`). The bounds are predictions from them and from data sheets; nothing here
was measured on hardware.
"""

from __future__ import annotations

import re
from collections import Counter
from importlib import metadata
from typing import Any

from benchmarks.record import record
from tests.kernels import toolchain
from tests.kernels.occupancy import warps_at_once
from workers.matching import kernels

TOOLS = ("nvidia-cuda-nvrtc-cu12", "nvidia-cuda-nvcc-cu12", "nvidia-cuda-nvdisasm")
SKETCH_DIMENSIONS = 672
"""Of a ten-finger sketch; decides the shared memory of the sketch product."""


def main() -> None:
    """Writes ``benchmarks/results/kernel_evidence.json``."""
    table = {
        architecture: {
            name: kernel_facts(source, name, architecture)
            for source, names in kernels.KERNELS.items()
            for name in names
        }
        for architecture in toolchain.ARCHITECTURES
    }
    result = {
        "tools": {name: metadata.version(name) for name in TOOLS},
        "threads_of_a_block": kernels.THREADS,
        "measured_on_hardware": False,
        "kernels": table,
    }
    print(record("kernel_evidence", result, data="the kernels' sources", seed=None))


def kernel_facts(source: str, name: str, architecture: str) -> dict[str, Any]:
    """Resources, occupancy and hot loop of one kernel."""
    resources = toolchain.resources(source, architecture)[name]
    lines = toolchain.instructions(source, architecture)[name]
    shared = resources.shared + dynamic_shared(name)
    warps = warps_at_once(
        architecture, threads=kernels.THREADS, registers=resources.registers, shared=shared
    )
    facts: dict[str, Any] = {
        "registers": resources.registers,
        "shared_bytes": shared,
        "stack_bytes": resources.stack,
        "spill_bytes": resources.spills,
        "local_memory_instructions": sum(bool(re.search(r"\b(LDL|STL)\b", x)) for x in lines),
        "instructions": sum(line.startswith("/*") for line in lines),
        "warps_of_64": warps,
    }
    loop = toolchain.hot_loop(lines)
    if any("IMMA" in line for line in loop):
        facts["hot_loop"] = counted(loop)
        facts["instructions_around"] = max(len(toolchain.around(lines, loop)) - len(loop), 0)
        facts["hot_loop_wide_loads"] = sum("LDG.E.128" in line for line in loop)
    return facts


def dynamic_shared(name: str) -> int:
    """Bytes that the backend asks for at launch, for sketches of `SKETCH_DIMENSIONS`."""
    found = re.fullmatch(r"sketch_product_(\d+)", name)
    return 16 * int(found.group(1)) * SKETCH_DIMENSIONS if found else 0


def counted(loop: tuple[str, ...]) -> dict[str, int]:
    """How often each operation stands in a loop, most frequent first."""
    operation = re.compile(r"\*/\s+(?:@!?U?P\w+\s+)?([A-Z]\w*)")
    found = (operation.search(line) for line in loop)
    return dict(Counter(match.group(1) for match in found if match).most_common())


if __name__ == "__main__":
    main()
