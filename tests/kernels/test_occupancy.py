"""Occupancy against figures worked out by hand from the programming guide's limits."""

from __future__ import annotations

import pytest

from tests.kernels.occupancy import warps_at_once


@pytest.mark.parametrize(
    ("registers", "shared", "expected"),
    [
        (32, 0, 64),  # all 64 warps
        (80, 3456, 24),  # 2560 registers a warp: 6 a scheduler
        (128, 3840, 16),
        (255, 0, 8),
        (32, 48 * 1024, 12),  # 49 KiB a block of the 164 KiB: 3 blocks
    ],
)
def test_warps_at_once(registers: int, shared: int, expected: int) -> None:
    warps = warps_at_once("sm_80", threads=128, registers=registers, shared=shared)
    assert warps == expected
