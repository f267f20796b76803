"""The cable of an emulated USB device: USB/IP over a socket pair, its other end in `vhci_hcd`.

The messages are those of the kernel's Documentation/usb/usbip_protocol.rst. To the kernel the
device is plugged in when the socket is given to a port, and pulled when it is closed. Must be a
process of its own: who reads the camera and ends waits for answers that the same process would have
to give.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

_VHCI: Final = Path("/sys/devices/platform/vhci_hcd.0")
_HIGH_SPEED: Final = 3
_HEAD: Final = struct.Struct(">IIIII")  # command, number, device, direction, endpoint
_SUBMIT: Final = struct.Struct(">IiiII8s")  # flags, length, start, packets, interval, set-up
_REPLY: Final = struct.Struct(">iiiii8x")  # status, length, start, packets, errors
_UNLINK: Final = struct.Struct(">I24x")
_CMD_SUBMIT, _CMD_UNLINK, _RET_SUBMIT, _RET_UNLINK = 1, 2, 3, 4
_IN: Final = 1
_EPIPE, _ECONNRESET = 32, 104

Control = Callable[[bytes, bytes], bytes | None]  # set-up packet, data -> answer; None: stall


class Link:
    """A device in a port, from plugging to pulling; `control` answers its endpoint 0.

    `changed` is notified of every transfer that the host asks for, and must be by whoever changes
    what `transfer` waits for.
    """

    def __init__(self, port: int, control: Control) -> None:
        self.changed = threading.Condition()
        self.is_up = True
        self._control = control
        self._waiting: list[tuple[int, int]] = []  # number and length of transfers from the device
        self._socket, theirs = socket.socketpair()
        with theirs:
            words = f"{port} {theirs.fileno()} {0x10001 + port} {_HIGH_SPEED}"
            (_VHCI / "attach").write_text(words)
        self._server = threading.Thread(target=self._serve, name="usb-link", daemon=True)
        self._server.start()

    def pull(self) -> None:
        with self.changed:
            self.is_up = False
            self.changed.notify_all()
        with contextlib.suppress(OSError):  # the kernel was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._server.join()
        self._socket.close()

    def transfer(self, data_of: Callable[[int], bytes], wanted: Callable[[], bool]) -> bool:
        """Fill the next transfer that the host asks for; False: it is wanted no longer."""
        with self.changed:
            self.changed.wait_for(lambda: not self.is_up or not wanted() or bool(self._waiting))
            if not self.is_up or not wanted():
                return False
            number, length = self._waiting.pop(0)
            self._reply(number, 0, data_of(length))
            return True

    def _serve(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # pulled, by us or by the kernel
            while True:
                head = self._read(_HEAD.size + _SUBMIT.size)
                command, number, _, direction, endpoint = _HEAD.unpack_from(head)
                if command == _CMD_SUBMIT:
                    self._submitted(number, direction, endpoint, head)
                elif command == _CMD_UNLINK:
                    self._unlinked(number, _UNLINK.unpack_from(head, _HEAD.size)[0])
        with self.changed:
            self.is_up = False
            self.changed.notify_all()

    def _submitted(self, number: int, direction: int, endpoint: int, head: bytes) -> None:
        _, length, _, _, _, setup = _SUBMIT.unpack_from(head, _HEAD.size)
        data = b"" if direction == _IN else self._read(length)
        if endpoint:
            with self.changed:
                self._waiting.append((number, length))
                self.changed.notify_all()
            return
        answer = self._control(setup, data)
        with self.changed:
            if answer is None:
                self._reply(number, -_EPIPE, b"")
            elif direction == _IN:
                self._reply(number, 0, answer)
            else:
                self._reply(number, 0, b"", length=length)

    def _unlinked(self, number: int, victim: int) -> None:
        # Under the lock of `transfer`: an answer behind that of its unlinking makes vhci drop us.
        with self.changed:
            left = [one for one in self._waiting if one[0] != victim]
            status = -_ECONNRESET if len(left) < len(self._waiting) else 0
            self._waiting = left
            self._send(_HEAD.pack(_RET_UNLINK, number, 0, 0, 0) + struct.pack(">i24x", status))

    def _reply(self, number: int, status: int, data: bytes, *, length: int | None = None) -> None:
        length = len(data) if length is None else length
        reply = _REPLY.pack(status, length, 0, 0, 0)
        self._send(_HEAD.pack(_RET_SUBMIT, number, 0, 0, 0) + reply + data)

    def _send(self, message: bytes) -> None:
        try:
            self._socket.sendall(message)
        except OSError:
            self.is_up = False
            self.changed.notify_all()

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self._socket.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data
