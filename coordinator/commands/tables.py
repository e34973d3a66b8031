"""Answers as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from workers.biometrics.model import FINGERS

_SHORT = {1: "R thumb", 2: "R index", 3: "R middle", 4: "R ring", 5: "R little"}
_SHORT |= {position + 5: name.replace("R", "L") for position, name in _SHORT.items()}


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; columns whose names end in a space are aligned right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    made.show_header = any(name.strip() for name in columns)
    for name in columns:
        made.add_column(name.strip(), justify="right" if name.endswith(" ") else "left")
    for row in rows:
        made.add_row(*(_text(cell) for cell in row))
    return made


def show_answer(console: Console, answer: Mapping[str, Any], title: str) -> None:
    """The answer to a search (as `to_plain` gives it): outcome, ranked candidates, coverage."""
    console.print(f"\n[bold]{title}: {answer['outcome']}[/bold]", soft_wrap=True)
    if answer["candidates"]:
        console.print(candidates_table(answer["candidates"]))
        console.print(finger_table(answer["candidates"][:5]))
    console.print(facts(answer), soft_wrap=True)
    for line in remarks(answer):
        console.print(line, soft_wrap=True)
    console.print(f"[italic]{answer['caveat']}[/italic]")


def candidates_table(candidates: Sequence[Mapping[str, Any]]) -> Table:
    """Rank, subject, score of each candidate."""
    rows = [
        (c["rank"], c["subject_id"], score(c), c["band"].lower(), expected(c)) for c in candidates
    ]
    return table("", ("Rank ", "Subject", "Score ", "Band", "False candidates expected "), rows)


def finger_table(candidates: Sequence[Mapping[str, Any]]) -> Table:
    """Per-finger scores, a column each finger that any candidate has."""
    by_candidate = [
        {score["position"]: score["score"] for score in c["finger_scores"]} for c in candidates
    ]
    shown = [int(f) for f in FINGERS if any(int(f) in scores for scores in by_candidate)]
    rows = [
        (c["rank"], *(f"{scores[p]:.0f}" if p in scores else "-" for p in shown))
        for c, scores in zip(candidates, by_candidate, strict=True)
    ]
    return table("", ("Rank ", *(f"{_SHORT[p]} " for p in shown)), rows)


def facts(answer: Mapping[str, Any]) -> str:
    """Coverage, sequence, backend and time per stage in a line."""
    coverage = answer["coverage"]
    stages = ", ".join(
        f"{s['stage'].lower()} {1000 * s['seconds']:,.0f} ms" for s in answer["stages"]
    )
    return (
        f"searched {coverage['subjects_searched']:,} of {coverage['subjects_total']:,} subjects "
        f"in {coverage['partitions_searched']} of {coverage['partitions_total']} partitions "
        f"at sequence {answer['gallery_sequence']:,}; backend {answer['backend'] or '-'}"
        + (f"; {stages}" if stages else "")
    )


def remarks(answer: Mapping[str, Any]) -> list[str]:
    """What needs saying: what was set aside, may be lost, looks swapped, was answered before."""
    lines = [f"not used: {u['source']}: {u['reason']}" for u in answer["unused"]]
    lines += [f"finger {m['position']}: {m['reason'].lower()}" for m in answer["missing"]]
    lines += [
        f"rolled finger {w['rolled_position']} looks like plain finger {w['plain_position']}"
        for w in answer["sequence_warnings"]
    ]
    lines += [
        f"{s['stage'].lower()}: {s['measured_loss_source']}"
        for s in answer["stages"]
        if s["measured_loss"] is not None
    ]
    if any(c["extrapolated"] for c in answer["candidates"]):
        lines.append("* beyond the impostors that the calibration was fitted on")
    if answer["replayed"]:
        lines.append("the same submission was answered before; that answer is given again")
    return lines


def percent(rate: float | None) -> str:
    """A rate, or that there is too little to tell it."""
    return "not resolvable" if rate is None else f"{100 * rate:.2f} %"


def score(candidate: Mapping[str, Any]) -> str:
    """A score; the star says that it lies beyond the calibration's evidence."""
    return f"{candidate['score']:.1f}{'*' if candidate['extrapolated'] else ' '}"


def expected(candidate: Mapping[str, Any]) -> str:
    """False candidates to expect at a candidate's score."""
    return f"{candidate['expected_false_candidates']:.2g}"


def _text(cell: object) -> str:
    return "-" if cell is None else str(cell)
