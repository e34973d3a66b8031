"""Which shards run on which nodes: GPU shards where there are GPUs, CPU shards elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cluster.config import ClusterConfig
from cluster.placement import Slot
from workers.errors import ErrorCode, RidgelineError


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster.

    Attributes:
        node_id: Ray's.
        cpus: that Ray may hand out there.
        gpus: that Ray may hand out there.
    """

    node_id: str
    cpus: int
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """A shard to be started.

    Attributes:
        backend: to be loaded there; ``"auto"`` on a GPU that may turn out not to work.
        gpus: that it has for itself.
    """

    slot: Slot
    backend: str
    gpus: int


class Layout:
    """Plans shards; their ids are never used again.

    Args:
        nodes: that are there at the start.

    Raises:
        RidgelineError: INVALID_FIELD where the backend needs a GPU and no node has one.
    """

    def __init__(self, config: ClusterConfig, nodes: Sequence[Node]) -> None:
        self._config = config
        self._made = 0
        self._joining: dict[str, list[ShardSpec]] = {}
        gpus = [node for node in nodes if self._uses_gpus(node)]
        cpus = [node for node in nodes if not self._uses_gpus(node)]
        if config.backend == "cupy":
            if not gpus:
                raise RidgelineError(
                    ErrorCode.INVALID_FIELD,
                    "no node of the cluster has a GPU; use auto or numpy",
                    field="cluster.backend",
                )
            cpus = []
        extractors = max(config.extractors, 1)
        total = sum(node.cpus for node in cpus)
        count = (config.shards or max(2, total - extractors)) if cpus else 0
        self._per_cpu = config.shards / max(total, 1) if cpus else 0.0
        homes = spread(count + extractors, cpus or nodes)
        self.shards = [self._cpu_shard(node) for node in homes[:count]]
        for node in gpus:
            self.shards += self._gpu_shards(node)
        self.extractors = homes[count:]

    def joining(self, node: Node) -> list[ShardSpec]:
        """Shards of a node that came later: as many for each CPU as at the start, at least one.

        They are the same whenever it is asked for, so that a plan is what is carried out.
        """
        if node.node_id not in self._joining:
            self._joining[node.node_id] = self._shards_of(node)
        return self._joining[node.node_id]

    def _shards_of(self, node: Node) -> list[ShardSpec]:
        if self._uses_gpus(node):
            return self._gpu_shards(node)
        if self._config.backend == "cupy" or not node.cpus:
            return []
        wanted = round(self._per_cpu * node.cpus) if self._config.shards else node.cpus
        return [self._cpu_shard(node) for _ in range(min(max(wanted, 1), node.cpus))]

    def _uses_gpus(self, node: Node) -> bool:
        return node.gpus > 0 and self._config.backend in ("auto", "cupy")

    def _gpu_shards(self, node: Node) -> list[ShardSpec]:
        weight = self._config.gpu_weight
        return [self._shard(node, self._config.backend, weight, 1) for _ in range(node.gpus)]

    def _cpu_shard(self, node: Node) -> ShardSpec:
        backend = "numpy" if self._config.backend == "auto" else self._config.backend
        return self._shard(node, backend, 1, 0)

    def _shard(self, node: Node, backend: str, weight: int, gpus: int) -> ShardSpec:
        name = f"shard-{self._made}"
        self._made += 1
        return ShardSpec(Slot(name, node.node_id, weight), backend, gpus)


def first_nodes(nodes: Sequence[Node], most: int) -> list[Node]:
    """The first nodes that can run work, at most so many; all, whatever they can, where it is 0."""
    return [node for node in nodes if node.cpus or node.gpus][:most] if most else list(nodes)


def spread(count: int, over: Collection[Node]) -> list[Node]:
    """A node for each of `count` workers, in proportion to their CPUs, emptiest first."""
    # A head that is to run no work has none; where nobody has, somebody must.
    load = dict.fromkeys([node for node in over if node.cpus] or over, 0)
    chosen = []
    for _ in range(count):
        node = min(load, key=lambda node: ((load[node] + 1) / max(node.cpus, 1), node.node_id))
        load[node] += 1
        chosen.append(node)
    return chosen
