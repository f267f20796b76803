"""The pages of nodes with plausible values: a cluster of four, each in another state."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from falconeye.base.secret import Secret
from falconeye.federation.cluster_actions import (
    CameraMove,
    ClusterAct,
    JoinCode,
    JoinPlan,
    Removal,
    Replacement,
)
from falconeye.federation.cluster_view import NodeView, Refusal, RefusalKind
from falconeye.federation.report import (
    CameraCounts,
    ClockReport,
    DiskReport,
    KubernetesFacts,
    NodeReport,
)
from falconeye.web import node_contexts, node_views
from falconeye.web.agent_nodes import AgentNode, AgentNodes
from falconeye.web.pages.agents import AgentsPage

NOW_US = 1_795_000_000_000_000
MINUTE_US = 60_000_000
GB = 10**9
ZONE = ZoneInfo("Europe/Berlin")
VERSION = "0.1.0"


def report(**more: Any) -> NodeReport:
    """A Raspberry Pi on which all is well."""
    values: dict[str, Any] = {
        "node_id": "3f9a6c0d2b1e4f58a7c6d5e4f3a2b1c0",
        "name": "pi-1",
        "version": VERSION,
        "started_at_us": NOW_US - 50 * 60 * MINUTE_US,
        "addresses": ("192.168.1.20",),
        "architecture": "arm64",
        "os": "linux",
        "model": "Raspberry Pi 5 Model B Rev 1.0",
        "cpus": 4,
        "machine_load": 0.23,
        "process_load": 0.11,
        "memory_total_bytes": 8_200_000_000,
        "memory_available_bytes": 5_900_000_000,
        "temperature_c": 52.1,
        "disks": (
            DiskReport(
                id="a", path="/srv/video", role="record", is_present=True, total_bytes=500 * GB,
                free_bytes=210 * GB, floor_bytes=25 * GB, bytes_per_day=86e9, days_left=2.15,
            ),
        ),
        "clock": ClockReport(is_synchronised=True, offset_us=120.0, max_error_us=4000),
        "is_ready": True,
        "cameras": CameraCounts(configured=4, recording=4),
        "recorded_megabits_per_second": 14.2,
    }  # fmt: skip
    return NodeReport(**{**values, **more})


def view(told: NodeReport | None, number: int, name: str, **more: Any) -> NodeView:
    values: dict[str, Any] = {
        "node_id": f"{number}f9a6c0d2b1e4f58a7c6d5e4f3a2b1c0",
        "name": name,
        "is_self": False,
        "reachable": True,
        "heard_at_us": NOW_US - 2_000_000,
        "report": told,
        "version": VERSION,
        "address": f"192.168.1.{20 + number}:8901",
        "clock_offset_us": 3_000,
    }
    return NodeView(**{**values, **more})


def refusals() -> tuple[Refusal, ...]:
    refusal = Refusal(
        RefusalKind.STRANGER, "77aa6c0d2b1e4f58a7c6d5e4f3a2b1c0", "", "192.168.1.77",
        NOW_US - 5 * MINUTE_US, 14,
    )  # fmt: skip
    return (
        refusal,
        replace(refusal, kind=RefusalKind.REPLAY, name="jetson", count=1),
        replace(refusal, kind=RefusalKind.REMOVED, name="garage-pi", count=2),
        replace(refusal, kind=RefusalKind.TIME, name="nvr", count=1),
    )


def cluster() -> tuple[NodeView, ...]:
    """All is well; hot, full and clock off; away; another release, in Kubernetes."""
    here = view(report(), 0, "pi-1", is_self=True, heard_at_us=None, clock_offset_us=0)
    full = DiskReport(
        id="b", path="/media/usb-disk-with-a-long-name", role="record", is_present=True,
        total_bytes=120 * GB, free_bytes=2 * GB, floor_bytes=6 * GB, days_left=0.0,
    )  # fmt: skip
    hot = report(
        name="pi-2",
        addresses=("192.168.1.21", "10.0.0.21"),
        temperature_c=83.4,
        machine_load=0.94,
        process_load=0.71,
        memory_available_bytes=220_000_000,
        disks=(full, DiskReport(id="c", path="/mnt/nas", role="archive")),
        clock=ClockReport(is_synchronised=False, offset_us=0.0, max_error_us=16_000_000),
        cameras=CameraCounts(configured=9, recording=7, failing=2),
        is_ready=False,
        not_ready=("no_disk",),
    )
    model = "NVIDIA Jetson Orin Nano Developer Kit"
    away = report(name="jetson", addresses=("192.168.1.22",), model=model, cpus=6)
    newer = report(
        name="nvr",
        addresses=("192.168.1.23",),
        version="0.2.0",
        model="",
        architecture="amd64",
        cpus=16,
        temperature_c=None,
        is_draining=True,
    )
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": "nvr.example.lan",
        "node-role.kubernetes.io/control-plane": "true",
    }
    facts = KubernetesFacts(
        node_name="nvr.example.lan",
        labels=labels,
        taints=("dedicated=jetson:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule"),
    )
    return (
        here,
        view(hot, 1, "pi-2", clock_offset_us=2_400_000),
        view(away, 2, "jetson", reachable=False, heard_at_us=NOW_US - 42 * MINUTE_US),
        view(
            newer, 3, "nvr", version="0.2.0", kubernetes=facts,
            kubernetes_told_at_us=NOW_US - 40_000_000, refusals=refusals()[3:],
        ),
        view(None, 4, "attic", reachable=False, heard_at_us=None, version="", clock_offset_us=None),
    )  # fmt: skip


def nodes(
    views: tuple[NodeView, ...], acts: frozenset[ClusterAct] = frozenset(), *, is_admin: bool = True
) -> node_contexts.NodesPage:
    return node_contexts.NodesPage(
        cards=tuple(
            node_views.node_card(
                one, own_version=VERSION, now_us=NOW_US, zone=ZONE, counts_cameras=True
            )
            for one in views
        ),
        summary=node_views.summary_words(views, counts_cameras=True),
        refusals=tuple(map(node_views.refusal_row, refusals())) if is_admin else (),
        acts=frozenset(act.value for act in acts),
    )


# Before a loop runs: the catalogue is read.
CLUSTER = nodes(cluster(), frozenset(ClusterAct))
CLUSTER_VIEWER = nodes(cluster(), is_admin=False)
ALONE = replace(nodes(cluster()[:1], frozenset((ClusterAct.CODE, ClusterAct.JOIN))), refusals=())
MOVE = CameraMove("camera-0", "Front door", "pi-1", "jetson")


def agents_pages() -> dict[str, AgentsPage]:
    """Name → page of the machines of Kubernetes: chosen among, refused, not to be written."""
    taints = ("dedicated=jetson:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule")
    machines = (
        AgentNode("nvr.example.lan", True, True, (), {}),
        AgentNode("jetson-in-the-attic.example.lan", False, False, taints, {}),
        AgentNode("pi-1.example.lan", True, True, taints[:1], {}),
    )
    placed = AgentNodes("auto", exclude=["pi-9"], leader="nvr", rolls="pi-1", nodes=machines)
    refused = {"nodes": "No ready node is left: at least one has to run FalconEye."}
    problem = "the field affinity of the DaemonSet is argocd-controller's"
    return {
        "agents": AgentsPage(placed),
        "agents-refused": AgentsPage(replace(placed, problem=problem), refused),
        "agents-manual": AgentsPage(replace(placed, placement="manual", leader="", rolls="")),
        "agents-unread": AgentsPage(AgentNodes("auto")),
        "agents-none": AgentsPage(AgentNodes()),
    }


def action_pages() -> dict[str, tuple[str, Any]]:
    """Name → (template, page) of what is asked before each act."""
    code = Secret("fe1-sample")
    made = JoinCode(code, NOW_US + 10 * MINUTE_US, ("192.168.1.20:8901", "10.0.0.20:8901"))
    plan = JoinPlan(
        members=("nvr", "jetson"),
        address="192.168.1.23:8901",
        fingerprint="SHA256:Zk3dBMrRz1m0y8JZr0kQb5p2Ttqk1Zx3n8c6C5m9QxE",
        users=2,
        tokens=1,
        cameras_kept=("Front door", "Yard"),
        cameras_gained=7,
        clashes=("rtsp://192.168.1.64 is “Front door” here and “Door” there: both are kept.",),
    )
    removal = Removal("jetson", False, ("Yard", "Gate"), ("Workshop",), ("Yard", "Gate", "Stairs"))
    wrong = {"password": "This is not your password."}
    others = (("n1", "pi-2"), ("n3", "nvr"))
    replaced = Replacement("jetson", "nvr", ("Yard", "Gate"), ("Workshop",))
    cameras = (("camera-0", "Front door"), ("camera-1", "Yard"))
    moves = (MOVE, replace(MOVE, camera_name="Stairs, second floor", has_pause=True))
    page = node_contexts
    return {
        "code": ("node_code", page.NodeCodePage(errors=wrong)),
        "code-made": ("node_code", page.NodeCodePage(made, "fe1-7Q2M-" * 12)),
        "join": ("node_join", page.NodeJoinPage("x", errors={"code": "This is no code."})),
        "join-plan": ("node_join", page.NodeJoinPage("x", plan)),
        "rename": ("node_rename", page.NodeRenamePage("n1", "pi-2", "pi-2")),
        "remove": ("node_remove", page.NodeRemovePage("n1", removal)),
        "replace": ("node_replace", page.NodeReplacePage("n1", "jetson", others)),
        "replace-plan": (
            "node_replace", page.NodeReplacePage("n1", "jetson", others, "n3", replaced),
        ),
        "move": ("node_move", page.NodeMovePage(cameras, others)),
        "move-plan": ("node_move", page.NodeMovePage(cameras, others, "camera-0", "n1", MOVE)),
        "rebalance": ("node_rebalance", page.NodeRebalancePage(moves)),
        "rebalance-even": ("node_rebalance", page.NodeRebalancePage(())),
    }  # fmt: skip
