"""What an admin does to the cluster from the page; the command line does the same on the files."""

from collections.abc import Awaitable, Callable

from typing_extensions import override

from falconeye.base.errors import Conflict
from falconeye.base.secret import Secret
from falconeye.config.addresses import address_key, stays_with_node
from falconeye.federation.cluster_actions import (
    CameraMove,
    ClusterAct,
    ClusterActions,
    JoinCode,
    JoinPlan,
    Removal,
    Replacement,
)
from falconeye.federation.federation import Federation
from falconeye.federation.join_code import JoinCode as Code
from falconeye.federation.join_words import Clash, OwnCamera
from falconeye.federation.joiner import Joiner
from falconeye.storage.stores.join_offers import VALID_US


class Actions(ClusterActions):
    """`joiner` and `encrypt_anew`: see `Joiner`. For admins, which who calls has checked."""

    def __init__(
        self,
        federation: Federation,
        joiner: Callable[[], Joiner],
        encrypt_anew: Callable[[], Awaitable[None]],
    ) -> None:
        self._federation = federation
        self._joiner = joiner
        self._encrypt_anew = encrypt_anew

    @property
    @override
    def possible(self) -> frozenset[ClusterAct]:
        members = self._federation.members
        if members.is_removed:
            return frozenset()
        if len(members.all) > 1:
            return frozenset(ClusterAct) - {ClusterAct.JOIN}
        return frozenset({ClusterAct.CODE, ClusterAct.JOIN})

    @override
    async def make_join_code(self) -> JoinCode:
        code = await self._federation.make_join_code()
        until_us = self._federation.utc_us() + VALID_US
        return JoinCode(Secret(code.text), until_us, code.addresses)

    @override
    async def plan_join(self, code: Secret) -> JoinPlan:
        parsed = Code.parse(code.reveal())
        self._refuse_member()
        plan, found = await self._joiner().look(parsed, self._own_cameras())
        federation = self._federation
        return JoinPlan(
            members=tuple(member.name for member in plan.members),
            address=found.address,
            fingerprint=parsed.fingerprint.hex(),
            users=federation.user_count(),
            tokens=federation.token_count(),
            cameras_kept=tuple(camera.name for camera in self._own_cameras()),
            cameras_gained=plan.cameras,
            clashes=tuple(map(_clash_words, plan.clashes)),
        )

    @override
    async def join(self, code: Secret) -> None:
        self._refuse_member()
        parsed = Code.parse(code.reveal())
        await self._federation.claim_cameras()
        _ = await self._joiner().join(parsed, self._own_cameras(), self._encrypt_anew)
        await self._federation.follow_members()

    @override
    async def rename(self, node_id: str, name: str) -> None:
        await self._federation.rename(node_id, name)

    @override
    async def plan_removal(self, node_id: str) -> Removal:
        return self._federation.plan_removal(node_id)

    @override
    async def remove(self, node_id: str) -> Removal:
        removal = self._federation.plan_removal(node_id)
        await self._federation.remove(node_id)
        await self._encrypt_anew()
        return removal

    @override
    async def plan_replacement(self, node_id: str, by_node_id: str) -> Replacement:
        return self._federation.placing.plan_replacement(node_id, by_node_id)

    @override
    async def replace(self, node_id: str, by_node_id: str) -> Replacement:
        plan = self._federation.placing.plan_replacement(node_id, by_node_id)
        _ = self._federation.plan_removal(node_id)
        await self._federation.data_keys.check_writable()  # before anything is given away
        await self._federation.replace(node_id, by_node_id)
        await self._encrypt_anew()
        return plan

    @override
    async def plan_rebalance(self) -> tuple[CameraMove, ...]:
        return await self._federation.placing.plan_rebalance()

    @override
    async def rebalance(self) -> tuple[CameraMove, ...]:
        moves = await self._federation.placing.plan_rebalance()
        ids = {name: node_id for node_id, name in self._federation.members.names.items()}
        await self._federation.move({move.camera_id: ids[move.to_name] for move in moves})
        return moves

    @override
    async def plan_move(self, camera_id: str, node_id: str) -> CameraMove:
        return self._federation.placing.plan_move(camera_id, node_id)

    @override
    async def move_camera(self, camera_id: str, node_id: str) -> CameraMove:
        move = self._federation.placing.plan_move(camera_id, node_id)
        await self._federation.move({camera_id: node_id}, pinned=True)
        return move

    def _own_cameras(self) -> list[OwnCamera]:
        return [
            OwnCamera(
                name=config.name[:300],
                key=None if stays_with_node(config) else address_key(config),
            )
            for config in self._federation.camera_configs()
        ]

    def _refuse_member(self) -> None:
        if len(self._federation.members.all) > 1:
            msg = "this node belongs to a cluster already: remove it there first"
            raise Conflict(msg)


def _clash_words(clash: Clash) -> str:
    return f"“{clash.yours}” here and “{clash.theirs}” there have one address"
