"""Bugs planted in the NumPy path: the tests that watch a module must fail with each."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.planted.bug import Bug
from tests.planted.bugs import BUGS, EDGES, ELSEWHERE, SIGNS, watchers
from tests.planted.plant import MATCHING, planted

SOURCES = sorted({bug.source for bug in BUGS})
PASSED, FAILED = 0, 1
"""Exit status of pytest; any other means that tests could not be run."""


def watch(source: str, *name: str) -> subprocess.CompletedProcess[str]:
    """Runs the tests that watch a module, with one of its bugs or without."""
    return subprocess.run(
        [sys.executable, "-m", "tests.planted", source, *name],
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_of_the_path_has_a_sign_and_an_edge() -> None:
    files = {path for path in MATCHING.rglob("*.py") if path.name != "__init__.py"}
    modules = {path.relative_to(MATCHING).as_posix() for path in files}
    assert modules > ELSEWHERE
    assert {bug.source for bug in SIGNS} == {bug.source for bug in EDGES} == modules - ELSEWHERE


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.source}: {bug.name}")
def test_every_bug_has_its_place(bug: Bug) -> None:
    """Where this fails the module was edited: plant the bug in what is there now."""
    planted((MATCHING / bug.source).read_text(), bug)


@pytest.mark.parametrize("text", ["a = b", "a = b + c\nd = (b\n  + c)"])
def test_a_place_that_is_not_there_once_is_refused(text: str) -> None:
    with pytest.raises(LookupError, match="not once"):
        planted(text, Bug("sum", "cut.py", "b + c", "b - c"))


@pytest.mark.slow
@pytest.mark.parametrize("source", {watchers(source): source for source in SOURCES}.values())
def test_watchers_pass_without_a_bug(source: str) -> None:
    ran = watch(source)
    assert ran.returncode == PASSED, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_every_bug_is_caught(source: str) -> None:
    bugs = [bug for bug in BUGS if bug.source == source]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ran = list(pool.map(lambda bug: watch(source, bug.name), bugs))
    for one in ran:
        assert one.returncode in (PASSED, FAILED), one.stdout + one.stderr
    survivors = [
        f"{bug.name}: {bug.right} -> {bug.wrong}"
        for bug, one in zip(bugs, ran, strict=True)
        if one.returncode == PASSED
    ]
    assert not survivors
