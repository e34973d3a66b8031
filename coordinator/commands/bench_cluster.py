"""``ridgeline bench cluster``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from rich.console import Console

from coordinator.commands.output import bars, json_file_option, write_report
from coordinator.commands.tables import table


def _counts(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Numbers of nodes, such as 1,2,4."""
    try:
        counts = tuple(int(part) for part in value.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1 or list(counts) != sorted(set(counts)):
        raise click.BadParameter(
            "expected ascending numbers from 1 on, such as 1,2,4", context, parameter
        )
    return counts


@click.command("cluster")
@json_file_option
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for throughput and latency by nodes, such as scale.png or scale.svg.",
)
@click.option(
    "--nodes",
    callback=_counts,
    default="1,2,4",
    show_default=True,
    help="Sizes of the clusters, ascending.",
)
@click.option(
    "--subjects",
    type=click.IntRange(100, 50_000_000),
    default=10_000,
    show_default=True,
    help="Generated subjects of ten fingers to enrol.",
)
@click.option(
    "--shards-per-node",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Each has one thread of matrix products.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help="Shards that hold each partition; above 1 no search need fail when a node does.",
)
@click.option(
    "--callers",
    type=click.IntRange(1, 1024),
    default=8,
    show_default=True,
    help="Concurrent searches of the closed loop.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1.0, 3600.0),
    default=30.0,
    show_default=True,
    help="Length of each of the two loops.",
)
@click.option(
    "--recover/--no-recover",
    default=True,
    show_default=True,
    help="Kill a node at the end of each, and add one.",
)
@click.option(
    "--ray-address",
    default="",
    envvar="RAY_ADDRESS",
    show_envvar=True,
    help="A running Ray cluster, such as auto or HOST:6379; its first nodes are used.",
)
@click.option("--store-url", help="SQLAlchemy URL of an empty store; by default a file, removed.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Master key of that store, made where it is missing.",
)
def cluster(
    json_file: Path | None,
    plot: Path | None,
    store_url: str | None,
    key_file: Path | None,
    subjects: int,
    **layout: Any,
) -> None:
    """Time searches of one gallery on clusters of several sizes.

    Takes nodes of a running Ray cluster, or starts them on this machine, each kept to its share of
    the cores. For each size it measures loading, a closed loop (throughput), an open loop at half
    of what the smallest cluster did (latency) and, where nodes are its own, recovery when one is
    killed and the rebalancing when one joins. Every answer must be whole and the same on every
    cluster. On several machines the store has to be PostgreSQL, and its key file on each.
    """
    from cluster.store import FileKeyProvider, Store
    from coordinator.bench.cluster import ClusterLoad, bench_cluster
    from coordinator.bench.cluster_plot import plot_cluster
    from coordinator.bench.gallery import fill
    from coordinator.evaluate.plots import check_plot_file

    if (store_url is None) != (key_file is None):
        raise click.UsageError("--store-url and --key-file go together")
    if plot is not None:
        check_plot_file(plot)
    load = ClusterLoad(shards_a_node=layout.pop("shards_per_node"), **layout)
    with _gallery(store_url, key_file) as (url, key_path):
        keys = FileKeyProvider(key_path)
        store = Store.open(url, keys)
        try:
            fill(store, subjects, bars())
            # Ray writes what it has to say about dead nodes to standard output.
            with redirect_stdout(sys.stderr):
                result = bench_cluster(store, keys, load, bars())
        finally:
            store.close()
    if plot is not None:
        plot_cluster(result, plot)
    write_report(result, json_file, _show)


@contextmanager
def _gallery(store_url: str | None, key_file: Path | None) -> Iterator[tuple[str, Path]]:
    if store_url is not None and key_file is not None:
        yield store_url, key_file
        return
    with TemporaryDirectory(prefix="ridgeline-bench-") as folder:
        yield f"sqlite:///{folder}/gallery.db", Path(folder) / "master.key"


def _show(console: Console, result: dict[str, Any]) -> None:
    console.print(
        f"{result['subjects']:,} subjects on {result['where']}; {result['shards_a_node']} shards a "
        f"node, {result['replicas']} replicas, backend {', '.join(result['backends'])}",
        soft_wrap=True,
    )
    rows = [
        (
            run["nodes"],
            f"{run['start_s']:.1f}",
            f"{run['first_search_s']:.1f}",
            f"{run['closed']['per_s']:.2f}",
            f"{run['efficiency']:.2f}",
            *(
                _seconds(run[kind]["latency_s"][name])
                for kind in ("closed", "open")
                for name in ("p50", "p95", "p99")
            ),
            f"{run['closed']['answered']} / {run['open']['answered']}",
        )
        for run in result["runs"]
    ]
    columns = (
        "Nodes ",
        "Start, s ",
        "First answer, s ",
        "Searches/s ",
        "Efficiency ",
        f"Closed, {result['callers']} callers: p50 ",
        "p95 ",
        "p99 ",
        f"Open, {result['open_rate_per_s']:.2g}/s: p50 ",
        "p95 ",
        "p99 ",
        "Answers ",
    )
    console.print(table("", columns, rows))
    for run in result["runs"]:
        if recovery := run.get("recovery"):
            failed = sum(recovery["load"]["failed"].values())
            console.print(
                f"a node of {run['nodes']} killed: whole answers again after "
                f"{recovery['whole_again_s']:.1f} s, all replicas after "
                f"{recovery['replicated_again_s']:.1f} s; {recovery['load']['answered']} searches "
                f"answered meanwhile, {failed} failed",
                soft_wrap=True,
            )
        if moved := run.get("rebalance"):
            failed = sum(moved["load"]["failed"].values())
            console.print(
                f"a node joined to make {moved['nodes_after']}: {moved['partitions_moved']} of "
                f"{moved['partition_replicas']} partitions moved in {moved['seconds']:.1f} s; "
                f"{moved['load']['answered']} searches answered meanwhile, {failed} failed",
                soft_wrap=True,
            )
    checked = result["checked"]
    console.print(
        f"{checked['answers']:,} answers, each whole and the same on every cluster; the person "
        f"searched for came first in {checked['mates_first']:,}",
        soft_wrap=True,
    )


def _seconds(value: float | None) -> str:
    """A percentile, or a dash where there were too few searches for it."""
    return "-" if value is None else f"{value:.2f}"
