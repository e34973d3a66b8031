"""Speed of the matcher, recorded: ``ridgeline bench matcher`` with galleries up to five million,
and the peers in the same run.

    python -m benchmarks.throughput

Takes about eight minutes and 8 GB. Writes ``benchmarks/results/throughput.json``.
"""

from __future__ import annotations

import argparse

from benchmarks.peer_speed import peer_rates
from benchmarks.record import record
from coordinator.bench.filler import SEED
from coordinator.bench.matcher import bench_matcher
from coordinator.progress import silent


def main() -> None:
    """Measures and records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, nargs="+", default=[10**4, 10**5, 10**6, 5 * 10**6])
    sizes = parser.parse_args().subjects
    result = bench_matcher(sizes=sizes, searches=16, threads=(1, 2), track=silent)
    result["peers"] = peer_rates()
    print(result)
    record("throughput", result, data="generated fingers, recombined", seed=SEED)


if __name__ == "__main__":
    main()
