"""Tables in documents."""

from __future__ import annotations

import pytest

from benchmarks.render import filled

TEXT = "Before\n\n<!-- table one -->\nold | rows\n<!-- end -->\n\nafter <!-- end -->\n"


def test_only_what_is_marked_changes() -> None:
    rendered = filled(TEXT, {"one": lambda: "| new |"})
    assert rendered == (
        "Before\n\n<!-- table one -->\n\n| new |\n\n<!-- end -->\n\nafter <!-- end -->\n"
    )
    assert filled(rendered, {"one": lambda: "| new |"}) == rendered


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled(TEXT, {})
