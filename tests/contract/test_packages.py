"""The import packages have generic names, so each must resolve to this distribution."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["protos", "workers", "cluster", "coordinator"])
def test_package_is_ours(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / name


def test_no_module_is_too_long() -> None:
    sources = [
        path
        for folder in ("workers", "cluster", "coordinator", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    assert sources
    long = {str(p.relative_to(ROOT)): n for p in sources if (n := _lines(p)) > 500}
    assert not long


def _lines(path: Path) -> int:
    with path.open(encoding="utf-8") as source:
        return sum(1 for _ in source)
