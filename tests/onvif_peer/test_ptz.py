"""Its lenses are moved: one turns and zooms, the other only zooms."""

import pytest

from falconeye.onvif.errors import OnvifFault, OnvifNotSupported
from falconeye.onvif.ptz import OnvifPreset, OnvifPtzAbilities, OnvifPtzStatus
from tests.onvif_peer.conftest import NewPeer


async def test_what_the_lenses_can_do_is_told_by_their_nodes(new_peer: NewPeer) -> None:
    async with new_peer().device(None) as device:
        first = await device.ptz()
        second = await device.ptz("VS_2")
    assert (first.profile.token, second.profile.token) == ("Profile_1", "Profile_3")
    assert first.abilities == OnvifPtzAbilities(pan_tilt=True, zoom=True, presets=100, home=True)
    assert second.abilities == OnvifPtzAbilities(pan_tilt=False, zoom=True, presets=8, home=False)


async def test_moves_end_where_they_say(new_peer: NewPeer) -> None:
    """Each move is one step of a twentieth of its speed there."""
    async with new_peer("--login").device() as device:
        lens = await device.ptz()
        assert await lens.status() == OnvifPtzStatus(pan=0, tilt=0, zoom=0, moving=False)
        await lens.move(1, -0.5, 0, timeout_s=1)
        await lens.move(0, 0, 1, timeout_s=0.5)
        await lens.stop()
        at = await lens.status()
        assert (at.pan, at.tilt, at.zoom) == pytest.approx((0.05, -0.025, 0.05))
        await lens.set_home()
        await lens.move(-1, 0, 0, timeout_s=1)
        await lens.go_home()
        assert (await lens.status()).pan == pytest.approx(0.05)


async def test_a_lens_that_only_zooms_is_not_turned(new_peer: NewPeer) -> None:
    async with new_peer().device(None) as device:
        lens = await device.ptz("VS_2")
        with pytest.raises(OnvifNotSupported, match="cannot move that way"):
            await lens.move(1, 0, 0, timeout_s=1)
        await lens.move(0.5, 0, -1, timeout_s=1)
        at = await lens.status()
        assert (at.pan, at.zoom) == pytest.approx((0, 0.75))


async def test_presets_are_made_gone_to_and_removed(new_peer: NewPeer) -> None:
    async with new_peer().device(None) as device:
        lens = await device.ptz()
        begun = [OnvifPreset("Preset_1", "Home"), OnvifPreset("Preset_2", "Door")]
        assert await lens.presets() == begun
        await lens.go_to_preset("Preset_2")
        at = await lens.status()
        assert (at.pan, at.tilt) == pytest.approx((0.5, 0.2))
        token = await lens.set_preset('Gate <1> & "2" – Tür')
        assert await lens.presets() == [*begun, OnvifPreset(token, 'Gate <1> & "2" – Tür')]
        await lens.go_to_preset("Preset_1")
        assert await lens.set_preset("Yard", token) == token
        assert (await lens.presets())[-1] == OnvifPreset(token, "Yard")
        await lens.remove_preset(token)
        assert await lens.presets() == begun
        others = await (await device.ptz("VS_2")).presets()
        assert [one.name for one in others] == ["Lobby", "Dock", "Roof"]


async def test_what_the_lens_refuses_is_told(new_peer: NewPeer) -> None:
    peer = new_peer()
    async with peer.device(None) as device:
        lens = await device.ptz()
        peer.fail_once("GotoPreset", "ter:NoToken", "there is no such preset")
        with pytest.raises(OnvifFault, match="refuses GotoPreset: there is no such preset"):
            await lens.go_to_preset("9")
        # Without that it takes any token and stays where it is: ter:NoToken is due (ONVIF PTZ,
        # GotoPreset).
        await lens.go_to_preset("9")
        assert (await lens.status()).pan == 0


async def test_a_node_that_cannot_be_asked_is_thought_able(new_peer: NewPeer) -> None:
    peer = new_peer()
    async with peer.device(None) as device:
        peer.fail_once("GetNode", "ter:NoEntity", "which node?")
        lens = await device.ptz("VS_2")
        assert lens.abilities.pan_tilt
        with pytest.raises(OnvifFault, match="zoom-only"):
            await lens.move(1, 0, 0, timeout_s=1)
