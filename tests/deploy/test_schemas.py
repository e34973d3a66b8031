"""Manifests are what their readers expect; a field that nobody knows is an error."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import ray

from tests.deploy.manifests import compose, kuberay, launcher, one, pod_templates, schema

KUBERNETES = "1.33"


def name(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


@pytest.mark.parametrize("manifest", kuberay(), ids=name)
def test_kubernetes_manifests(manifest: dict[str, Any]) -> None:
    if manifest["kind"] == "RayCluster":
        jsonschema.validate(manifest, schema("raycluster-v1.json"))
    else:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("role", pod_templates())
def test_pod_templates(role: str) -> None:
    """Those of the RayCluster's schema are left to Kubernetes' own."""
    template = pod_templates()[role]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": role, **template.get("metadata", {})},
        "spec": template["spec"],
    }
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_compose_file() -> None:
    validate_compose(compose())


def validate_compose(services: dict[str, Any]) -> None:
    # It names its draft by an address of its own that jsonschema does not know.
    jsonschema.validate(services, schema("compose-spec.json"), cls=jsonschema.Draft7Validator)


def ray_schema() -> dict[str, Any]:
    path = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_launcher_configuration() -> None:
    jsonschema.validate(launcher(), ray_schema())


def test_planted_faults_are_found() -> None:
    cluster = copy.deepcopy(one("RayCluster", "ridgeline"))
    cluster["spec"]["workerGroupSpecs"][0]["replica"] = 1
    with pytest.raises(jsonschema.ValidationError, match="'replica' was unexpected"):
        jsonschema.validate(cluster, schema("raycluster-v1.json"))
    deployment = copy.deepcopy(one("Deployment", "ridgeline-coordinator"))
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)
    services = copy.deepcopy(compose())
    services["services"]["coordinator"]["port"] = ["1:1"]
    with pytest.raises(jsonschema.ValidationError, match="'port' does not match"):
        validate_compose(services)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(launcher() | {"head_nodes": 1}, ray_schema())
