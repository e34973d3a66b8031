"""Ray nodes to measure on: some of a cluster that is there, or several started on this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import ray
from ray.cluster_utils import Cluster

from cluster import launch
from cluster.config import ClusterConfig
from cluster.layout import first_nodes
from workers.errors import ErrorCode, RidgelineError

OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Of each node; only probes and answers travel."""


class Nodes(Protocol):
    """So many nodes of a Ray cluster.

    Attributes:
        address: for `cluster.config.ClusterConfig.ray_address`.
        killable: whether nodes are ours to start and to kill.
    """

    killable: bool

    @property
    def address(self) -> str: ...  # noqa: D102

    @property
    def where(self) -> str:
        """What and where they are, for the result."""
        ...

    def start(self, count: int) -> None:
        """So many, from none."""
        ...

    def add(self) -> None:
        """One more."""
        ...

    def kill_newest(self) -> None:
        """One less, at once."""
        ...

    def stop(self) -> None:
        """None again; this process is no longer connected."""
        ...


class GivenNodes:
    """The first nodes of a cluster that somebody else runs.

    Args:
        address: as `ray.init` takes it.
    """

    killable = False

    def __init__(self, address: str) -> None:
        self.address = address
        self._where = ""

    @property
    def where(self) -> str:
        """See `Nodes.where`."""
        return self._where

    def start(self, count: int) -> None:
        """Connects.

        Raises:
            RidgelineError: INVALID_FIELD where the cluster has fewer nodes that run work.
        """
        launch.connect(ClusterConfig(executor="ray", ray_address=self.address), cpus=0)
        there = first_nodes(launch.nodes(), count)
        if len(there) < count:
            raise RidgelineError(
                ErrorCode.INVALID_FIELD,
                f"the cluster has {len(there)} nodes that run work",
                field="nodes",
            )
        machines = {node["NodeManagerAddress"] for node in ray.nodes()}  # type: ignore[no-untyped-call]
        self._where = f"nodes of a Ray cluster; machines: {len(machines)}"

    def add(self) -> None:
        """Not ours to do."""
        raise NotImplementedError

    kill_newest = add

    def stop(self) -> None:
        """See `Nodes.stop`."""
        ray.shutdown()


class LocalNodes:
    """Ray nodes on this machine, each a raylet with workers of its own.

    Where there are as many cores as nodes, each node is kept to its share of them, so that a node
    more is cores more, as another machine would be. The coordinator goes wherever there is room.

    Args:
        most: nodes that there will be at once; what the cores are shared by.
        cpus: workers that a node may be given.
    """

    killable = True

    def __init__(self, most: int, *, cpus: int) -> None:
        self._cores = sorted(os.sched_getaffinity(0))
        self._cores_a_node = len(self._cores) // most
        self._most = most
        self._cpus = cpus
        self._cluster = Cluster()
        self._nodes: list[Any] = []

    @property
    def address(self) -> str:
        """For `cluster.config.ClusterConfig.ray_address`."""
        return str(self._cluster.address)

    @property
    def where(self) -> str:
        """See `Nodes.where`."""
        share = f"{self._cores_a_node} to each" if self._cores_a_node else "fewer than nodes"
        cores = len(self._cores)
        return f"up to {self._most} Ray nodes on one machine of {cores} cores, {share}"

    def start(self, count: int) -> None:
        """See `Nodes.start`."""
        for _ in range(count):
            self.add()

    def add(self) -> None:
        """Starts a node; the first one is Ray's head."""
        launch.set_environment()
        node = self._cluster.add_node(
            num_cpus=self._cpus, num_gpus=0, object_store_memory=OBJECT_STORE_BYTES
        )
        if self._cores_a_node:
            first = len(self._nodes) * self._cores_a_node
            (raylet,) = node.all_processes["raylet"]
            _keep_to(self._cores[first : first + self._cores_a_node], raylet.process.pid)
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
