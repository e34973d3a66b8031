"""Does the GPU backend truly work here? Asked in a process of its own.

A driver that is missing, old or wedged shows in many ways: an exception, a hang, a crash of the
process. So the question is put to a child: import CuPy, count devices, compile the kernels, run
a small screen and compare it with the NumPy backend's.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache

import numpy as np

WORKS = "the GPU backend works"
_CHILD = "from workers.matching.backends import cupy_probe; cupy_probe.check()"
_SECONDS = 120.0
"""Compiling both sources takes a few seconds; a driver that hangs is given up after this."""


@cache
def why_unusable() -> str | None:
    """What keeps the GPU backend from working here, or None; asked once a process."""
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed: pip install 'ridgeline[gpu]'"
    try:
        child = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _CHILD],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the check did not finish: {type(error).__name__}"
    return verdict(child.returncode, child.stdout, child.stderr)


def verdict(code: int, output: str, errors: str) -> str | None:
    """What a child's end means: None when it said that everything works."""
    if code == 0 and WORKS in output:
        return None
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else f"the check ended with code {code}"


def check() -> None:
    """Runs in the child; raises what is wrong, or says that everything works."""
    import cupy

    from workers.matching.backends.cupy_backend import CupyBackend
    from workers.matching.backends.cupy_device import CupyDevice
    from workers.matching.backends.device_sketch import select, upload_sketches
    from workers.matching.backends.numpy_backend import NumpyBackend
    from workers.matching.columns import Columns
    from workers.matching.descriptor import describe_encounter
    from workers.matching.probe import prepare_probe
    from workers.synthesis.templates import generate_subject

    if cupy.cuda.runtime.getDeviceCount() == 0:
        raise RuntimeError("no CUDA device")
    device = CupyDevice()
    people = [describe_encounter(generate_subject(7, person)) for person in range(3)]
    probe = prepare_probe(people[0])
    columns = Columns.of(people)
    expected, screened = (
        backend.screen(probe, backend.pack(columns), np.arange(len(people)), lambda: None)
        for backend in (NumpyBackend(), CupyBackend(device))
    )
    if not np.array_equal(expected, screened):
        raise RuntimeError("the screen kernel computes wrongly on this device")
    vectors = np.arange(-64, 64, dtype=np.int8).repeat(32).reshape(128, 32)
    sketches = upload_sketches(device, vectors, np.zeros(128, np.int32), 1)
    (best,) = select(device, sketches, np.ones((1, 32), np.int8), np.array([2], np.int32))
    if best.rows.tolist() != [126, 127]:
        raise RuntimeError("the sketch kernels compute wrongly on this device")

    print(WORKS)
