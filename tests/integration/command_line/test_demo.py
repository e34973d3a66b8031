"""The demonstration as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workers.biometrics.itl import read_transaction

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(400)]

KEYS = {
    "outcome",
    "candidates",
    "coverage",
    "gallery_sequence",
    "backend",
    "stage_seconds",
    "report",
}
START = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("coordinator", run_name="__main__", alter_sys=True)
"""
"""``python -m coordinator`` that hears interrupts: a shell without job control starts its
background jobs deaf to them, and what those start inherits that."""

COVERAGE = {"partitions_searched", "partitions_total", "subjects_searched", "subjects_total"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def demo(tmp_path: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, "demo", "--json", "--output", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"RIDGELINE_CACHE": str(cache)},
    )


def left_running(session: int) -> list[int]:
    """Processes of a session, as /proc has it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_the_demonstration_keeps_its_contract(tmp_path: Path, cache: Path) -> None:
    started = time.monotonic()
    process = demo(tmp_path, cache)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert time.monotonic() - started < 180
    result = json.loads(out)
    assert result.keys() >= KEYS | {"absent"}
    assert result["absent"].keys() >= KEYS
    assert result["outcome"] == "CANDIDATES"
    assert result["candidates"][0].keys() >= {"rank", "subject_id", "score"}
    assert result["candidates"][0]["rank"] == 1
    assert result["candidates"][0]["subject_id"] == result["expected_subject_id"]
    assert len(result["candidates"][0]["finger_scores"]) == 10
    assert result["absent"]["outcome"] == "NO_CANDIDATE"
    assert result["absent"]["candidates"] == []
    assert result["absent"]["report"] is None
    for answer in (result, result["absent"]):
        coverage = answer["coverage"]
        assert coverage.keys() == COVERAGE
        assert coverage["partitions_searched"] == coverage["partitions_total"] == 64
        assert coverage["subjects_searched"] == coverage["subjects_total"] == 208
        assert answer["gallery_sequence"] == 208
        assert answer["backend"] == "numpy"
        assert answer["stage_seconds"].keys() == {"extract", "screen", "consolidate", "merge"}
    for name in ("booking-present.an2", "booking-absent.an2"):
        transaction = read_transaction((tmp_path / name).read_bytes())
        assert [record.type for record in transaction.records] == [1, 2] + [14] * 10
    page = Path(result["report"]).read_text(encoding="utf-8")
    assert page.count("<section") == 10
    assert page.count("data:image/png;base64,") == 20
    lines = re.findall(r'<g class="lines">(.*?)</g>', page, re.DOTALL)
    assert all(drawn.count("<line") >= 5 for drawn in lines)
    assert left_running(process.pid) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    process = demo(tmp_path, cache)
    # Prints are cached by now: wait until people are being enrolled.
    assert process.stderr is not None
    seen = ""
    while "Enrolling persons" not in seen and process.poll() is None:
        seen += process.stderr.read(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.endswith("ridgeline: interrupted\n")
    assert left_running(process.pid) == []
    assert list(tmp_path.iterdir()) == []
