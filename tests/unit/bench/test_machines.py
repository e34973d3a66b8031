from __future__ import annotations

import os
import subprocess
import sys

import pytest

from coordinator.bench.machines import _keep_to

SCRIPT = """
import os, subprocess, sys, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
before = subprocess.Popen(["sleep", "60"])
print(before.pid, flush=True)
sys.stdin.readline()
print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
def test_a_process_is_kept_to_its_cores_with_children_before_and_after() -> None:
    core = [min(os.sched_getaffinity(0))]
    pids: list[int] = []
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pids.append(int(process.stdout.readline()))
            _keep_to(core, process.pid)
            process.stdin.write("\n")
            process.stdin.flush()
            pids.append(int(process.stdout.readline()))
            threads = [int(name) for name in os.listdir(f"/proc/{process.pid}/task")]
            assert len(threads) == 2
            for kept in (*threads, *pids):
                assert os.sched_getaffinity(kept) == set(core)
        finally:
            for pid in pids:
                os.kill(pid, 9)
            process.kill()
    assert len(os.sched_getaffinity(0)) > 1
