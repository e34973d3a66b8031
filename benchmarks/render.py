"""Puts the tables as last recorded into a document.

    python -m benchmarks.render docs/accuracy.md

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``, NAME as in
`benchmarks.figures`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figures import TABLES

_MARKED = re.compile(r"(<!-- table ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Rewrites the documents in place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path, nargs="+")
    for document in parser.parse_args().documents:
        document.write_text(filled(document.read_text(), TABLES))


def filled(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The text with every marked table rendered; raises KeyError for a name not known."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{tables[found[2]]()}\n\n{found[3]}", text)


if __name__ == "__main__":
    main()
