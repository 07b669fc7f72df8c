"""Hubs that do not do what a hub should: a raw server that answers as it is told."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

LENGTH = b"content-length:"
Answer = Callable[[socket.socket], None]


class BadHub:
    """Takes one request after another, each in a thread, and hands the connection to `answer`."""

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", port))
        self.requests: list[bytes] = []
        """Heads of what was asked, in order of arrival."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listening.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            self.requests.append(_request_head(connection))
            self._answer(connection)


def _request_head(connection: socket.socket) -> bytes:
    """Reads a whole request: a server that closes with unread bytes sends a reset instead of its answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(LENGTH)]
    while len(body) < sum(map(int, lengths)) and (more := connection.recv(65536)):
        body += more
    return head


def says(status: str, body: bytes = b"{}", **headers: str) -> Answer:
    """An answer like any other, with this status line's end: `500 Oops`."""
    told = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())

    def answer(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status}\r\n{told}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    return answer


def closes(connection: socket.socket) -> None:
    """Nothing, politely."""
    connection.shutdown(socket.SHUT_RDWR)


def resets(connection: socket.socket) -> None:
    """Nothing, rudely."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_an_answer(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok"')


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


def hangs(connection: socket.socket) -> None:
    """Until the other side gives up."""
    while connection.recv(1):
        pass


def drips(connection: socket.socket) -> None:
    """A byte now and then: no single wait is long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    pause = threading.Event()
    while True:
        connection.sendall(b" ")
        pause.wait(0.5)


def never_ends(connection: socket.socket) -> None:
    """As much as the other side takes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    block = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    for _ in range(2000):
        connection.sendall(block)
