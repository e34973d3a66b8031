"""Planted bugs: each must make the comparison fail, or the comparison proves nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.kernels.emulated import EmulatedDevice, EmulationError
from tests.kernels.planted import CASES, QUICK, mutated, screen_case
from tests.planted.bug import Bug
from workers.matching import kernels


def outcomes(source: str, names: list[str]) -> dict[str, bool]:
    """Whether each bug was caught; one that brought its process down was, too."""
    found: dict[str, bool] = {}
    left = names
    while left:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.kernels.planted", source, *left],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = ran.stdout.splitlines()
        assert lines, ran.stderr
        # Only a signal ends a process half-way, or after its work when the heap is damaged.
        assert ran.returncode <= 0, ran.stderr
        found |= dict(zip(lines[::2], (x == "True" for x in lines[1::2]), strict=False))
        if len(lines) % 2:
            assert ran.returncode < 0, ran.stderr
            found[lines[-1]] = True
        left = [name for name in left if name not in found]
    return found


def names_of(source: str, *, quick: bool) -> list[str]:
    bugs, _ = CASES[source]
    return [bug.name for bug in bugs if (bug.name in QUICK) is quick]


@pytest.mark.parametrize("source", kernels.SOURCES)
def test_a_sign_an_edge_and_a_barrier_in_each_kernel_are_caught(source: str) -> None:
    names = names_of(source, quick=True)
    assert outcomes(source, names) == dict.fromkeys(names, True)


@pytest.mark.slow
@pytest.mark.parametrize("source", kernels.SOURCES)
def test_every_other_planted_bug_is_caught(source: str) -> None:
    names = names_of(source, quick=False)
    assert outcomes(source, names) == dict.fromkeys(names, True)


@pytest.mark.parametrize(
    "wrong",
    ["if (threadIdx.x & 1) __syncthreads();", "if (threadIdx.x < 40) __syncthreads();"],
)
def test_divergence_is_reported(wrong: str) -> None:
    """Threads that wait at different operations, and a barrier that some never reach."""
    bug = Bug("divergence", "screen.cu", "        __syncthreads();", "        " + wrong)
    with pytest.raises(EmulationError, match="divergence"):
        screen_case(mutated(bug))


def test_wrong_arguments_are_reported() -> None:
    device = EmulatedDevice()
    with pytest.raises(EmulationError, match="where screen_fold takes ppi"):
        device.launch("screen.cu", "screen_fold", (1, 1), (device.full(1, 0), 1, 1))
    with pytest.raises(EmulationError, match="no kernel"):
        device.launch("screen.cu", "screen_5", (1, 1), ())
