"""Plants a bug in a module of the matcher while it is imported; no file is changed.

What is right and wrong is compared as syntax, so a bug survives every edit of its module that
leaves the expression or statement alone, and says so when it does not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from tests.planted.bug import Bug

MATCHING = Path(__file__).parents[2] / "workers" / "matching"
"""Sources of bugs are relative to it."""


def planted(text: str, bug: Bug) -> ast.Module:
    """A module with a bug.

    Raises:
        LookupError: what is right is not there exactly once.
    """
    tree = ast.parse(text)
    right, wrong = _parsed(bug.right), _parsed(bug.wrong)
    places = list(_places(tree, ast.dump(right)))
    if len(places) != 1:
        raise LookupError(
            f"{bug.name}: {bug.source} has {bug.right!r} {len(places)} times, not once"
        )
    ((parent, field, index),) = places
    if index is None:
        setattr(parent, field, wrong)
    else:
        getattr(parent, field)[index] = wrong
    return ast.fix_missing_locations(tree)


def _parsed(text: str) -> ast.AST:
    """A statement, or the expression that is all of it."""
    (statement,) = ast.parse(text).body
    return statement.value if isinstance(statement, ast.Expr) else statement


def _places(tree: ast.AST, dumped: str) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Where a node equals one: parent, field, and place in the field's list."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            children = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, child in children:
                if isinstance(child, ast.AST) and ast.dump(child) == dumped:
                    yield parent, field, index


class Planter(MetaPathFinder):
    """Finds the module of a bug, with the bug in it."""

    def __init__(self, bug: Bug) -> None:
        self._path = MATCHING / bug.source
        parts = self._path.relative_to(MATCHING.parents[1]).with_suffix("").parts
        self.module = ".".join(parts)
        self._tree = planted(self._path.read_text(), bug)
        self.imported = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname != self.module:
            return None
        self.imported = True
        loader = _Loader(fullname, str(self._path), self._tree)
        return spec_from_file_location(fullname, self._path, loader=loader)

    def install(self) -> None:
        """From here on an import of the module brings the bug."""
        assert self.module not in sys.modules, "imported too early"
        sys.meta_path.insert(0, self)


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, tree: ast.Module) -> None:
        super().__init__(fullname, path)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec", dont_inherit=True)
