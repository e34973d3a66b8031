"""Reads what is under deploy/."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
SCHEMAS = Path(__file__).parent / "schemas"

Manifest = dict[str, Any]


@cache
def kuberay() -> tuple[Manifest, ...]:
    """Every Kubernetes manifest, in the order they are applied."""
    return tuple(
        document
        for path in sorted((DEPLOY / "kuberay").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    )


def one(kind: str, name: str) -> Manifest:
    """The manifest of that kind and name."""
    (found,) = (m for m in kuberay() if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def of_kind(kind: str) -> list[Manifest]:
    """All manifests of a kind."""
    return [manifest for manifest in kuberay() if manifest["kind"] == kind]


def worker_groups() -> list[Manifest]:
    """Of the RayCluster."""
    groups: list[Manifest] = one("RayCluster", "ridgeline")["spec"]["workerGroupSpecs"]
    return groups


def pod_templates() -> dict[str, Manifest]:
    """Templates of pods by what they are for."""
    ray = one("RayCluster", "ridgeline")["spec"]
    return {
        "head": ray["headGroupSpec"]["template"],
        **{group["groupName"]: group["template"] for group in ray["workerGroupSpecs"]},
        "coordinator": one("Deployment", "ridgeline-coordinator")["spec"]["template"],
    }


def containers(template: Manifest) -> list[Manifest]:
    """Of a pod, those that run first included."""
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def schema(name: str) -> Manifest:
    """A committed schema."""
    found: Manifest = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return found


@cache
def compose() -> Manifest:
    """The compose file, aliases and merges resolved."""
    found: Manifest = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


@cache
def launcher() -> Manifest:
    """The configuration of Ray's cluster launcher."""
    found: Manifest = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text(encoding="utf-8"))
    return found


def strings(node: Any) -> Iterator[str]:
    """Every string in a manifest, values only."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
