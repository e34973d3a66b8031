"""One gallery on one Ray node and on two, each on a core of its own; a node killed, and one more.

    python -m benchmarks.scale_out

On an otherwise idle machine of two cores; takes about five minutes. Writes
``benchmarks/results/scale_out.json`` and ``scale_out.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.record import RESULTS, record
from cluster.store import FileKeyProvider, Store
from coordinator.bench.cluster import ClusterLoad, bench_cluster
from coordinator.bench.cluster_plot import plot_cluster
from coordinator.bench.filler import SEED
from coordinator.bench.gallery import fill
from coordinator.progress import silent

SUBJECTS = 10_000


def main() -> None:
    """Measures and records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args()
    scale = ClusterLoad(nodes=(1, 2), seconds=options.seconds, recover=False)
    recovery = ClusterLoad(nodes=(3,), replicas=2, seconds=5.0)
    with TemporaryDirectory() as folder:
        keys = FileKeyProvider(Path(folder) / "master.key")
        store = Store.open(f"sqlite:///{folder}/gallery.db", keys)
        try:
            fill(store, options.subjects, silent)
            result = {
                "scale": bench_cluster(store, keys, scale, silent),
                "recovery": bench_cluster(store, keys, recovery, silent),
            }
        finally:
            store.close()
    print(result)
    plot_cluster(result["scale"], RESULTS / "scale_out.png")
    record("scale_out", result, data="generated subjects in a store", seed=SEED)


if __name__ == "__main__":
    main()
