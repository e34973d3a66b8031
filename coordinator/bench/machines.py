"""Ray nodes to measure on: several started on this machine, each on cores of its own."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
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
        node = self._cluster.add_node(
            num_cpus=self._cpus, num_gpus=0, object_store_memory=OBJECT_STORE_BYTES
        )
        if self.cores_a_node:
            first = len(self._nodes) * self.cores_a_node
            (raylet,) = node.all_processes["raylet"]
            _keep_to(self._cores[first : first + self.cores_a_node], raylet.process.pid)
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


def _keep_to(cores: list[int], process: int) -> None:
    """Keeps a process and its descendants, those to come too, to some cores.

    Its own threads come first: a child that one of them forks meanwhile inherits that.
    """
    threads = [int(path.name) for path in Path(f"/proc/{process}/task").iterdir()]
    for thread in threads:
        os.sched_setaffinity(thread, cores)
    for thread in threads:
        for child in Path(f"/proc/{process}/task/{thread}/children").read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                _keep_to(cores, int(child))
