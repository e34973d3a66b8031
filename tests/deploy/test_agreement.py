"""Names, ports, secrets, versions, settings: deploy/ agrees with itself and with the code."""

from __future__ import annotations

import json
import re
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import ray

from cluster.launch import GCS_RECONNECT_TIMEOUT_S
from coordinator.commands import cli
from coordinator.commands.connection import read_config
from coordinator.node import load_config
from tests.deploy.manifests import (
    DEPLOY,
    compose,
    containers,
    kuberay,
    launcher,
    of_kind,
    one,
    pod_templates,
    strings,
    worker_groups,
)

IMAGE = f"ridgeline:{metadata.version('ridgeline')}"
TIMEOUT = "RAY_gcs_rpc_server_reconnect_timeout_s"
SECRETS = re.findall(
    r"^\| `([\w-]+)` \| (`[^|]+`) \|", (DEPLOY / "README.md").read_text(), re.MULTILINE
)


def documented_secrets() -> dict[str, set[str]]:
    """Keys by secret, as deploy/README.md says they have to be made."""
    text = (DEPLOY / "README.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| (`[^|]+`) \|", text, re.MULTILINE)
    return {name: set(re.findall(r"`([^`]+)`", keys)) for name, keys in rows}


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container.get("env", [])}


def files_of(template: dict[str, Any], container: dict[str, Any]) -> set[str]:
    """Paths of files that configuration and secrets put into a container."""
    mounted = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    found = set()
    for volume in template["spec"]["volumes"]:
        if volume["name"] not in mounted:
            continue
        if "configMap" in volume:
            keys = one("ConfigMap", volume["configMap"]["name"])["data"].keys()
        elif "secret" in volume:
            keys = documented_secrets()[volume["secret"]["secretName"]]
            if "items" in volume["secret"]:
                keys = {item["path"] for item in volume["secret"]["items"]}
        else:
            continue
        found |= {f"{mounted[volume['name']]}/{key}" for key in keys}
    return found


@pytest.fixture
def kubernetes_config(tmp_path: Path) -> Any:
    target = tmp_path / "server.toml"
    target.write_text(one("ConfigMap", "ridgeline-coordinator")["data"]["server.toml"])
    return load_config(target)


def test_the_coordinators_settings_are_read_and_their_files_are_there(
    kubernetes_config: Any,
) -> None:
    template = pod_templates()["coordinator"]
    (coordinator,) = template["spec"]["containers"]
    there = files_of(template, coordinator)
    tls = kubernetes_config.server.tls
    for path in (
        tls.certificate_file,
        tls.key_file,
        tls.client_ca_file,
        kubernetes_config.server.policy_file,
        kubernetes_config.store.key_file,
    ):
        assert str(path) in there
    assert kubernetes_config.cluster.executor == "ray"
    assert kubernetes_config.cluster.replicas <= sum(g["replicas"] for g in worker_groups())
    authority = re.search(r"sslrootcert=([^&]+)", kubernetes_config.store.url)
    assert authority is not None
    # Shards open the store themselves, with the same key and authority at the same paths.
    for role in ("coordinator", "cpu", "gpu"):
        template = pod_templates()[role]
        (container,) = template["spec"]["containers"]
        there = files_of(template, container)
        assert {authority[1], str(kubernetes_config.store.key_file)} <= there
        assert environment(container)["PGPASSWORD"]["secretKeyRef"]["name"] == "ridgeline-postgres"


def test_the_probe_reaches_the_coordinator(tmp_path: Path, kubernetes_config: Any) -> None:
    template = pod_templates()["coordinator"]
    (coordinator,) = template["spec"]["containers"]
    probe = tmp_path / "probe.toml"
    probe.write_text(one("ConfigMap", "ridgeline-coordinator")["data"]["probe.toml"])
    connection = read_config(probe, {}).connection
    there = files_of(template, coordinator)
    assert environment(coordinator)["RIDGELINE_CONFIG"] in there
    for path in (connection.ca_file, connection.certificate_file, connection.key_file):
        assert str(path) in there
    port = kubernetes_config.server.address.rpartition(":")[2]
    assert f"localhost:{port}" in str(connection)
    assert {str(p["containerPort"]) for p in coordinator["ports"]} == {port}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        program, *arguments = coordinator[kind]["exec"]["command"]
        assert program == "ridgeline"
        assert_options_exist(arguments)
        assert coordinator[kind]["timeoutSeconds"] > connection.timeout_s
    # A standby answers and does not serve: it lives, and is not ready.
    assert "--alive" in coordinator["livenessProbe"]["exec"]["command"]
    assert "--alive" not in coordinator["readinessProbe"]["exec"]["command"]
    (allowed,) = one("NetworkPolicy", "clients")["spec"]["ingress"]
    assert [str(p["port"]) for p in allowed["ports"]] == [port]
    (published,) = one("Service", "ridgeline")["spec"]["ports"]
    assert published["targetPort"] in {p["name"] for p in coordinator["ports"]}


def assert_options_exist(arguments: list[str]) -> None:
    """Every option after ``ridgeline COMMAND``."""
    command = cli.get_command(None, arguments[0])  # type: ignore[arg-type]
    assert command is not None, arguments[0]
    known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    for argument in arguments[1:]:
        if argument.startswith("--"):
            assert argument.partition("=")[0] in known


def test_every_ridgeline_command_exists() -> None:
    texts = [*strings(list(kuberay())), *strings(compose()), (DEPLOY / "README.md").read_text()]
    texts += (DEPLOY / "ray-cluster.yaml").read_text().splitlines()
    commands = [
        shlex.split(found[1].replace("`", " ").rstrip('"'))
        for text in texts
        for found in re.finditer(
            r"(?:^|[ \"`])ridgeline ((?:up|health|certificates)[^\n`#;]*)", text
        )
    ]
    assert {command[0] for command in commands} == {"up", "health", "certificates"}
    for command in commands:
        assert_options_exist(command)


def test_ray_start_is_given_options_that_it_has() -> None:
    from ray.scripts.scripts import start

    known = {flag for option in start.params for flag in option.opts}
    lines = [*strings(compose()), *strings(launcher()), *strings(list(kuberay()))]
    given = {
        flag
        for line in lines
        for found in re.finditer(r"ray start ([^&;\n]*)", line)
        for flag in re.findall(r"--[\w-]+", found[1])
    }
    given |= {f for f in compose()["services"]["ray-head"]["command"] if f.startswith("--")}
    spec = one("RayCluster", "ridgeline")["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        given |= {f"--{name}" for name in group["rayStartParams"]}
    assert len(given) > 5
    assert {flag.partition("=")[0] for flag in given} <= known


def test_secrets_are_referenced_and_documented() -> None:
    assert not of_kind("Secret")
    documented = documented_secrets()
    used: dict[str, set[str]] = {}
    for template in pod_templates().values():
        for volume in template["spec"]["volumes"]:
            if "secret" in volume:
                keys = {item["key"] for item in volume["secret"].get("items", [])}
                used.setdefault(volume["secret"]["secretName"], set()).update(keys)
        for container in containers(template):
            for value in environment(container).values():
                if isinstance(value, dict) and "secretKeyRef" in value:
                    reference = value["secretKeyRef"]
                    used.setdefault(reference["name"], set()).add(reference["key"])
    ray_token = one("RayCluster", "ridgeline")["spec"]["authOptions"]["secretName"]
    used.setdefault(ray_token, set()).add("auth_token")
    assert used.keys() == documented.keys()
    for name, keys in used.items():
        assert keys <= documented[name]
    references = compose()["secrets"]
    assert all(set(source) == {"file"} for source in references.values())
    for service in compose()["services"].values():
        assert set(service.get("secrets", [])) <= references.keys()


def test_images_and_versions() -> None:
    for role, template in pod_templates().items():
        expected = f"{IMAGE}-gpu" if role == "gpu" else IMAGE
        assert {c["image"] for c in containers(template)} == {expected}
    services = compose()["services"]
    ours = {s["image"] for name, s in services.items() if name != "postgres"}
    assert ours | {launcher()["docker"]["image"]} == {IMAGE}
    assert one("RayCluster", "ridgeline")["spec"]["rayVersion"] == ray.__version__
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
    assert services["coordinator"]["build"]["target"] in stages >= {"cpu", "gpu"}
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for source in sources.split():
            assert (DEPLOY.parent / source).exists()
    users = {t["spec"]["securityContext"]["runAsUser"] for t in pod_templates().values()}
    assert users == {int(found) for found in re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)}


def test_searches_go_on_without_rays_head_wherever_ray_runs() -> None:
    for template in pod_templates().values():
        for container in template["spec"]["containers"]:
            assert environment(container)[TIMEOUT] == str(GCS_RECONNECT_TIMEOUT_S)
    for name, service in compose()["services"].items():
        if name != "postgres":
            assert service["environment"][TIMEOUT] == str(GCS_RECONNECT_TIMEOUT_S)
    assert f"--env={TIMEOUT}={GCS_RECONNECT_TIMEOUT_S}" in launcher()["docker"]["run_options"]
    assert f"{TIMEOUT}={GCS_RECONNECT_TIMEOUT_S}" in (DEPLOY / "Dockerfile").read_text()
    assert f"{TIMEOUT}={GCS_RECONNECT_TIMEOUT_S}" in (DEPLOY / "README.md").read_text()


def test_ray_is_authenticated_and_encrypted() -> None:
    assert one("RayCluster", "ridgeline")["spec"]["authOptions"]["mode"] == "token"
    for template in pod_templates().values():
        (first,) = template["spec"]["initContainers"]
        for container in template["spec"]["containers"]:
            given = environment(container)
            assert given["RAY_USE_TLS"] == "1"
            mounts = {m["mountPath"] for m in container["volumeMounts"]}
            written = {m["mountPath"] for m in first["volumeMounts"]}
            for variable in ("RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT"):
                folder = given[variable].rpartition("/")[0]
                assert folder in mounts & written
            # The authority's key stays with the container that signs.
            assert "/etc/ray/ca" in written - mounts
    (coordinator,) = pod_templates()["coordinator"]["spec"]["containers"]
    assert environment(coordinator)["RAY_AUTH_MODE"] == "token"
    for name, service in compose()["services"].items():
        if name != "postgres":
            assert service["environment"]["RAY_AUTH_MODE"] == "token"


def test_selectors_select_what_they_are_for() -> None:
    labels = {role: t["metadata"]["labels"] for role, t in pod_templates().items()}
    labels["head"] = labels["head"] | {"ray.io/cluster": "ridgeline", "ray.io/node-type": "head"}

    def selected(match: dict[str, str]) -> set[str]:
        return {role for role, own in labels.items() if match.items() <= own.items()}

    def budget(name: str) -> tuple[int, set[str]]:
        spec = one("PodDisruptionBudget", name)["spec"]
        return spec["minAvailable"], selected(spec["selector"]["matchLabels"])

    everyone = {"head", "cpu", "gpu", "coordinator"}
    for policy in ("ray", "store"):
        assert (
            selected(one("NetworkPolicy", policy)["spec"]["podSelector"]["matchLabels"]) == everyone
        )
    service = one("Service", "ridgeline")["spec"]["selector"]
    clients = one("NetworkPolicy", "clients")["spec"]["podSelector"]["matchLabels"]
    assert selected(service) == selected(clients) == {"coordinator"}
    assert budget("ridgeline-coordinator") == (1, {"coordinator"})
    assert budget("ridgeline-ray-head") == (1, {"head"})
    workers = sum(group["replicas"] for group in worker_groups())
    assert budget("ridgeline-ray-workers") == (workers - 1, {"cpu", "gpu"})
    for role in ("cpu", "gpu", "coordinator"):
        (rule,) = pod_templates()[role]["spec"]["affinity"]["podAntiAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        assert role in selected(rule["labelSelector"]["matchLabels"])


def test_pods_hold_to_the_restricted_standard_and_to_what_they_ask_for() -> None:
    assert {m["metadata"].get("namespace", "ridgeline") for m in kuberay()} == {"ridgeline"}
    for role, template in pod_templates().items():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["serviceAccountName"] == "ridgeline"
        for container in containers(template):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["requests"]) >= {"cpu", "memory"}
        for container in spec["containers"]:
            limits = container["resources"]["limits"]
            assert limits == container["resources"]["requests"]
            assert ("nvidia.com/gpu" in limits) == (role == "gpu")
            if role in ("cpu", "gpu"):
                (group,) = (g for g in worker_groups() if g["groupName"] == role)
                assert group["rayStartParams"]["num-cpus"] == limits["cpu"]
                assert group["rayStartParams"].get("num-gpus") == limits.get("nvidia.com/gpu")


def test_the_compose_files_settings_are_read_and_their_files_are_there() -> None:
    services = compose()["services"]
    config = load_config(DEPLOY / "compose" / "server.toml")
    mounted = {f"/run/secrets/{name}" for name in services["coordinator"]["secrets"]}
    tls = config.server.tls
    needed = {tls.certificate_file, tls.key_file, tls.client_ca_file}
    needed |= {config.server.policy_file, config.store.key_file}
    probe = read_config(DEPLOY / "compose" / "probe.toml", {}).connection
    needed |= {probe.ca_file, probe.certificate_file, probe.key_file}
    assert {str(path) for path in needed} <= mounted
    assert str(config.store.key_file) in {
        f"/run/secrets/{name}" for name in services["ray-worker"]["secrets"]
    }
    host = re.search(r"@([\w-]+):5432/(\w+)", config.store.url)
    assert host is not None
    assert host[1] in services
    assert services["postgres"]["environment"]["POSTGRES_DB"] == host[2]
    port = config.server.address.rpartition(":")[2]
    assert services["coordinator"]["ports"] == [f"{port}:{port}"]
    assert config.cluster.replicas <= services["ray-worker"]["deploy"]["replicas"]
    for source in (*compose()["configs"].values(),):
        assert (DEPLOY / source["file"]).is_file()
    targets = {c["target"] for c in services["coordinator"]["configs"]}
    assert services["coordinator"]["environment"]["RIDGELINE_CONFIG"] in targets
    grace = int(services["coordinator"]["stop_grace_period"].removesuffix("s"))
    assert grace > config.server.shutdown_grace_s


def test_pods_have_time_to_drain(kubernetes_config: Any) -> None:
    spec = pod_templates()["coordinator"]["spec"]
    assert spec["terminationGracePeriodSeconds"] > kubernetes_config.server.shutdown_grace_s


def test_ray_itself_accepts_the_launchers_configuration() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(json.loads(json.dumps(launcher())))
    validate_config(config)
    assert config["max_workers"] == len(launcher()["provider"]["worker_ips"])
