"""A port for a program that is started, ended and started again."""

from __future__ import annotations

import contextlib
import random
import socket

_PORTS = range(20_000, 30_000)
"""Below those that systems give to outgoing connections: none takes the port of a program that is down, nor
connects to itself by chance."""


def free_port() -> int:
    """A port on loopback that nobody listens on. By the system's chance: seeded tests side by side differ."""
    chance = random.SystemRandom()
    while True:
        with socket.socket() as s, contextlib.suppress(OSError):
            port = chance.choice(_PORTS)
            s.bind(("127.0.0.1", port))
            return port
