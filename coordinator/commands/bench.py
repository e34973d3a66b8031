"""``ridgeline bench matcher`` and ``ridgeline bench cluster``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from coordinator.commands.bench_cluster import cluster
from coordinator.commands.output import bars, out, print_json
from coordinator.commands.tables import table
from coordinator.messages import to_json
from coordinator.paths import write_whole


@click.group("bench")
def command() -> None:
    """Measure the speed of this machine, or of a cluster."""


command.add_command(cluster)


@command.command("matcher")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File for the result; - is standard output.",
)
@click.option(
    "--subjects",
    "sizes",
    type=click.IntRange(1000, 50_000_000),
    multiple=True,
    default=(10_000, 100_000, 1_000_000),
    show_default=True,
    help="Size of a gallery to search; may be repeated. About 1 kB of memory a subject.",
)
@click.option(
    "--searches",
    type=click.IntRange(1, 400),
    default=16,
    show_default=True,
    help="Searches of each gallery, one by one and then as a batch.",
)
def matcher(json_file: Path | None, sizes: tuple[int, ...], searches: int) -> None:
    """Time the matcher's stages and complete searches, on generated fingers.

    Galleries are generated fingers recombined, held in memory; the store has no part in it.
    """
    from coordinator.bench.matcher import bench_matcher

    result = bench_matcher(sizes=sizes, searches=searches, threads=(1, 2), track=bars())
    if json_file is not None and str(json_file) == "-":
        print_json(result)
        return
    if json_file is not None:
        write_whole(json_file, to_json(result).encode())
    _show(result)


def _show(result: dict[str, Any]) -> None:
    console = out()
    rows = [
        *((f"Screen, 40 x 32, {k}", f"{v:,.0f}/s") for k, v in _rates(result, "screen")),
        (
            "Consolidation, 40 x 32",
            f"{result['consolidation_comparisons_per_s_by_minutiae']['40x32']:,.0f}/s",
        ),
        *((f"Sketch, {k}", f"{v:,.0f}/s") for k, v in _rates(result, "sketch")),
        *(
            (f"Search of {int(size):,}", f"{s['p50']:.3f} s, 95th {s['p95']:.3f} s")
            for size, s in result["search_seconds"].items()
        ),
        ("Share of the matrix-product peak", f"{result['blas_peak_fraction']:.0%}"),
        ("Bytes a finger", f"{result['bytes_per_finger']:,.0f}"),
    ]
    console.print(table("", ("", ""), rows))


def _rates(result: dict[str, Any], stage: str) -> list[tuple[str, float]]:
    key = {"screen": "screen_comparisons_per_s", "sketch": "sketch_pairs_per_s"}[stage]
    return list(result[key].items())
