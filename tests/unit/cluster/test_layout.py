"""Shards on nodes: one for each GPU, a share of the CPUs; a plan is the same when asked again."""

from __future__ import annotations

import pytest

from cluster.config import ClusterConfig
from cluster.layout import Layout, Node, first_nodes, spread
from workers.errors import ErrorCode, RidgelineError

SMALL, LARGE = Node("small", 2), Node("large", 8)
GPU = Node("gpu", 4, gpus=2)


def config(**changes: object) -> ClusterConfig:
    return ClusterConfig(**{"executor": "ray", "gpu_weight": 10, **changes})  # type: ignore[arg-type]


def test_gpu_nodes_have_gpu_shards_and_cpu_nodes_cpu_shards() -> None:
    layout = Layout(config(shards=3), [SMALL, GPU])
    kinds = [(s.slot.node, s.backend, s.gpus, s.slot.weight) for s in layout.shards]
    assert kinds == [("small", "numpy", 0, 1)] * 3 + [("gpu", "auto", 1, 10)] * 2
    assert [home.node_id for home in layout.extractors] == ["small"]


def test_a_backend_without_gpus_leaves_them_alone() -> None:
    layout = Layout(config(shards=4, backend="numpy"), [SMALL, GPU])
    assert {(s.backend, s.gpus) for s in layout.shards} == {("numpy", 0)}
    assert {s.slot.node for s in layout.shards} == {"small", "gpu"}


def test_a_gpu_backend_has_shards_on_gpus_only() -> None:
    layout = Layout(config(backend="cupy"), [SMALL, GPU])
    assert [(s.slot.node, s.backend) for s in layout.shards] == [("gpu", "cupy")] * 2
    assert layout.joining(LARGE) == []
    with pytest.raises(RidgelineError) as caught:
        Layout(config(backend="cupy"), [SMALL])
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_FIELD, "cluster.backend")


@pytest.mark.parametrize(("shards", "joining"), [(0, 8), (2, 8), (1, 4)])
def test_a_node_that_joins_has_as_many_shards_for_each_cpu(shards: int, joining: int) -> None:
    layout = Layout(config(shards=shards), [SMALL])
    specs = layout.joining(LARGE)
    assert len(specs) == joining
    assert layout.joining(LARGE) == specs
    ids = [spec.slot.shard_id for spec in [*layout.shards, *specs, *layout.joining(GPU)]]
    assert len(ids) == len(set(ids))


def test_workers_are_spread_by_cpus() -> None:
    homes = [node.node_id for node in spread(10, [SMALL, LARGE, Node("head", 0)])]
    assert (homes.count("small"), homes.count("large")) == (2, 8)


def test_the_first_nodes_are_those_that_run_work() -> None:
    nodes = [Node("a", 0), Node("b", 2), Node("c", 0, 1), Node("d", 4)]
    assert [node.node_id for node in first_nodes(nodes, 2)] == ["b", "c"]
    assert first_nodes(nodes, 0) == nodes
