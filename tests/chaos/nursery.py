"""A process that has imported everything and forks coordinators on demand.

Most of a coordinator's start is imports; with them done, one that was killed is back within a
second. What is forked is ``ridgeline`` with its arguments, a process like any other.

Spoken to by `tests.chaos.processes.Nursery`: a line of JSON each way.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import coordinator.commands.up
import coordinator.node
from coordinator.commands import cli, run

IMPORTED = (coordinator.commands.up, coordinator.node)


def _start(arguments: list[str], log: str, environment: dict[str, str]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, target in ((0, null), (1, null), (2, out)):
            os.dup2(target, number)
        if environment:  # read as a process starts, not later
            command = [sys.executable, "-m", "coordinator", *arguments]
            os.execve(sys.executable, command, {**os.environ, **environment})
        code = run(cli, arguments)
        sys.stderr.flush()
    finally:
        os._exit(code)


def _poll(child: int) -> int | None:
    """Exit code, negative for a signal; None while it runs."""
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _main() -> None:
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        answer = _poll(asked["poll"]) if "poll" in asked else _start(**asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _main()
