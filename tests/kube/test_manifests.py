"""The manifests, by the rules of the newest Kubernetes and by a real API server."""

import re
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]

from falconeye.cluster.leader import DAEMON_SET, LEASE
from falconeye.cluster.pod import CLUSTER_KEY_LINE
from falconeye.config.loading import load_settings
from tests.kube.building import directory
from tests.kube.cluster import Cluster
from tests.kube.conftest import ROOT

OVERLAYS = ("k3s", "k3s/network-only")


def manifests(kube: Cluster, overlay: str) -> list[dict[str, Any]]:
    return [
        one for one in yaml.safe_load_all(kube.kubectl("kustomize", str(ROOT / overlay))) if one
    ]


def pod_of(told: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [one for one in told if one["kind"] == "DaemonSet"]
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_they_are_strictly_valid_and_the_api_server_takes_them(
    running: Cluster, overlay: str
) -> None:
    told = manifests(running, overlay)
    assert {one["kind"] for one in told} == {
        "Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
        "ConfigMap", "DaemonSet", "Service", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }  # fmt: skip
    for one in told:
        kubernetes_validate.validate(one, "1.37", strict=True)
    said = running.try_kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "-k", str(ROOT / overlay)
    )
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_they_bring_no_key_and_no_affinity(running: Cluster, overlay: str) -> None:
    told = manifests(running, overlay)
    assert "affinity" not in pod_of(told)
    assert not [one for one in told if one["kind"] == "Secret"]


def test_the_policy_is_sound(running: Cluster) -> None:
    """Its expressions compile for the types that the API server knows."""
    policy = running.get("validatingadmissionpolicy", "falconeye-affinity-only")
    assert not policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings")


def test_without_usb_the_pod_has_no_rights(running: Cluster) -> None:
    pod = pod_of(manifests(running, "k3s/network-only"))
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    paths = {volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
    assert paths == {"/data/falcon-eye"}
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


def test_settings_are_known_and_so_is_the_service_of_the_peers(running: Cluster) -> None:
    told = manifests(running, "k3s")
    (settings,) = [one["data"] for one in told if one["kind"] == "ConfigMap"]
    loaded = load_settings({}, settings)
    assert loaded.notices == ()
    assert loaded.settings.placement == "auto"
    services = {one["metadata"]["name"]: one["spec"] for one in told if one["kind"] == "Service"}
    peers = services[settings["FALCONEYE_PEER_SERVICE"]]
    assert (peers["clusterIP"], peers["ports"][0]["port"]) == ("None", loaded.settings.peer_port)
    exposed = services["falconeye"]
    assert exposed["type"] == "NodePort"
    assert exposed["ports"][0]["nodePort"] == 30900
    assert exposed["externalTrafficPolicy"] == "Local"
    assert exposed["sessionAffinity"] == "ClientIP"


def test_names_are_those_that_the_leader_uses(running: Cluster) -> None:
    told = manifests(running, "k3s")
    (role,) = [one for one in told if one["kind"] == "Role"]
    named = {name for rule in role["rules"] for name in rule.get("resourceNames", [])}
    assert named == {DAEMON_SET, LEASE}


def test_the_line_of_the_readme_makes_the_secret_that_the_pods_read(kube: Cluster) -> None:
    words = re.search(r"kubectl -n falconeye (create secret .*)", CLUSTER_KEY_LINE)
    assert words
    program = f'"{directory()}/kubectl" --kubeconfig "{kube.config}" -n falconeye {words[1]}'
    subprocess.run(["bash", "-c", program], check=True, capture_output=True)
    made = kube.get("secret", "falconeye", "-n", "falconeye")
    kube.kubectl("delete", "secret", "falconeye", "-n", "falconeye")
    pod = pod_of(manifests(kube, "k3s"))
    (volume,) = [volume for volume in pod["volumes"] if "secret" in volume]
    assert volume["secret"]["secretName"] == "falconeye"
    assert volume["secret"]["optional"] is True
    files = {one["value"] for one in pod["containers"][0]["env"] if "/run/secrets/" in str(one)}
    assert files == {f"/run/secrets/falconeye/{key}" for key in made["data"]}
    assert CLUSTER_KEY_LINE in (ROOT / "README.md").read_text(encoding="utf-8")
