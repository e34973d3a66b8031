"""How tables and figures are written."""

from __future__ import annotations

from collections.abc import Sequence

NONE = "none seen"
"""In the place of a rate and an interval of zero, which would claim too much."""

FVC = ("DB1_B", "DB2_B", "DB3_B", "DB4_B")


def set_name(name: str) -> str:
    """A set with where it is from, and whether it is synthetic."""
    if name in FVC:
        return f"FVC2002 {name}{' (synthetic)' if name == 'DB4_B' else ''}"
    return f"Neurotechnology {name}"


def percent(low: float, high: float) -> str:
    """An interval of shares."""
    return f"{100 * low:.2f} to {100 * high:.2f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
