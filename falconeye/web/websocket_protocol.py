"""uvicorn's WebSocket protocol, with an end for handshakes that cannot be read.

Headers that h11 takes but websockets does not (a line over 8 KiB, more than 128 of them) leave
uvicorn 0.54 with an open connection, a refusal that is never sent, and an error at shutdown.
"""

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Sends the refusal and closes."""

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.close_sent:
            self.close_sent = self.handshake_complete = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
