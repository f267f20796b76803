"""When the substream is connected, and when it is given up for the main stream's sake."""

from falconeye.cameras.substream import SubstreamPolicy
from falconeye.events.camera_state import ReasonCode
from tests.clock import FakeClock


def test_refused_second_session_is_given_up_for_ten_minutes(clock: FakeClock) -> None:
    policy = SubstreamPolicy(clock)
    assert policy.may_connect()
    assert policy.sub_failed(ReasonCode.TOO_MANY_SESSIONS)
    assert not policy.may_connect()
    clock.advance(599)
    assert not policy.may_connect()
    clock.advance(2)
    assert policy.may_connect()


def test_other_failures_are_only_tried_again(clock: FakeClock) -> None:
    policy = SubstreamPolicy(clock)
    assert not policy.sub_failed(ReasonCode.DISCONNECTED)
    assert policy.may_connect()


def test_main_that_fails_just_after_sub_connected_blames_it(clock: FakeClock) -> None:
    policy = SubstreamPolicy(clock)
    policy.connected()
    clock.advance(3)
    assert policy.main_failed()
    assert not policy.may_connect()


def test_main_that_fails_long_after_does_not(clock: FakeClock) -> None:
    policy = SubstreamPolicy(clock)
    policy.connected()
    clock.advance(60)
    assert not policy.main_failed()
    assert policy.may_connect()
    assert not policy.main_failed()
