"""Markup without a template language: elements with escaped text and attributes."""

from __future__ import annotations

from html import escape

_TEXT_ELEMENTS = frozenset({"title", "text", "td", "th", "h1", "h2", "p", "dt", "dd", "span"})


def element(name: str, content: str = "", **attributes: object) -> str:
    """An element; the content of one that holds text is escaped, that of others is markup.

    Underscores in attribute names become hyphens, numbers are rounded to a tenth.
    """
    shown = "".join(
        f' {key.replace("_", "-")}="{escape(_value(value))}"' for key, value in attributes.items()
    )
    inner = escape(content) if name in _TEXT_ELEMENTS else content
    return f"<{name}{shown}>{inner}</{name}>"


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
