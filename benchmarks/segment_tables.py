"""The tables of segments: how a shard starts, and what folding costs."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.markdown import table
from benchmarks.record import recorded

_START = {"store": "the store, every start", "first": "the store, writing segments once"}


def segments() -> str:
    """Loading, the first search and memory, by where a shard starts from."""
    result = recorded("segments")
    subjects = result["subjects"]
    rows = [
        (
            f"{_START['first']}, {codec}",
            f"{subjects / seconds:,.0f}",
            "",
            "",
            "",
            f"{result['segment_bytes'][codec] / subjects / 1000:,.1f} kB",
        )
        for codec, seconds in result["first_start_s"].items()
    ]
    for start, of in result["starts"].items():
        name = _START["store"] if start == "store" else f"segments {start}"
        rows.append(
            (
                name,
                f"{of['subjects_per_s']:,.0f}",
                f"{of['load_s'] + of['first_search_s']:.1f} s",
                f"{1000 * of['search_p50_s']:.0f} ms",
                f"{of['held_bytes'] / subjects / 1000:,.1f} kB",
                "",
            )
        )
    head = (
        f"{subjects:,} subjects of ten fingers, from",
        "subjects/s loaded",
        "to the first answer",
        "search, median",
        "held, a subject",
        "on disk, a subject",
    )
    return table(head, rows)


def folding() -> str:
    """Searches before and beside a fold."""
    result = recorded("segments")
    rows = [
        (
            start,
            f"{of['added']:,}",
            f"{of['catch_up_s']:.1f} s",
            f"{of['fold_s']:.1f} s",
            f"{1000 * of['search_before_p50_s']:.0f} ms",
            f"{1000 * of['search_beside_p50_s']:.0f} ms "
            f"(longest of {of['searches_beside']:.0f}: {1000 * of['search_beside_max_s']:.0f} ms)",
        )
        for start, of in result["folds"].items()
    ]
    head = (
        f"{result['subjects']:,} subjects",
        "added",
        "to catch up",
        "to fold",
        "search before, median",
        "search beside it, median",
    )
    return table(head, rows)


SEGMENT_TABLES: dict[str, Callable[[], str]] = {"segments": segments, "folding": folding}
