"""How a cluster is laid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cluster.sealing import SealedBlocks
from cluster.store.keys import KeyProvider
from workers.batching import BATCH_MAX
from workers.biometrics.quality import QualityGate
from workers.segments.codec import PlainBlocks
from workers.segments.folder import SegmentSettings


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
        segments: folder on each machine, for the base of every partition on its disk; without one
            shards read the store whenever they start. Shards and galleries may share it.
        segment_codec: ``"sealed"`` under a key that the store's key provider wraps, or
            ``"plain"``, which whoever reads the disk can read.
        descriptors: ``"memory"`` holds all minutiae in memory, ``"disk"`` sketches alone, and
            reads the minutiae of the shortlist from the segments.
        backend: matching backend of the shards: ``"auto"``, ``"numpy"``, ``"cupy"``,
            ``"reference"``.
        gate: which extracted fingers are good enough to be compared.
        gpu_weight: partitions that a shard on a GPU takes for each one of a shard on a CPU.
        searches_max: under way at once; more are refused with RESOURCE_EXHAUSTED.
        attempt_timeout_s: for a shard to answer while another replica could, seconds; at most
            0.6 of what is left of the call's deadline.
        rebalance: ``"auto"`` gives a node that joins its share at once, ``"manual"`` when
            ``ridgeline rebalance`` asks for it. What a lost node held is always made up for.
        nodes_max: that shards are started on; 0 takes all. With ``"manual"`` the others stay out.
        load_timeout_s: for all shards to load their partitions at the start, seconds.
        object_store_bytes: of a Ray cluster that we start; only probes and answers travel.
    """

    executor: Literal["inprocess", "ray"] = "inprocess"
    ray_address: str = ""
    shards: int = 2
    replicas: int = 1
    extractors: int = 1
    segments: Path | None = None
    segment_codec: Literal["sealed", "plain"] = "sealed"
    descriptors: Literal["memory", "disk"] = "memory"
    backend: str = "auto"
    gate: QualityGate = field(default_factory=QualityGate)
    gpu_weight: int = 16
    searches_max: int = BATCH_MAX
    attempt_timeout_s: float = 10.0
    rebalance: Literal["auto", "manual"] = "auto"
    nodes_max: int = 0
    load_timeout_s: float = 600.0
    object_store_bytes: int = 128 * 1024 * 1024

    def __post_init__(self) -> None:
        if min(self.replicas, self.gpu_weight, self.searches_max) < 1:
            raise ValueError("replicas, gpu_weight and searches_max must be at least 1")
        if min(self.attempt_timeout_s, self.load_timeout_s) <= 0:
            raise ValueError("every time must be positive")
        if self.descriptors == "disk" and self.segments is None:
            raise ValueError("descriptors on disk need a folder for segments")

    def segment_settings(self, keys: KeyProvider | None) -> SegmentSettings | None:
        """Of the shards; None where there are no segments.

        Raises:
            ValueError: they are to be sealed, and there are no keys.
        """
        if self.segments is None:
            return None
        if self.segment_codec == "sealed" and keys is None:
            raise ValueError("sealed segments need keys")
        codec = SealedBlocks(keys) if self.segment_codec == "sealed" and keys else PlainBlocks()
        return SegmentSettings(self.segments, codec, self.descriptors)
