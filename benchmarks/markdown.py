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


def counted(rate: float, lost: int) -> str:
    """A rate and the genuine pairs lost at it; no finer than these sets tell."""
    if not rate:
        return NONE
    return f"{'under 0.01' if rate < 5e-5 else f'{100 * rate:.2f}'} % ({lost})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
