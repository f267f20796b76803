"""A pod of the manifests in k3s/ without Kubernetes: the namespaces and mounts of its container.

All of it is read from the manifests and the Dockerfile, so that what they lose is missing here. The
image's own files are those of the machine, read-only: its release is installed there.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from tests.vm.machine import Machine

CLUSTER_KEY: Final = "the key of a cluster of one machine"
UNIT: Final = "pod"
_TOP: Final = Path(__file__).parents[2]
_BASE: Final = _TOP / "k3s" / "base"
_HOST: Final = "/run/pod"  # what a kubelet keeps of the pod
_ROOT: Final = f"{_HOST}/root"
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOLD: Final = {"spec.nodeName": "recorder", "metadata.namespace": "falconeye"}
_SECRET: Final = {"cluster-key": CLUSTER_KEY, "admin-password": "a long pass phrase of theirs"}
# An image's own files, and what an engine mounts into each container. /dev is all that one without
# devices of the host has.
_OWN_FILES: Final = """
mkdir -p {root}; mount -t tmpfs -o mode=755 root {root}; cd {root}
mkdir -p usr opt etc root run tmp var/lib proc sys dev
for own in usr opt; do mount --bind /$own $own; mount -o remount,bind,ro $own; done
for link in bin sbin lib lib64; do ln -s usr/$link $link; done
cp -a /etc/ld.so.cache /etc/passwd /etc/group etc/; echo 127.0.0.1 localhost > etc/hosts
mount -t proc proc proc; mount -t sysfs sysfs sys; mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for device in null zero full random urandom tty; do cp -a /dev/$device dev/; done
"""


@dataclass(frozen=True, slots=True)
class _Mount:
    """One of `volumeMounts`, with the directory of the host behind it."""

    source: str
    target: str
    is_read_only: bool
    propagation: str  # of mount(8)

    @property
    def lines(self) -> str:
        target = _ROOT + self.target
        found = f"mkdir -p {target}; mount --rbind {self.source} {target}\n"
        found += f"mount --make-{self.propagation} {target}\n"
        return found + (f"mount -o remount,bind,ro {target}\n" if self.is_read_only else "")


class Pod:
    """One that was started. Its calls block."""

    def __init__(self, machine: Machine, command: str, environment: Mapping[str, str]) -> None:
        self._machine = machine
        self._command = command
        self._environment = environment

    def run(self, *words: str, limit_s: float) -> str:
        """What the image's command prints in it, as `kubectl exec` has it."""
        parent = self._machine.shell(f"systemctl show --value -p MainPID {UNIT}")
        process = self._machine.shell(f"ps -o pid= --ppid {parent}")
        return self._machine.shell(
            f"nsenter --target {process} --mount --pid --net --ipc --cgroup --root --wd"
            f" {_env(self._environment)} {self._command} {shlex.join(words)}",
            limit_s=limit_s,
        )

    def log(self) -> str:
        return self._machine.shell(f"journalctl -u {UNIT} -o cat --no-pager")

    def remove(self) -> None:
        """With all that it left on the machine."""
        self._machine.shell(
            f"systemctl stop {UNIT}; rm -rf --one-file-system {_HOST} /data", may_fail=True
        )


def start_pod(machine: Machine) -> Pod:
    """Start the container of the manifest on that machine; it may not serve yet."""
    agent = yaml.safe_load((_BASE / "daemonset.yaml").read_text())["spec"]["template"]["spec"]
    (container,) = agent["containers"]
    entrypoint, environment = _image()
    environment |= _environment(container)
    script = f"set -eu\n{_volumes(agent)}{_OWN_FILES.format(root=_ROOT)}"
    script += "".join(mount.lines for mount in _mounts(agent, container))
    if container["securityContext"].get("readOnlyRootFilesystem"):
        script += f"mount -o remount,bind,ro {_ROOT}\n"
    user = agent["securityContext"].get("runAsUser", 10001)
    command = shlex.join(entrypoint)
    script += (
        f"exec chroot --userspec=+{user}:+{user} --groups= {_ROOT}"
        f" {_env(environment)} {command} {shlex.join(container['args'])}\n"
    )
    machine.shell(f"mkdir -p {_HOST}; cat > {_HOST}/start << 'END'\n{script}END")
    own = "--mount --propagation slave --pid --fork --ipc --cgroup"
    own += "" if agent.get("hostNetwork") else " --net"
    devices = "auto" if container["securityContext"].get("privileged") else "closed"
    machine.shell(
        f"systemd-run --unit {UNIT} --collect -p DevicePolicy={devices}"
        f" unshare {own} bash {_HOST}/start"
    )
    return Pod(machine, command, environment)


def _image() -> tuple[list[str], dict[str, str]]:
    """ENTRYPOINT and ENV of the Dockerfile's last stage."""
    text = (_TOP / "Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", "")
    entrypoint: list[str] = json.loads(re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[-1])
    pairs = [
        pair.partition("=")
        for line in re.findall(r"^ENV (.*)$", text, re.MULTILINE)
        for pair in line.split()
    ]
    found = {name: value.replace("$PATH", _SYSTEM_PATH) for name, _, value in pairs}
    return entrypoint, {"HOME": "/root", **found}


def _environment(container: Mapping[str, Any]) -> dict[str, str]:
    settings = yaml.safe_load((_BASE / "config.yaml").read_text())
    found: dict[str, str] = {}
    for one in container["envFrom"]:
        assert one["configMapRef"]["name"] == settings["metadata"]["name"]
        found |= settings["data"]
    for one in container["env"]:
        told = one.get("valueFrom")
        found[one["name"]] = one["value"] if told is None else _TOLD[told["fieldRef"]["fieldPath"]]
    return found


def _volumes(agent: Mapping[str, Any]) -> str:
    """Commands that make what is not there yet of the directories behind the mounts."""
    lines = []
    for volume in agent["volumes"]:
        source = _source(volume)
        if "secret" in volume:
            lines += [f"mkdir -p {source}"]
            for key, text in _SECRET.items():
                lines += [f"(umask 377; echo {shlex.quote(text)} > {source}/{key})"]
        elif "emptyDir" in volume or volume["hostPath"].get("type") == "DirectoryOrCreate":
            lines += [f"mkdir -p {source}"]
    return "\n".join(lines)


def _source(volume: Mapping[str, Any]) -> str:
    """The directory of the host."""
    if "hostPath" in volume:
        path: str = volume["hostPath"]["path"]
        return path
    assert "secret" in volume or "emptyDir" in volume, volume
    return f"{_HOST}/{volume['name']}"


def _mounts(agent: Mapping[str, Any], container: Mapping[str, Any]) -> list[_Mount]:
    sources = {volume["name"]: _source(volume) for volume in agent["volumes"]}
    kinds = {"None": "rprivate", "HostToContainer": "rslave", "Bidirectional": "rshared"}
    return [
        _Mount(
            sources[mount["name"]],
            mount["mountPath"],
            mount.get("readOnly", False),
            kinds[mount.get("mountPropagation", "None")],
        )
        for mount in container["volumeMounts"]
    ]


def _env(environment: Mapping[str, str]) -> str:
    """Nothing else is inherited."""
    return shlex.join(["env", "-i", *(f"{name}={value}" for name, value in environment.items())])
