"""``ridgeline bench cluster`` on Ray nodes of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from cluster.launch import set_environment
from coordinator.commands import cli, run


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray leaves its log files to the collector
def test_two_sizes_and_a_killed_node(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "scale.svg"
    arguments = ["bench", "cluster", "--nodes", "1,2", "--subjects", "120", "--replicas", "2"]
    arguments += ["--callers", "4", "--seconds", "3", "--json", "-", "--plot", str(plot)]
    assert run(cli, arguments) == 0
    result = json.loads(capfd.readouterr().out)
    assert "2 Ray nodes on one machine" in result["where"]
    assert result["subjects"] == 120
    one, two = result["runs"]
    assert (one["nodes"], two["nodes"]) == (1, 2)
    assert (one["shards"], two["shards"]) == (1, 2)
    assert one["efficiency"] == 1.0
    assert two["efficiency"] == pytest.approx(two["closed"]["per_s"] / one["closed"]["per_s"] / 2)
    for size in (one, two):
        assert 0 < size["start_s"] < size["first_search_s"]
        assert size["closed"]["failed"] == size["open"]["failed"] == {}
        assert size["open"]["rate_per_s"] == pytest.approx(one["closed"]["per_s"] / 2)
        assert size["closed"]["answered"] > 0
    assert "recovery" not in one
    recovery = two["recovery"]
    assert recovery["nodes_left"] == 1
    assert 0 < recovery["whole_again_s"] <= recovery["replicated_again_s"]
    # Another replica answered whatever the dead node was asked.
    assert recovery["load"]["failed"] == {}
    rebalance = two["rebalance"]
    assert rebalance["nodes_after"] == 2
    assert rebalance["seconds"] > 0
    # Both nodes hold every partition, so the one that joins loads all of them.
    assert (rebalance["partitions_moved"], rebalance["partition_replicas"]) == (64, 128)
    assert rebalance["load"]["failed"] == {}
    checked = result["checked"]
    answered = sum(s[loop]["answered"] for s in (one, two) for loop in ("closed", "open"))
    assert checked["answers"] >= answered
    assert checked["mates_first"] == checked["answers"]
    assert plot.stat().st_size > 1000


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray leaves its log files to the collector
def test_nodes_of_a_cluster_that_is_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    set_environment()
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    machines.add_node(num_cpus=2)
    arguments = ["bench", "cluster", "--ray-address", machines.address, "--subjects", "100"]
    arguments += ["--callers", "2", "--seconds", "1", "--json", "-"]
    try:
        assert run(cli, [*arguments, "--nodes", "1,2"]) == 0
        result = json.loads(capfd.readouterr().out)
        assert result["where"] == "nodes of a Ray cluster; machines: 1"
        assert [r["nodes"] for r in result["runs"]] == [1, 2]
        assert all("recovery" not in r for r in result["runs"])
        assert all(node.any_processes_alive() for node in machines.worker_nodes)
        assert run(cli, [*arguments, "--nodes", "3"]) == 2
        assert "nodes" in capfd.readouterr().err
    finally:
        ray.shutdown()
        machines.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("nodes", ["", "2,1", "0,1", "1,1", "one"])
def test_sizes_that_make_no_sense_are_refused(
    nodes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli, ["bench", "cluster", "--nodes", nodes]) == 2
    assert "1,2,4" in capsys.readouterr().err


def test_a_store_needs_its_key_and_a_plot_a_known_ending(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(cli, ["bench", "cluster", "--store-url", "sqlite:///x.db"]) == 2
    assert "--key-file" in capsys.readouterr().err
    assert run(cli, ["bench", "cluster", "--plot", "scale.xyz"]) == 2
