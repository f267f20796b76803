"""A node in a pod, in the application's state; nothing of Kubernetes is loaded by this."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from litestar import Litestar

if TYPE_CHECKING:
    from falconeye.web.pod import Pod

STATE_KEY: Final = "pod"


def is_in_pod(environment: Mapping[str, str]) -> bool:
    """Whether Kubernetes started this process, by our manifests."""
    return all(environment.get(name) for name in ("KUBERNETES_SERVICE_HOST", "KUBE_NODE_NAME"))


def pod_of(app: Litestar) -> "Pod | None":
    """None outside of one, and while the node starts."""
    found: Pod | None = app.state.get(STATE_KEY)
    return found


def problem_in_pod(app: Litestar) -> str:
    """Why the node is not ready in its pod, in words; "" where it is, and outside of one."""
    pod = pod_of(app)
    return "" if pod is None else pod.problem
