"""A Kubernetes without machines: etcd, the API server and its controllers, on loopback.

There is no kubelet and no scheduler. What they would do to pods, `hands.py` does; nodes are objects
that a test makes.
"""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from falconeye.cluster.api import Access
from tests.kube.building import directory
from tests.kube.pki import Authority

START_S = 60.0
CONTROLLERS = (
    "daemonset-controller", "serviceaccount-controller", "serviceaccount-token-controller",
    "namespace-controller", "garbage-collector-controller", "endpointslice-controller",
)  # fmt: skip


class Cluster:
    """`with cluster(folder) as made`; the API server can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.authority = Authority(folder)
        self._server = self.authority.pair("kube-apiserver", is_server=True)
        self._admin = self.authority.pair("admin", "system:masters")
        self._accounts = self.authority.pair("accounts")
        self._etcd, self._peers, self.port = _free_ports(3)
        self.url = f"https://127.0.0.1:{self.port}"
        self.config = folder / "admin.kubeconfig"
        self.config.write_text(self._kubeconfig())

    def start(self) -> None:
        etcd, peers = f"http://127.0.0.1:{self._etcd}", f"http://127.0.0.1:{self._peers}"
        self._start(
            "etcd", "etcd", "--data-dir", self._folder / "etcd", "--listen-client-urls", etcd,
            "--advertise-client-urls", etcd, "--listen-peer-urls", peers,
            "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
            "--unsafe-no-fsync", "--logger", "zap", "--log-level", "warn",
        )  # fmt: skip
        self.start_api_server()
        self.restart_controllers()

    def restart_controllers(self) -> None:
        """Begin anew: after an outage they wait longer and longer."""
        self.stop_controllers()
        self._start(
            "kube-controller-manager", directory() / "kube-controller-manager",
            "--kubeconfig", self.config, "--authentication-kubeconfig", self.config,
            "--authorization-kubeconfig", self.config, "--bind-address", "127.0.0.1",
            "--secure-port", "0", "--leader-elect=false",
            "--controllers", ",".join(CONTROLLERS),
            "--service-account-private-key-file", self._accounts.key,
            "--root-ca-file", self.authority.file,
        )  # fmt: skip

    def start_api_server(self) -> None:
        """Start it where it does not run, and wait until it is ready."""
        if "kube-apiserver" in self._processes:
            return
        self._start(
            "kube-apiserver", directory() / "kube-apiserver",
            "--etcd-servers", f"http://127.0.0.1:{self._etcd}",
            "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
            "--secure-port", str(self.port), "--cert-dir", self._folder / "api",
            "--tls-cert-file", self._server.certificate,
            "--tls-private-key-file", self._server.key,
            "--client-ca-file", self.authority.file,
            "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", self._accounts.certificate,
            "--service-account-signing-key-file", self._accounts.key,
            "--service-cluster-ip-range", "10.96.0.0/24", "--authorization-mode", "RBAC",
            "--allow-privileged=true", "--endpoint-reconciler-type", "none",
            "--shutdown-delay-duration", "0s", "--profiling=false",
        )  # fmt: skip
        self._wait_until_ready()

    def stop_controllers(self) -> None:
        self._stop("kube-controller-manager", signal.SIGKILL)

    def stop_api_server(self) -> None:
        self._stop("kube-apiserver", signal.SIGKILL)

    def stop(self) -> None:
        for name in reversed(list(self._processes)):
            self._stop(name, signal.SIGKILL)

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What it prints, as the cluster's admin; a failure fails the test with its words."""
        done = self.try_kubectl(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_kubectl(
        self, *words: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        program = [str(directory() / "kubectl"), "--kubeconfig", str(self.config), *words]
        home = os.environ | {"HOME": str(self._folder)}
        return subprocess.run(
            program, input=stdin, capture_output=True, text=True, check=False, env=home, timeout=30
        )

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", "-o", "json", *words))

    def access(self, namespace: str, account: str) -> Access:
        """As a pod of this service account has it."""
        token = self._folder / f"{namespace}-{account}.token"
        token.write_text(self.kubectl("create", "token", account, "-n", namespace))
        return Access(self.url, self.authority.file, token)

    def _start(self, name: str, *words: str | Path) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _stop(self, name: str, number: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.send_signal(number)
            process.wait()

    def _wait_until_ready(self) -> None:
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.load_cert_chain(self._admin.certificate, self._admin.key)
        until = time.monotonic() + START_S
        answer = "nothing"
        while time.monotonic() < until:
            for name, process in self._processes.items():
                assert process.poll() is None, f"{name} ended: {self._tail(name)}"
            try:
                connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context)
                with closing(connection):
                    connection.request("GET", "/readyz")
                    response = connection.getresponse()
                    answer = response.read().decode()
                    if response.status == 200:
                        return
            except OSError as error:
                answer = str(error)
            time.sleep(0.05)
        raise AssertionError(
            f"the API server is not ready: {answer} {self._tail('kube-apiserver')}"
        )

    def _tail(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def _kubeconfig(self) -> str:
        cluster = {"server": self.url, "certificate-authority": str(self.authority.file)}
        user = {
            "client-certificate": str(self._admin.certificate),
            "client-key": str(self._admin.key),
        }
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": cluster}],
                "users": [{"name": "admin", "user": user}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
                "current-context": "test",
            }
        )


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Running; stopped at the end."""
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
