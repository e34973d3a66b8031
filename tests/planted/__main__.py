"""``python -m tests.planted SOURCE [NAME]``: the tests that watch a module, with a bug in it.

Without a name the module is as it is. The exit status is pytest's; it is a process of its own
for each bug, because modules are imported once.
"""

from __future__ import annotations

import sys

import pytest

from tests.planted.bugs import BUGS, watchers
from tests.planted.plant import Planter


class Profile:
    """The same examples in every run, however slow the machine, and the first failure will do."""

    def pytest_configure(self) -> None:
        """Before any test is collected; pytest wants to import hypothesis itself."""
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("planted", deadline=None, derandomize=True, phases=phases)
        settings.load_profile("planted")


def main(source: str, name: str | None = None) -> int:
    """Runs the tests; returns pytest's exit status."""
    planter = None
    if name is not None:
        (bug,) = (bug for bug in BUGS if (bug.source, bug.name) == (source, name))
        planter = Planter(bug)
        planter.install()
    options = ("-x", "-q", "--tb=line", "-p", "no:cacheprovider")
    status = pytest.main([*watchers(source), *options], plugins=[Profile()])
    if planter is not None and not planter.imported:
        raise SystemExit(f"no test imports {planter.module}")
    return int(status)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
