"""The protobuf runtime we ask for is at least the one the stubs were generated with."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_runtime_floor_equals_the_generated_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (floor,) = [d.partition(">=")[2] for d in project["dependencies"] if d.startswith("protobuf")]
    stubs = sorted(ROOT.glob("protos/ridgeline/v1/*_pb2.py"))
    assert stubs
    for stub in stubs:
        found = re.search(r"# Protobuf Python Version: ([\d.]+)", stub.read_text())
        assert found is not None
        assert found[1] == floor
