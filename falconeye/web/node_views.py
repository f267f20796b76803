"""Nodes as the template's values: states, troubles and figures in words."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from falconeye.base.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from falconeye.doctor.machine import HOT_C, TOO_HOT_C
from falconeye.federation.cluster_view import NodeView, Refusal, RefusalKind
from falconeye.federation.refusals import Refused
from falconeye.federation.report import CameraCounts, DiskReport, NodeReport, NotReady
from falconeye.storage.volumes.volume_facts import Role
from falconeye.web import i18n, notice_words
from falconeye.web.i18n import gettext as _
from falconeye.web.i18n import ngettext
from falconeye.web.node_contexts import NodeCard, NodeDisk, NodeState, RefusalRow, Trouble
from falconeye.web.storage_views import days_words, role_words

CLOCK_LIMIT_US: Final = SECOND_US  # signatures bear a minute, eyes on two pictures do not
_NOW_DAYS: Final = 1 / 24


def node_card(
    node: NodeView, *, own_version: str, now_us: int, zone: tzinfo, counts_cameras: bool
) -> NodeCard:
    """One node; `counts_cameras`: whether the asking one sees all cameras."""
    report = node.report or NodeReport()
    disks = tuple(_disk(one) for one in report.disks)
    is_other = bool(node.version) and node.version != own_version
    offset_us = node.clock_offset_us
    return NodeCard(
        id=node.node_id,
        name=node.name,
        is_self=node.is_self,
        state=_state(node, report),
        heard_at_us=node.heard_at_us,
        heard_today=_is_today(node.heard_at_us, now_us, zone),
        troubles=_troubles(node, report, disks, own_version if is_other else ""),
        address=node.address,
        more_addresses=[one for one in report.addresses if one != node.host],
        hardware=_hardware(report),
        system=" ".join(word for word in (report.os, report.architecture) if word),
        machine_percent=_percent(report.machine_load),
        process_percent=_percent(report.process_load),
        memory_total_bytes=report.memory_total_bytes,
        memory_free_bytes=report.memory_available_bytes,
        temperature="" if report.temperature_c is None else f"{report.temperature_c:.0f} °C",
        is_hot=report.temperature_c is not None and report.temperature_c >= HOT_C,
        disks=disks,
        clock=_clock_words(node, report),
        is_clock_off=offset_us is not None and abs(offset_us) > CLOCK_LIMIT_US,
        version=node.version,
        is_other_version=is_other,
        started_at_us=report.started_at_us,
        cameras=_camera_words(report.cameras) if counts_cameras and node.report else "",
        megabits_per_second=report.recorded_megabits_per_second,
        kubernetes_name=node.kubernetes.node_name,
        labels=tuple(sorted(node.kubernetes.labels.items())),
        taints=node.kubernetes.taints,
        told=_ago_words(now_us, node.kubernetes_told_at_us),
    )


def summary_words(nodes: Sequence[NodeView], *, counts_cameras: bool) -> str:
    """The whole in a sentence."""
    parts = [ngettext("{n} node", "{n} nodes", len(nodes)).format(n=len(nodes))]
    away = sum(not node.reachable for node in nodes)
    if away:
        parts.append(ngettext("{n} unreachable", "{n} unreachable", away).format(n=away))
    if counts_cameras:
        counts = [node.report.cameras for node in nodes if node.report and node.reachable]
        parts.append(
            _camera_words(
                CameraCounts(
                    configured=sum(one.configured for one in counts),
                    recording=sum(one.recording for one in counts),
                    failing=sum(one.failing for one in counts),
                )
            )
        )
    return " · ".join(parts)


def refusal_row(refusal: Refusal) -> RefusalRow:
    """Requests that were refused, in a sentence."""
    known = {
        RefusalKind.STRANGER: _("A stranger asked: its key is no node's of this cluster."),
        RefusalKind.REPLAY: _("An old request came again, in the name of {name}."),
        RefusalKind.REMOVED: _("{name} asked, which was removed."),
        RefusalKind.TIME: _("The clock of {name} is too far off."),
        RefusalKind.SIGNATURE: _("A request in the name of {name} was not signed by it."),
        RefusalKind.KEY: _("{name} wanted to join with another cluster key than this node's."),
    }
    words = known[refusal.kind].format(name=refusal.name or _("a node without a name"))
    return RefusalRow(refusal.last_us, words, refusal.count, refusal.address, refusal.node_id)


def _state(node: NodeView, report: NodeReport) -> NodeState:
    if not node.reachable:
        return NodeState.UNREACHABLE
    if report.is_draining:
        return NodeState.DRAINING
    return NodeState.READY if report.is_ready else NodeState.NOT_READY


def _is_today(utc_us: int | None, now_us: int, zone: tzinfo) -> bool:
    if utc_us is None:
        return False
    return i18n.local(utc_us, zone).date() == i18n.local(now_us, zone).date()


def _troubles(
    node: NodeView, report: NodeReport, disks: Sequence[NodeDisk], own_version: str
) -> tuple[Trouble, ...]:
    """What somebody should look at. Of a node that is away: that alone, the rest is of before."""
    found = [Trouble(_twin_words(node.twin_at), is_bad=True)] if node.twin_at else []
    if not node.reachable:
        return (*found, *_refuses(node))
    found += [*_of_cluster(node), *(_not_ready(one) for one in report.not_ready)]
    if node.is_kube_ready is False:
        found.append(Trouble(_("Kubernetes calls its machine not ready."), is_bad=True))
    if report.is_draining:
        found.append(Trouble(_("It gives its cameras to other nodes, and takes none.")))
    found += [*_heat(report), *_disk_troubles(disks), *_clock_troubles(node, report)]
    if report.certificate:
        words = notice_words.certificate_words(report.certificate)
        found.append(Trouble(words, is_bad=True))
    if report.cameras.failing:
        count = report.cameras.failing
        words = ngettext("{n} camera gives no picture.", "{n} cameras give no picture.", count)
        found.append(Trouble(words.format(n=count), is_bad=True))
    if own_version:
        words = _("It runs another version than this node ({version}).")
        found.append(Trouble(words.format(version=own_version)))
    refused = sum(one.count for one in node.refusals)
    if refused:
        words = ngettext(
            "{n} request in its name was refused: see below.",
            "{n} requests in its name were refused: see below.",
            refused,
        )
        found.append(Trouble(words.format(n=refused)))
    return tuple(found)


def _refuses(node: NodeView) -> tuple[Trouble, ...]:
    """It is there, and lets this node in no more."""
    known = {
        Refused.STRANGER.value: _("It does not know this node, which is no member there."),
        Refused.REMOVED.value: _("It says that this node was removed from the cluster."),
        Refused.TIME.value: _("Its clock and the one of this node are too far apart."),
    }
    words = known.get(node.refuses)
    return () if words is None else (Trouble(words, is_bad=True),)


def _of_cluster(node: NodeView) -> list[Trouble]:
    found = []
    if node.is_removed:
        words = _(
            "This node was removed from its cluster: the others do not listen to it, and it goes "
            "on alone with what it has. To join again, give it another id (falconeye node "
            "new-id), then use a new code."
        )
        found.append(Trouble(words, is_bad=True))
    if node.newer:
        words = _(
            "{names}: there are settings that this release does not know. They are kept and passed "
            "on, and without effect here: update this node."
        )
        found.append(Trouble(words.format(names=", ".join(node.newer))))
    return found


def _not_ready(reason: str) -> Trouble:
    return Trouble(_reason_words(reason), is_bad=True)


def _twin_words(addresses: Sequence[str]) -> str:
    words = _(
        "The same node id is at two nodes ({addresses}): run “falconeye node new-id” on the one"
        " that is a copy. Until then the others listen to the first one only."
    )
    return words.format(addresses=", ".join(addresses))


def _reason_words(reason: str) -> str:
    words = {
        NotReady.STARTING.value: _("Not ready: its cameras are being started."),
        NotReady.NO_DISK.value: _("Not ready: no disk takes footage."),
        NotReady.DATABASE.value: _("Not ready: its database does not answer."),
        NotReady.CLUSTER_KEY.value: _(
            "Not ready: it has no cluster key, or no first account; its log says what to do."
        ),
    }
    return words.get(reason) or _("Not ready: {reason}.").format(reason=reason)


def _heat(report: NodeReport) -> list[Trouble]:
    degrees = report.temperature_c
    if degrees is None or degrees < HOT_C:
        return []
    words = _("It is hot: at {degrees} °C it soon works more slowly. Give it air or a fan.")
    return [Trouble(words.format(degrees=round(degrees)), is_bad=degrees >= TOO_HOT_C)]


def _disk_troubles(disks: Sequence[NodeDisk]) -> list[Trouble]:
    found = []
    for one in disks:
        if not one.is_present:
            words = _("The disk {path} is missing or does not answer.")
            found.append(Trouble(words.format(path=one.path), is_bad=True))
        elif one.is_low:
            words = _("The disk {path} has less free than is kept free: other data may fill it.")
            found.append(Trouble(words.format(path=one.path)))
    return found


def _clock_troubles(node: NodeView, report: NodeReport) -> list[Trouble]:
    offset_us = node.clock_offset_us
    if offset_us is not None and abs(offset_us) > CLOCK_LIMIT_US:
        words = (
            _("Its clock is {time} ahead of this node's: see that NTP keeps both.")
            if offset_us > 0
            else _("Its clock is {time} behind this node's: see that NTP keeps both.")
        )
        return [Trouble(words.format(time=_span_words(abs(offset_us))))]
    if report.clock.is_synchronised is False:
        return [Trouble(_("Nothing keeps its clock: switch NTP on."))]
    return []


def _disk(report: DiskReport) -> NodeDisk:
    used = report.total_bytes - report.free_bytes
    return NodeDisk(
        path=report.path,
        role=role_words(Role(report.role)) if report.role in set(Role) else report.role,
        is_present=report.is_present,
        # As the doctor has it: the floor is reached now and then, half of it is not.
        is_low=report.is_present and report.free_bytes < report.floor_bytes // 2,
        total_bytes=report.total_bytes,
        free_bytes=report.free_bytes,
        used_percent=round(100 * used / report.total_bytes, 1) if report.total_bytes else 0.0,
        full=_full_words(report),
    )


def _full_words(report: DiskReport) -> str:
    if report.days_left is None or not report.is_present:
        return ""
    if report.days_left < _NOW_DAYS:
        return _("full: the oldest makes room")
    return _("full in {days}").format(days=days_words(report.days_left))


def _hardware(report: NodeReport) -> str:
    cpus = ngettext("{n} processor", "{n} processors", report.cpus).format(n=report.cpus)
    return ", ".join(word for word in (report.model, cpus if report.cpus else "") if word)


def _clock_words(node: NodeView, report: NodeReport) -> str:
    kept = {True: _("kept by NTP"), False: _("not kept by NTP"), None: ""}
    words = [kept[report.clock.is_synchronised]]
    if node.clock_offset_us is not None and not node.is_self:
        words.append(_("off by {time}").format(time=_span_words(node.clock_offset_us)))
    return ", ".join(word for word in words if word)


def _span_words(duration_us: float) -> str:
    """A difference of clocks, as exact as it helps."""
    size_us = abs(duration_us)
    if size_us < SECOND_US:
        return _("{n} ms").format(n=f"{size_us / 1000:.0f}")
    if size_us < 10 * SECOND_US:
        return _("{n} s").format(n=i18n.number_text(size_us / SECOND_US, 1))
    if size_us < 2 * MINUTE_US:
        return _("{n} s").format(n=f"{size_us / SECOND_US:.0f}")
    if size_us < 2 * HOUR_US:
        return _("{n} min").format(n=f"{size_us / MINUTE_US:.0f}")
    if size_us < 2 * DAY_US:
        return _("{n} h").format(n=f"{size_us / HOUR_US:.0f}")
    return days_words(size_us / DAY_US)


def _ago_words(now_us: int, then_us: int | None) -> str:
    if then_us is None:
        return ""
    age_us = max(0, now_us - then_us)
    whole = round(age_us / SECOND_US) * SECOND_US
    if whole < 10 * SECOND_US:
        return _("just now")
    return _("{time} ago").format(time=_span_words(whole))


def _camera_words(counts: CameraCounts) -> str:
    if not counts.configured:
        return _("no camera")
    cameras = ngettext("{n} camera", "{n} cameras", counts.configured).format(n=counts.configured)
    return _("{cameras}, {n} recording").format(cameras=cameras, n=counts.recording)


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)
