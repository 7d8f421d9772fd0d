"""What the guardian, the keepers and the program say to each other: JSON lines on socket pairs, some with descriptors.

On the guardian's socket:

    guardian → program   {"is": "ready", "secrets": {NAME: VALUE}}        once, first
    program → guardian   {"do": "keep"} + [keeper's socket, output pipe]  fork a keeper on these
                         {"do": "terminal", "taken": true}                put it back if I die; false: I have
                         {"do": "remember", "resume": "…", "session": "…", "log": "…"}    what to tell the person then
                         {"do": "remove", "folder": "…"}                  when I have ended, if it is still there

On a keeper's socket:

    program → keeper     {"do": "run", "argv": […], "cwd": "…", "env": {…}}   once, first
                         {"do": "end", "grace_s": 0.3}                        end all of it: TERM, grace, KILL
                         {"do": "list"}
    keeper → program     {"is": "started", "pid": 1234}, or {"is": "failed", "errno": 2, "path": "…"}
                         {"is": "exited", "code": 0, "by_itself": true}   the command; 128 + n after signal n
                         {"is": "ended", "left": 1}       how many processes would not die
                         {"is": "listed", "processes": [[1234, "sleep 60"]]}
                         {"is": "gone"}                   nothing of it lives; the last word

Descriptors come with the line they belong to, so a line that brings some is sent in one piece.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["Lines", "encode", "send"]

_CHUNK: Final = 65536
_MOST_DESCRIPTORS: Final = 8


class Lines:
    """Reads messages, and the descriptors that came with them, from a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""
        self.descriptors: list[int] = []
        self.at_end = False

    def read(self) -> list[dict[str, Any]]:
        """The messages that have come; waits for some on a blocking socket. `at_end` tells that nobody speaks any more.

        Raises:
            BlockingIOError: nothing has come, on a socket that does not block.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, _CHUNK, _MOST_DESCRIPTORS)
        except (ConnectionResetError, BrokenPipeError):
            data, descriptors = b"", []
        self.descriptors += descriptors
        self.at_end = not data
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in whole]

    def take_descriptors(self, count: int) -> list[int]:
        """The next `count` descriptors, in the order they were sent."""
        taken, self.descriptors = self.descriptors[:count], self.descriptors[count:]
        return taken


def encode(message: Mapping[str, Any]) -> bytes:
    """`message` as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def send(connection: socket.socket, message: Mapping[str, Any], descriptors: Iterable[int] = ()) -> bool:
    """Send `message` in one piece; False when nobody listens any more.

    Raises:
        BlockingIOError: the other side has stopped reading.
    """
    try:
        if descriptors := list(descriptors):
            socket.send_fds(connection, [encode(message)], descriptors)
        else:
            connection.sendall(encode(message))
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True
