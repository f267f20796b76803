"""Our own question to RTSP cameras, answered by a socket."""

import socket
import threading

import pytest

from falconeye.base.secret import Secret
from falconeye.events.camera_state import ReasonCode
from falconeye.media.samples import StreamKind
from falconeye.sources.failures import Retry, SourceFailure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.rtsp_describe import describe
from falconeye.sources.target import SourceTarget

CHALLENGE = b'RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'


def test_a_camera_that_hangs_up_at_the_login_is_not_called_a_web_page() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(CHALLENGE)
                connection.recv(65_536)

        camera = threading.Thread(target=answer)
        camera.start()
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/a"
        target = SourceTarget("c", StreamKind.MAIN, url, "u", Secret("p"), allow_local=True)
        with pytest.raises(SourceFailure) as failed, describe(target, Interrupt()):
            pass
        camera.join()
    # Not soon again: cameras lock accounts.
    assert (failed.value.code, failed.value.retry) == (ReasonCode.DISCONNECTED, Retry.ANSWER)
