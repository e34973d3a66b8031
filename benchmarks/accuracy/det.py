"""Detection error trade-off curves of ours and of peers in one picture (Martin et al. 1997)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.accuracy.scores import Scores
from coordinator.evaluate.metrics import count_errors

_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "black", "linewidth": 2.4, "linestyle": "-"},
    {"color": "#b2182b", "linewidth": 1.2, "linestyle": ":"},
    {"color": "#ef8a62", "linewidth": 1.2, "linestyle": "-."},
    {"color": "#2166ac", "linewidth": 1.2, "linestyle": "--"},
    {"color": "#4d9221", "linewidth": 1.2, "linestyle": (0, (5, 1, 1, 1, 1, 1))},
    {"color": "#762a83", "linewidth": 1.2, "linestyle": (0, (1, 3))},
)
"""Ours first: the only thick and unbroken line, so that grey print shows it too."""


def plot_curves(title: str, curves: Mapping[str, tuple[Scores, Scores]], path: Path) -> None:
    """Draws FNMR against FMR of every matcher on logarithmic axes.

    Zero has no place on them: a curve ends at half an error, below the dotted lines of one.

    Args:
        curves: genuine and impostor scores by name, ours first.
    """
    genuine, impostor = (len(side) for side in next(iter(curves.values())))
    low = 0.5 / max(genuine, impostor)
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(6.2, 5.4), layout="constrained")
        axes = figure.add_subplot()
        for (name, (mated, unmated)), style in zip(curves.items(), _STYLES, strict=False):
            counts = count_errors(mated, unmated)
            axes.step(
                np.maximum(counts.fmr, 0.5 / counts.impostor),
                np.maximum(counts.fnmr, 0.5 / counts.genuine),
                where="pre",
                label=name,
                **style,
            )
        axes.plot([low, 1], [low, 1], color="0.85", linewidth=0.8, zorder=0)
        axes.axvline(1.0 / impostor, color="0.6", linestyle=":", linewidth=0.8)
        axes.axhline(1.0 / genuine, color="0.6", linestyle=":", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlim=(low, 1), ylim=(low, 1))
        axes.set(xlabel="False match rate", ylabel="False non-match rate")
        axes.set_title(
            f"{title}: {genuine:,} genuine, {impostor:,} impostor pairs", fontsize=10, loc="left"
        )
        axes.grid(visible=True, which="major", color="0.93")
        axes.legend(fontsize=8, frameon=True, framealpha=0.9, edgecolor="0.9")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=140)
