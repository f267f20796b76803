"""What a pod knows of itself: the manifests tell it by environment variables."""

from collections.abc import Mapping
from typing import Final

from falconeye.cluster.leader import KubePlace

# Nobody may be given a key that stands in a public file: a person makes one (README, "k3s").
# `password"=…`: what looks like the value of a password is taken out of logs and answers.
CLUSTER_KEY_LINE: Final = (
    "kubectl create namespace falconeye; kubectl -n falconeye create secret generic falconeye"
    ' --from-literal=cluster-key"=$(openssl rand -base64 32)"'
    ' --from-literal=admin-password"=$(openssl rand -base64 12)"'
)


def place_of_pod(environment: Mapping[str, str], identity: str) -> KubePlace | None:
    """Where this process runs; None outside of a pod of our manifests."""
    namespace = environment.get("KUBE_NAMESPACE", "")
    node = environment.get("KUBE_NODE_NAME", "")
    if not namespace or not node:
        return None
    return KubePlace(namespace, node, identity)
