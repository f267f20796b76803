"""The disks of all nodes: each tells its own, as it would tell a program; silent ones are named."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request
from pydantic import ValidationError

from falconeye.web.own_storage import StorageView
from falconeye.web.peers.lists import ask_others, here_of, others_of
from falconeye.web.shell import shell_of
from falconeye.web.storage_answers import (
    CameraStorage,
    IndexAnswer,
    Node,
    NodeStorage,
    StorageAnswer,
    VolumeAnswer,
)

Asking = Request[Any, Any, Any]
PATH: Final = "/api/storage/"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StorageOfAll:
    """What each node told, this one first. `silent`: the names of those that did not."""

    nodes: Sequence[StorageAnswer]
    silent: tuple[str, ...]
    has_others: bool

    def together(self) -> StorageAnswer:
        """As one answer."""
        days = [one.days_left for one in self.nodes if one.days_left is not None]
        return StorageAnswer(
            volumes=[volume for one in self.nodes for volume in one.volumes],
            unreachable_nodes=list(self.silent),
            index=self.nodes[0].index,
            cameras=[camera for one in self.nodes for camera in one.cameras],
            bytes_per_day=sum(one.bytes_per_day for one in self.nodes),
            days_left=min(days, default=None),
            nodes=[node for one in self.nodes for node in one.nodes],
        )


def own(request: Asking, found: StorageView) -> StorageAnswer:
    """What lies on this node, as far as who asks may see it."""
    node = Node(*here_of(request))
    ids = {one.known.row.number: one.known.row.volume_id for one in found.volumes}
    index = IndexAnswer.of(shell_of(request).services.storage.index)
    per_day = round(found.bytes_per_day)
    days = None if found.days_left is None else round(found.days_left, 2)
    return StorageAnswer(
        volumes=[VolumeAnswer.of(one, found, node) for one in found.volumes],
        index=index,
        cameras=[CameraStorage.of(one, ids, node) for one in found.cameras],
        bytes_per_day=per_day,
        days_left=days,
        nodes=[
            NodeStorage(
                node_name=node.name,
                node_id=node.id,
                index=index,
                bytes_per_day=per_day,
                days_left=days,
            )
        ],
    )


async def gather(request: Asking, found: StorageView) -> StorageOfAll:
    """What lies on all nodes, `found` on this one; each decides what who asks may see."""
    mine = own(request, found)
    if others_of(request) is None:
        return StorageOfAll([mine], (), has_others=False)
    answers = await ask_others(request, PATH)
    told_all, silent = [mine], list(answers.silent_names)
    for node_id, told in answers.by_node.items():
        try:
            told_all.append(StorageAnswer.model_validate(told))
        except ValidationError as error:
            log.warning("what node %s tells of its disks cannot be read: %s", node_id, error)
            silent.append(answers.name_of(node_id))
    return StorageOfAll(told_all, tuple(silent), has_others=True)
