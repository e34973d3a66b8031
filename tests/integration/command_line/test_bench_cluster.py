"""``ridgeline bench cluster`` on Ray nodes of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    checked = result["checked"]
    answered = sum(s[loop]["answered"] for s in (one, two) for loop in ("closed", "open"))
    assert checked["answers"] >= answered
    assert checked["mates_first"] == checked["answers"]
    assert plot.stat().st_size > 1000


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
