"""Ray nodes to measure on: several started on this machine, each on cores of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.cluster_utils import Cluster

from cluster.launch import set_environment

OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Of each node; only probes and answers travel."""


class LocalNodes:
    """Ray nodes on this machine, each a raylet with workers of its own.

    Where there are as many cores as nodes, each node is kept to its share of them, so that a node
    more is cores more, as another machine would be. The coordinator goes wherever there is room.

    Args:
        most: nodes that there will be at once; what the cores are shared by.
        cpus: workers that a node may be given.
    """

    def __init__(self, most: int, *, cpus: int) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self.cores_a_node = len(cores) // most
        self._cores = cores
        self._cpus = cpus
        self._cluster = Cluster()
        self._nodes: list[Any] = []

    @property
    def address(self) -> str:
        """For `cluster.config.ClusterConfig.ray_address`."""
        return str(self._cluster.address)

    @property
    def count(self) -> int:
        """Nodes that run."""
        return len(self._nodes)

    def add(self) -> None:
        """Starts a node; the first one is Ray's head."""
        set_environment()
        with self._on_cores_of(len(self._nodes)):
            node = self._cluster.add_node(
                num_cpus=self._cpus, num_gpus=0, object_store_memory=OBJECT_STORE_BYTES
            )
        self._nodes.append(node)

    def kill_newest(self) -> None:
        """Kills a node's processes, as when its machine fails; never the head's."""
        if len(self._nodes) < 2:
            raise ValueError("the head is not killed")
        self._cluster.remove_node(self._nodes.pop(), allow_graceful=False)

    def stop(self) -> None:
        """Ends everything, this process's connection too."""
        ray.shutdown()
        self._cluster.shutdown()  # type: ignore[no-untyped-call]
        self._nodes.clear()

    @contextmanager
    def _on_cores_of(self, place: int) -> Iterator[None]:
        """Processes that are started within are kept to a node's cores, and theirs too."""
        if not self.cores_a_node:
            yield
            return
        first = place * self.cores_a_node
        os.sched_setaffinity(0, self._cores[first : first + self.cores_a_node])
        try:
            yield
        finally:
            os.sched_setaffinity(0, self._cores)
