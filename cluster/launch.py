"""Starts what an executor needs: a Ray cluster on this machine, or a way into a running one."""

from __future__ import annotations

import logging
import os

import ray

from cluster.config import ClusterConfig
from cluster.executors.inprocess import InProcessExecutor
from cluster.executors.interface import Executor
from cluster.layout import Node
from cluster.store import KeyProvider, Store

NAMESPACE = "ridgeline"
"""Of our actors' names on a shared cluster."""

GCS_RECONNECT_TIMEOUT_S = 3600
"""How long our processes go on without Ray's GCS. At Ray's own default the driver exits after
60 s (measured on Ray 2.60)."""


def make_executor(config: ClusterConfig, store: Store, keys: KeyProvider) -> Executor:
    """The executor that the configuration names; not started yet."""
    if config.executor == "inprocess":
        return InProcessExecutor(config, store, keys)
    from cluster.executors.ray_executor import RayExecutor

    return RayExecutor(config, store, keys)


def set_environment() -> None:
    """Settings that every Ray process of ours inherits; call before Ray starts."""
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(GCS_RECONNECT_TIMEOUT_S))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's own warning about a change of defaults that does not concern us: shards that ask for no
    # GPU are told to use none.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def connect(config: ClusterConfig, *, cpus: int) -> bool:
    """Connects this process to Ray; True when it started a cluster of its own.

    Args:
        cpus: that the workers need; what a cluster of our own is told to have.
    """
    set_environment()
    if ray.is_initialized():
        return False
    if config.ray_address:
        ray.init(
            address=config.ray_address,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        return False
    ray.init(
        address="local",  # one of our own, whatever else runs on this machine
        num_cpus=cpus,
        # Ray looks for GPUs itself where shards may use them.
        num_gpus=None if config.backend in ("auto", "cupy") else 0,
        namespace=NAMESPACE,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=config.object_store_bytes,
    )
    return True


def nodes() -> list[Node]:
    """Machines of the cluster that are alive, in a stable order; waits for Ray's GCS."""
    return sorted(
        (
            Node(
                str(node["NodeID"]),
                cpus=int(node["Resources"].get("CPU", 0)),
                gpus=int(node["Resources"].get("GPU", 0)),
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        ),
        key=lambda node: node.node_id,
    )
