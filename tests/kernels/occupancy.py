"""Theoretical occupancy of a kernel from its registers and shared memory."""

from __future__ import annotations

from dataclasses import dataclass

_REGISTER_UNIT = 256
"""Registers are given to warps in units of this many (CUDA C++ Programming Guide, compute
capability 8.0 to 10.0)."""

_SHARED_RESERVED = 1024
"""Bytes of shared memory that the system takes of each block (same place)."""

_SHARED_UNIT = 128


@dataclass(frozen=True, slots=True)
class Processor:
    """Limits of a streaming multiprocessor.

    Attributes:
        shared: bytes of shared memory for all blocks together.
    """

    registers: int = 65536
    warps: int = 64
    blocks: int = 32
    shared: int = 164 * 1024


PROCESSORS = {
    "sm_80": Processor(),
    "sm_90": Processor(shared=228 * 1024),
    "sm_100": Processor(shared=228 * 1024),
}


def warps_at_once(architecture: str, *, threads: int, registers: int, shared: int) -> int:
    """Warps of a kernel that fit on one multiprocessor; of 64."""
    processor = PROCESSORS[architecture]
    warps = -(-threads // 32)
    of_warp = -(-registers * 32 // _REGISTER_UNIT) * _REGISTER_UNIT
    of_block = -(-(shared + _SHARED_RESERVED) // _SHARED_UNIT) * _SHARED_UNIT
    blocks = min(
        processor.blocks,
        processor.warps // warps,
        # Each of the four schedulers has a quarter of the registers.
        (processor.registers // 4 // of_warp) * 4 // warps,
        processor.shared // of_block,
    )
    return blocks * warps
