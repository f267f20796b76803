"""What a node does with a camera, case by case; the simulation has all else."""

import pytest

from falconeye.base.times import SECOND_US
from falconeye.federation.placement.ability import Ability, AbilityWatch
from falconeye.federation.placement.deciding import Decider
from falconeye.federation.placement.rendezvous import rendezvous_order
from falconeye.federation.placement.words import (
    CameraWord,
    NodeWord,
    PeerWord,
    PlacedCamera,
    Role,
    Verdict,
    View,
    Why,
)

ME, OTHER = "a" * 32, "b" * 32
LONG_US = 10_000 * SECOND_US  # the node has run for so long
OLD = CameraWord(records=True, footage_us=LONG_US, ability=Ability.ABLE, leads=True)


def decide(
    camera: PlacedCamera,
    *,
    decider: Decider | None = None,
    other: CameraWord | None = None,
    own: NodeWord | None = None,
    at_us: int = LONG_US,
    heard_us: int | None = None,
    members: frozenset[str] = frozenset({ME, OTHER}),
) -> Verdict:
    """`other`: what the peer said; None: it has never been heard."""
    heard = at_us if heard_us is None else heard_us
    peers = {} if other is None else {OTHER: PeerWord(heard, NodeWord({camera.id: other}))}
    view = View({camera.id: camera}, members, peers, own or NodeWord())
    return (decider or listened()).decide(view, at_us)[camera.id]


def listened() -> Decider:
    """One that has judged for long that OTHER is a member, each second until now."""
    decider = Decider(ME, 0)
    decider._members = {ME: 0, OTHER: 0}
    decider._looked_us = LONG_US
    return decider


def test_the_owner_records_from_its_first_second() -> None:
    verdict = decide(PlacedCamera("c", ME), decider=Decider(ME, LONG_US))
    assert (verdict.role, verdict.why) == (Role.RECORD_AS_OWNER, Why.OWNER)


def test_a_node_that_has_just_begun_does_not_judge() -> None:
    decider = Decider(ME, 0)
    camera = PlacedCamera("c", OTHER)
    roles = [decide(camera, decider=decider, at_us=second * SECOND_US).role for second in range(17)]
    assert roles[:15] == [Role.NOT] * 15
    assert roles[16] is Role.RECORD_AS_STANDBY


def test_a_node_that_did_not_run_for_a_while_listens_again() -> None:
    decider = Decider(ME, 0)
    camera = PlacedCamera("c", OTHER)
    for second in range(100):
        decide(camera, decider=decider, other=OLD, at_us=second * SECOND_US)
    late = {"decider": decider, "other": OLD, "heard_us": 99 * SECOND_US}
    assert decide(camera, **late, at_us=130 * SECOND_US).role is Role.NOT  # type: ignore[arg-type]
    later = [
        decide(camera, **late, at_us=second * SECOND_US).role  # type: ignore[arg-type]
        for second in range(131, 147)
    ]
    assert later[-1] is Role.RECORD_AS_STANDBY


@pytest.mark.parametrize(("silent_s", "role"), [(15, Role.NOT), (16, Role.RECORD_AS_STANDBY)])
def test_fifteen_seconds_of_silence(silent_s: int, role: Role) -> None:
    heard_us = LONG_US - silent_s * SECOND_US
    assert decide(PlacedCamera("c", OTHER), other=OLD, heard_us=heard_us).role is role


def test_usb_cameras_stay_whatever_happens() -> None:
    gone = PlacedCamera("c", OTHER, stays=True)
    assert decide(gone).role is Role.NOT
    mine = PlacedCamera("c", ME, stays=True)
    own = NodeWord(is_draining=True)
    assert decide(mine, own=own, other=OLD).role is Role.RECORD_AS_OWNER


def test_without_a_cluster_a_camera_without_an_owner_is_recorded_here() -> None:
    for members in (frozenset[str](), frozenset({ME})):
        verdict = decide(PlacedCamera("c", None), decider=Decider(ME, LONG_US), members=members)
        assert verdict.role is Role.RECORD_AS_OWNER


def test_a_node_that_was_removed_keeps_to_its_own_cameras() -> None:
    outside = frozenset({OTHER})
    assert decide(PlacedCamera("c", OTHER), members=outside).role is Role.NOT
    assert decide(PlacedCamera("c", ME), members=outside).role is Role.RECORD_AS_OWNER


def test_an_orphan_is_adopted_once_there_is_footage() -> None:
    able = CameraWord(footage_us=9 * SECOND_US, ability=Ability.ABLE)
    camera = PlacedCamera("c", "c" * 32)
    decider = listened()
    verdict = decide(camera, decider=decider, own=NodeWord({"c": able}))
    assert (verdict.role, verdict.why) == (Role.RECORD_AS_STANDBY, Why.OWNER_REMOVED)
    assert not verdict.adopts
    has_it = CameraWord(footage_us=10 * SECOND_US, ability=Ability.ABLE)
    assert decide(camera, decider=decider, own=NodeWord({"c": has_it})).adopts


def test_who_is_owner_by_configuration_and_silent_is_never_replaced_in_it() -> None:
    has_it = NodeWord({"c": CameraWord(footage_us=LONG_US, ability=Ability.ABLE)})
    verdict = decide(PlacedCamera("c", OTHER), own=has_it)
    assert (verdict.role, verdict.adopts) == (Role.RECORD_AS_STANDBY, False)


def test_a_draining_node_goes_on_where_the_other_cannot() -> None:
    own = NodeWord({"c": CameraWord(ability=Ability.ABLE)}, is_draining=True)
    cannot = CameraWord(ability=Ability.UNABLE)
    assert decide(PlacedCamera("c", ME), own=own, other=cannot).recorder_id == ME


def test_nobody_stops_for_an_old_word_or_for_one_who_does_not_stay() -> None:
    camera = PlacedCamera("c", OTHER)
    later_us = LONG_US + 11 * SECOND_US
    stays = (OLD, later_us), Role.NOT
    is_old = (OLD, later_us - 3 * SECOND_US), Role.RECORD_AS_STANDBY
    leaves = CameraWord(records=True, footage_us=LONG_US, ability=Ability.ABLE), later_us
    for (word, heard_us), role in (stays, is_old, (leaves, Role.RECORD_AS_STANDBY)):
        decider = listened()
        assert decide(camera, decider=decider).role is Role.RECORD_AS_STANDBY
        begun = CameraWord(records=True, ability=Ability.ABLE, leads=True)
        for second in range(11):
            at_us = LONG_US + second * SECOND_US
            decide(camera, decider=decider, other=begun, at_us=at_us)
        verdict = decide(camera, decider=decider, other=word, at_us=later_us, heard_us=heard_us)
        assert verdict.role is role


def test_standbys_go_by_what_they_can_then_by_their_order() -> None:
    others = [f"{number:032x}" for number in range(3)]
    first, second, third = rendezvous_order("c", others)
    words = {
        second: NodeWord({"c": CameraWord(ability=Ability.UNABLE)}),
        third: NodeWord({"c": CameraWord(ability=Ability.UNKNOWN)}),
    }
    peers = {one: PeerWord(LONG_US, word) for one, word in words.items()}
    placed = {"c": PlacedCamera("c", "dead" * 8)}
    for ability, recorder in ((Ability.ABLE, first), (Ability.UNABLE, third)):
        decider = Decider(first, 0)
        own = NodeWord({"c": CameraWord(ability=ability)})
        members = {*others, "dead" * 8}
        decider.decide(View(placed, members, peers, own), 0)
        decider._looked_us = LONG_US
        verdict = decider.decide(View(placed, members, peers, own), LONG_US)["c"]
        assert verdict.recorder_id == recorder


def test_a_camera_that_restarts_is_no_reason_to_move_it() -> None:
    watch = AbilityWatch()
    told = []
    for second in range(130):
        is_able = not (10 <= second < 24 or 50 <= second < 85)
        told.append(watch.note(second * SECOND_US, is_able=is_able, records=True))
    assert set(told[:65]) == {Ability.ABLE}
    assert told[65] is Ability.UNABLE
    assert set(told[85:115]) == {Ability.RECOVERING}
    assert told[115] is Ability.ABLE


def test_who_stands_by_is_believed_at_once() -> None:
    watch = AbilityWatch()
    assert watch.note(0, is_able=None, records=False) is Ability.UNKNOWN
    assert watch.note(1, is_able=False, records=False) is Ability.UNABLE
    assert watch.note(2, is_able=None, records=False) is Ability.UNABLE
