"""The kernel tests again with the host code under ASan and UBSan, and under TSan.

ThreadSanitizer sees no races between fibers, so its build gives every CUDA thread a thread of
the operating system. Both sanitizers are shown a bug of their kind first.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.kernels.planted import PAST_THE_END

pytestmark = pytest.mark.slow

RUNTIMES = {"address": "libasan.so", "thread": "libtsan.so"}


def run(variant: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with a sanitizer's runtime loaded first, as it wants to be."""
    found = subprocess.run(
        ["g++", f"-print-file-name={RUNTIMES[variant]}"], capture_output=True, text=True, check=True
    )
    runtime = found.stdout.strip()
    assert os.path.isabs(runtime), f"g++ comes without {RUNTIMES[variant]}"
    environment = os.environ | {
        "LD_PRELOAD": runtime,
        "KERNEL_VARIANT": variant,
        "ASAN_OPTIONS": "detect_leaks=0:exitcode=66",
        "TSAN_OPTIONS": "halt_on_error=1 exitcode=66",
    }
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=900,
    )


@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    ("variant", "selection"),
    [
        ("address", ""),
        ("thread", "(room and forward) or (equals_sorting and 77) or prints_screen"),
    ],
)
def test_the_kernels_are_clean(variant: str, selection: str) -> None:
    tests = ("tests/kernels/test_screen.py", "tests/kernels/test_sketch.py")
    options = ("-q", "-p", "no:cacheprovider", "-k", selection)
    ran = run(variant, "pytest", *tests, *options)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert " passed" in ran.stdout
    assert "Sanitizer" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("variant", "case", "bug", "report"),
    [
        ("address", "past the end", PAST_THE_END.name, "heap-buffer-overflow"),
        ("thread", "screen.cu", "no barrier", "data race"),
        ("thread", "sketch.cu", "scan reads too late", "data race"),
    ],
)
def test_a_planted_bug_is_reported(variant: str, case: str, bug: str, report: str) -> None:
    ran = run(variant, "tests.kernels.planted", case, bug)
    assert "the source as it is passes" in ran.stderr, ran.stderr[-3000:]
    assert ran.returncode == 66
    assert report in ran.stderr
