"""Tables in documents."""

from __future__ import annotations

import pytest

from benchmarks.render import filled

TEXT = "Before\n\n<!-- table one -->\n\nold | rows\n\n<!-- end -->\n\nafter <!-- end -->\n"


def test_only_what_is_marked_changes() -> None:
    rendered = filled(TEXT, {"one": lambda: "| new |"})
    assert rendered == TEXT.replace("old | rows", "| new |")
    assert filled(rendered, {"one": lambda: "| new |"}) == rendered


def test_figures_may_stand_in_a_sentence() -> None:
    text = "It takes <!-- table one -->3 s<!-- end --> or <!-- table two -->4 s<!-- end -->."
    rendered = filled(text, {"one": lambda: "5 s", "two": lambda: "6 s"})
    assert rendered == text.replace("3 s", "5 s").replace("4 s", "6 s")


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled(TEXT, {})
