"""When the GPU backend is chosen, and what a caller hears where it is not usable."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator

import pytest

from workers.errors import ErrorCode, RidgelineError
from workers.matching import backends
from workers.matching.backends import cupy_probe, load_backend


@pytest.fixture(autouse=True)
def forget_the_answer() -> Iterator[None]:
    cupy_probe.why_unusable.cache_clear()
    yield
    cupy_probe.why_unusable.cache_clear()


def test_a_gpu_that_does_not_work_is_refused_by_name_and_passed_over_by_auto(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "why_unusable", lambda: "no CUDA device")
    with pytest.raises(RidgelineError, match="no CUDA device") as raised:
        load_backend("cupy")
    assert (raised.value.code, raised.value.field) == (ErrorCode.INVALID_FIELD, "backend")
    assert load_backend("auto").name == "numpy"


def test_without_cupy_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    assert "not installed" in str(cupy_probe.why_unusable())


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("print('the GPU backend works')", None),
        ("raise RuntimeError('driver too old')", "RuntimeError: driver too old"),
        ("import os; os.abort()", "the check ended with code -6"),
        ("print('nothing to say')", "the check ended with code 0"),
    ],
)
def test_the_child_alone_decides(
    monkeypatch: pytest.MonkeyPatch, child: str, expected: str | None
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(cupy_probe, "_CHILD", child)
    assert cupy_probe.why_unusable() == expected


def test_a_child_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(cupy_probe, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(cupy_probe, "_SECONDS", 0.5)
    assert cupy_probe.why_unusable() == "the check did not finish: TimeoutExpired"


def test_the_check_itself_runs_and_fails_for_want_of_cupy() -> None:
    """The real child, with an import of CuPy that fails in a known way."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules['cupy'] = None; {cupy_probe._CHILD}"],
        capture_output=True,
        text=True,
        check=False,
    )
    reason = cupy_probe.verdict(ran.returncode, ran.stdout, ran.stderr)
    assert reason is not None
    assert "cupy" in reason
