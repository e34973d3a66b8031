"""Makes the JSON schema of RayClusters that `tests/deploy` checks against, from KubeRay's CRD.

    python -m tests.tools.raycluster_schema helm-chart/kuberay-operator/crds/ray.io_rayclusters.yaml

Descriptions are left out, and so are pod templates, which are checked against Kubernetes' own
schemas. An unknown field is an error here: Kubernetes would drop it without a word.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parents[1] / "deploy" / "schemas" / "raycluster-v1.json"


def schema(definition: dict[str, Any]) -> dict[str, Any]:
    """The schema of version v1 of a custom resource definition."""
    versions = {version["name"]: version for version in definition["spec"]["versions"]}
    whole: dict[str, Any] = _strict(versions["v1"]["schema"]["openAPIV3Schema"])
    spec = whole["properties"]["spec"]["properties"]
    for group in (spec["headGroupSpec"], spec["workerGroupSpecs"]["items"]):
        group["properties"]["template"] = {"type": "object"}
    whole["properties"]["metadata"] = {"type": "object"}
    del whole["properties"]["status"]
    return whole


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {k: _strict(v) for k, v in node.items() if k not in ("description", "properties")}
    if "properties" in node:
        kept["properties"] = {name: _strict(of) for name, of in node["properties"].items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    return kept


def main() -> None:
    """Writes the schema of the definition named on the command line."""
    definition = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TARGET.write_text(json.dumps(schema(definition), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
