"""Puts the tables as last recorded into README and docs.

    python -m benchmarks.render

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``, NAME as in
`benchmarks.figures`; the space around it stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from benchmarks.figures import TABLES
from benchmarks.record import RESULTS

ROOT = RESULTS.parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

MARKED = re.compile(r"(<!-- table ([\w ]+) -->\s*)\S.*?(\s*<!-- end -->)", re.DOTALL)


def main() -> None:
    """Rewrites the documents in place."""
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text(), TABLES))


def filled(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The text with every marked table rendered; raises KeyError for a name not known."""
    return MARKED.sub(lambda found: f"{found[1]}{tables[found[2]]()}{found[3]}", text)


if __name__ == "__main__":
    main()
