"""How a cluster is laid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from workers.biometrics.quality import QualityGate


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Configuration of an executor.

    Attributes:
        executor: ``"inprocess"`` runs shards and extractors in threads of this process,
            ``"ray"`` as actors on a Ray cluster.
        ray_address: of a running Ray cluster, such as ``"auto"`` or ``"HOST:6379"``; empty
            starts one on this machine.
        shards: shard workers; 0 makes one for each CPU of the cluster, at least two.
        replicas: shards that hold each partition.
        extractors: extraction workers.
        backend: matching backend of the shards: ``"auto"``, ``"numpy"``, ``"cupy"``,
            ``"reference"``.
        gate: which extracted fingers are good enough to be compared.
        load_timeout_s: for all shards to load their partitions at the start, seconds.
        object_store_bytes: of a Ray cluster that we start; only probes and answers travel.
    """

    executor: Literal["inprocess", "ray"] = "inprocess"
    ray_address: str = ""
    shards: int = 2
    replicas: int = 1
    extractors: int = 1
    backend: str = "auto"
    gate: QualityGate = field(default_factory=QualityGate)
    load_timeout_s: float = 600.0
    object_store_bytes: int = 128 * 1024 * 1024
