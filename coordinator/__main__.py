"""The command line, ``ridgeline`` or ``python -m coordinator``.

Exit codes: 0 done; 1 something failed; 2 wrong input or usage; 3 not now, try again later;
4 not permitted; 130 interrupted.
"""

from __future__ import annotations

from coordinator.commands import cli, run


def main() -> None:
    """Runs the command line and exits."""
    raise SystemExit(run(cli))


if __name__ == "__main__":
    main()
