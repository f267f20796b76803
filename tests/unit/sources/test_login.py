"""Answers to challenges (with the RFCs' own examples), and the memory of refusals."""

import threading
from contextlib import suppress

import pytest

from falconeye.base.secret import Secret
from falconeye.events.camera_state import ReasonCode
from falconeye.media.samples import StreamKind
from falconeye.sources.failures import Retry, SourceFailure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import RefusedLogins, authorization, libavformat_can_answer
from falconeye.sources.target import SourceTarget
from tests.peers.logins import Gate, LoginKind
from tests.peers.manual_clock import ManualClock


def test_basic() -> None:
    value = authorization(['Basic realm="x"'], "GET", "/", "Aladdin", "open sesame")
    assert value == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617 2


def test_digest_without_qop() -> None:
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    value = authorization([challenge], "GET", "/dir/index.html", "Mufasa", "Circle Of Life")
    assert value
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in value  # RFC 2069's example, corrected


def test_digest_is_preferred() -> None:
    value = authorization(['Basic realm="x"', 'Digest realm="x", nonce="n"'], "GET", "/", "u", "p")
    assert value
    assert value.startswith("Digest ")


def test_unknown_algorithm_falls_back() -> None:
    odd = 'Digest realm="x", nonce="n", algorithm=SHA-512-256'
    assert authorization([odd], "GET", "/", "u", "p") is None
    value = authorization([odd, 'Basic realm="x"'], "GET", "/", "u", "p")
    assert value
    assert value.startswith("Basic ")


def test_sha_256() -> None:
    challenge = 'Digest realm="x", nonce="n", algorithm=SHA-256, opaque="o"'
    value = authorization([challenge], "GET", "/", "u", "p")
    assert value
    assert "algorithm=SHA-256" in value
    assert 'opaque="o"' in value


@pytest.mark.parametrize("kind", ["basic", "digest"])
@pytest.mark.parametrize("password", ["right", 'q"uo\\te', "ümläut", "with:colon"])
def test_server_agrees(kind: LoginKind, password: str) -> None:
    gate = Gate(kind, "admin", password)
    value = authorization([gate.challenge()], "DESCRIBE", "rtsp://a/b", "admin", password)
    assert gate.admits("DESCRIBE", value)
    wrong = authorization([gate.challenge()], "DESCRIBE", "rtsp://a/b", "admin", "wrong")
    assert not gate.admits("DESCRIBE", wrong)


@pytest.mark.parametrize("qop", [', qop="auth"', ""])
def test_server_agrees_on_a_login_for_a_session(qop: str) -> None:
    gate = Gate("digest", "admin", "right")
    gate.algorithm = "MD5-sess"
    challenge = gate.challenge().replace(', qop="auth"', qop)
    value = authorization([challenge], "DESCRIBE", "rtsp://a/b", "admin", "right")
    assert gate.admits("DESCRIBE", value)


@pytest.mark.parametrize(
    ("challenges", "can"),
    [
        ([], True),
        (['Basic realm="x"'], True),
        (['Digest realm="x", nonce="n"'], True),
        (['Digest realm="x", nonce="n", algorithm="md5"'], True),
        (['Digest realm="x", nonce="n", algorithm=SHA-256'], False),
        (['Digest realm="x", nonce="n", algorithm=SHA-256', 'Digest realm="x", nonce="n"'], True),
        (['Digest nonce="n"', 'digest nonce="n", algorithm=SHA-256', 'Basic realm="x"'], False),
    ],
)
def test_what_libavformat_logs_in_with(challenges: list[str], *, can: bool) -> None:
    assert libavformat_can_answer(challenges) is can


def _target(password: str | None) -> SourceTarget:
    secret = None if password is None else Secret(password)
    return SourceTarget("c", StreamKind.MAIN, "rtsp://cam/a", "u", secret)


def _refuse(logins: RefusedLogins, target: SourceTarget, clock: ManualClock) -> None:
    with (
        pytest.raises(SourceFailure),
        logins.attempt(target, clock, Interrupt()),
    ):
        raise SourceFailure(ReasonCode.PASSWORD_REFUSED, "no", Retry.LOGIN, login_sent=True)


@pytest.mark.parametrize("password", ["wrong", None])  # a user name alone is a login, too
def test_refused_password_waits_ten_minutes(password: str | None) -> None:
    logins, clock = RefusedLogins(), ManualClock()
    target = _target(password)
    _refuse(logins, target, clock)
    clock.advance_s(599)
    assert logins.wait_s(target, clock) == pytest.approx(1)
    entered = False
    with pytest.raises(SourceFailure), logins.attempt(target, clock, Interrupt()):
        entered = True
    assert not entered
    clock.advance_s(2)
    with logins.attempt(target, clock, Interrupt()):
        entered = True
    assert entered


def test_another_password_is_tried_at_once() -> None:
    logins, clock = RefusedLogins(), ManualClock()
    _refuse(logins, _target("wrong"), clock)
    assert logins.wait_s(_target("right"), clock) == 0
    with logins.attempt(_target("right"), clock, Interrupt()):
        pass


def test_network_failure_is_no_refusal() -> None:
    logins, clock = RefusedLogins(), ManualClock()
    with pytest.raises(SourceFailure), logins.attempt(_target("p"), clock, Interrupt()):
        raise SourceFailure(ReasonCode.NO_ANSWER, "silence")
    assert logins.wait_s(_target("p"), clock) == 0


def test_refusal_after_the_login_is_noted_too() -> None:
    logins, clock = RefusedLogins(), ManualClock()
    with pytest.raises(SourceFailure), logins.noting(_target("p"), clock):
        raise SourceFailure(ReasonCode.PASSWORD_REFUSED, "no", Retry.LOGIN, login_sent=True)
    assert logins.wait_s(_target("p"), clock) == pytest.approx(600)


def test_channels_of_one_box_show_a_refused_password_once() -> None:
    """They log in one after the other, so that those behind the first learn of its refusal."""
    logins, clock = RefusedLogins(), ManualClock()
    shown: list[str] = []
    start = threading.Barrier(4)

    def channel() -> None:
        start.wait(5)
        with suppress(SourceFailure), logins.attempt(_target("wrong"), clock, Interrupt()):
            shown.append("wrong")
            raise SourceFailure(ReasonCode.PASSWORD_REFUSED, "no", Retry.LOGIN, login_sent=True)

    threads = [threading.Thread(target=channel) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown == ["wrong"]
