"""A disk that is full while subjects are enrolled, and has room again."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coordinator.client import RidgelineClient
from tests.chaos.enrolling import Enrolling, check, copied
from tests.chaos.processes import CoordinatorProcess, Nursery, Site, eventually, free_address
from workers.errors import ErrorCode

pytestmark = pytest.mark.chaos

SUBJECTS = 400
FIRST_MIB, SECOND_MIB, PLENTY_MIB = 2, 3, 64
"""Room for some of them, for some more, for all."""

Resize = Callable[[CoordinatorProcess, int], None]

LIMITS = ["file size"] + ["file system"] * (os.geteuid() == 0)
"""Only root may mount a small file system; a limit on the size of a file needs no rights."""


@contextlib.contextmanager
def small_file_system(folder: Path) -> Iterator[tuple[Path, Resize]]:
    """A tmpfs: a folder in it, and how to give it another size."""
    mounted = folder / "small"
    mounted.mkdir()

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, str(mounted)], check=True)

    mount("-t", "tmpfs", "-o", f"size={FIRST_MIB}m", "tmpfs")
    try:
        yield mounted, lambda _, mib: mount("-o", f"remount,size={mib}m")
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


@contextlib.contextmanager
def small_files(folder: Path) -> Iterator[tuple[Path, Resize]]:
    """No file of the process may grow larger."""

    def resize(process: CoordinatorProcess, mib: int) -> None:
        both = (mib << 20, resource.RLIM_INFINITY)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, both)

    yield folder, resize


@pytest.mark.parametrize("limit", LIMITS)
def test_what_was_acknowledged_is_there_and_the_rest_can_be_tried_again(
    nursery: Nursery, tmp_path: Path, limit: str
) -> None:
    small = small_file_system if limit == "file system" else small_files
    with small(tmp_path) as (data, resize):
        site, address = Site.make(tmp_path, data=data), free_address()
        with RidgelineClient(site.client_config(address, patience_s=0.0)) as client:
            enrolling = Enrolling(client)
            with CoordinatorProcess(nursery, site, address) as process:
                process.wait_for("serving on")
                resize(process, FIRST_MIB)
                fill_up(enrolling, process)
            told = dict(enrolling.acknowledged)
            check(copied(site, tmp_path / "full"), site.key_file, told)
            if limit == "file system":  # too full to begin
                with CoordinatorProcess(nursery, site, address) as early:
                    early.wait_for("STORE_UNAVAILABLE")
                    assert "Traceback" not in early.log
                    resize(early, SECOND_MIB)
            with CoordinatorProcess(nursery, site, address) as process:
                resize(process, SECOND_MIB)
                process.wait_for("serving on")
                client.wait_until_serving(timeout_s=30)
                fill_up(enrolling, process)
                assert len(enrolling.acknowledged) > len(told)
                resize(process, PLENTY_MIB)  # and it goes on by itself
                client.wait_until_serving(timeout_s=30)
                enrolling.run(range(SUBJECTS), by_id=True)
                assert not enrolling.failures
        assert len(enrolling.acknowledged) == SUBJECTS
        assert check(site.url, site.key_file, enrolling.acknowledged) == SUBJECTS


def fill_up(enrolling: Enrolling, process: CoordinatorProcess) -> None:
    """Enrols until there is no room; every failure says that it is the store's."""
    enrolling.run(range(SUBJECTS), by_id=True)
    assert 0 < len(enrolling.acknowledged) < SUBJECTS
    assert {error.code for error in enrolling.failures} == {ErrorCode.STORE_UNAVAILABLE}
    enrolling.failures.clear()
    # Without a lease that can be renewed there is no health.
    eventually(lambda: process.log.split("health: ")[-1].startswith("not serving"), 30)
