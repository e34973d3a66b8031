"""The detection error trade-off curve (Martin et al. 1997), as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from coordinator.evaluate.metrics import ErrorCounts
from workers.errors import ErrorCode, RidgelineError


def check_plot_file(path: Path) -> None:
    """Raises INVALID_FIELD for a file name whose ending Matplotlib cannot write."""
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise RidgelineError(
            ErrorCode.INVALID_FIELD,
            f"expected a file ending in {', '.join(sorted(known))}",
            field="plot",
        )


def plot_det(
    counts: ErrorCounts,
    title: str,
    path: Path,
    *,
    accepted: str = "False match rate",
    lost: str = "False non-match rate",
) -> None:
    """Draws the rate of errors of one kind against that of the other on logarithmic axes.

    Zero has no place on them: the curve ends at half an error, below the dotted lines of one.
    """
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(5.6, 5.2), layout="constrained")
        axes = figure.add_subplot()
        one_accepted, one_lost = 1.0 / counts.impostor, 1.0 / counts.genuine
        fmr = np.maximum(counts.fmr, one_accepted / 2)
        fnmr = np.maximum(counts.fnmr, one_lost / 2)
        axes.step(fmr, fnmr, where="pre", color="#1f4e79", linewidth=1.6)
        low = min(one_accepted, one_lost) / 2
        axes.plot([low, 1], [low, 1], color="0.8", linewidth=0.8, zorder=0)
        axes.axvline(one_accepted, color="0.6", linestyle=":", linewidth=0.8)
        axes.axhline(one_lost, color="0.6", linestyle=":", linewidth=0.8)
        axes.set(
            xscale="log", yscale="log", xlim=(low, 1), ylim=(low, 1), xlabel=accepted, ylabel=lost
        )
        axes.set_title(title, fontsize=10, loc="left")
        axes.grid(visible=True, which="major", color="0.93")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160)


def verification_title(report: dict[str, Any]) -> str:
    """What a verification's curve is of."""
    return (
        f"{report['dataset']}: {report['genuine']:,} genuine, {report['impostor']:,} impostor "
        f"pairs\nEER {100 * report['eer']:.2f} %, "
        f"{report['failures_to_extract']} failures to extract"
    )
