"""Addresses a hub may listen on: how they are written, which are safe without a token, how they are bound."""

from __future__ import annotations

import errno
import ipaddress
import json
import socket
import sys

from openusage.errors import ListenError

DEFAULT_LISTEN = ":9190"
"""Every interface: workers must reach it. So a hub without a token needs another address or the flag."""
BACKLOG = 2048
_UNHEARD_MS = 40_000
"""What was sent and is not received by then ends the connection: the other end is gone without a word."""
_PROBE_S = 1.0
_PROBE_BYTES = 4096
_PIECE_BYTES = 256

_REFUSAL = """\
hub: refusing to listen on {listen} without auth_token.
Choose one:
1. export OPENUSAGE_HUB_TOKEN=<secret> to enable Bearer auth, OR
2. bind to loopback only: --listen 127.0.0.1:9190, OR
3. pass --allow-public if you have a network-level firewall in place"""


def parse_listen(text: str) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or `:port` -> (host, port); an empty host is every interface."""
    listen = text.strip()
    host, colon, port = listen.rpartition(":")
    if "://" in listen or not colon or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise _no_address(text)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ipv6(host):
            raise _no_address(text)
    elif ":" in host or not all(c.isalnum() or c in ".-_" for c in host):
        raise _no_address(text)
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Only this machine can reach it. A name other than `localhost` is not trusted to stay where it is."""
    if host.lower() == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def guard(listen: str, token: str, allow_public: bool) -> tuple[str, int]:
    """(host, port) of an address that is safe to listen on. Raises `ListenError` with the three ways out."""
    host, port = parse_listen(listen)
    if not token.strip() and not allow_public and not is_loopback(host):
        raise ListenError(_REFUSAL.format(listen=_quoted(listen)))
    return host, port


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `ListenError`."""
    family, address = _resolve(host, port)
    # IPPROTO_TCP by name: asyncio sets TCP_NODELAY on accepted sockets only when it sees it.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":  # its connections have it, too; elsewhere the system's quarter hour holds
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MS)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "" else 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as e:
        sock.close()
        raise _cannot(host, port, e) from None
    sock.setblocking(False)
    return sock


def show(host: str, port: int) -> str:
    """The address as it is written."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _resolve(
    host: str, port: int
) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    if host.lower() == "localhost":
        # Never asked from a resolver: `guard` took it for loopback, so it must be.
        host = "127.0.0.1"
    if host == "":
        if socket.has_dualstack_ipv6():
            return socket.AF_INET6, ("::", port, 0, 0)
        return socket.AF_INET, ("0.0.0.0", port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (socket.gaierror, UnicodeError):
        raise ListenError(
            f"hub: cannot listen on {_quoted(show(host, port))}: nobody knows a host of that name.",
            "Give an address of this machine, such as 127.0.0.1:9190, or :9190 for all of them.",
        ) from None
    family, _, _, _, address = min(found, key=lambda f: f[0] != socket.AF_INET)
    return family, address  # type: ignore[return-value]  # only the two internet families are asked for


def _cannot(host: str, port: int, error: OSError) -> ListenError:
    where = _quoted(show(host, port))
    match error.errno:
        case errno.EADDRINUSE:
            holder = (
                "another hub answers there"
                if _hub_answers(host, port)
                else "another program, or an older hub, holds it"
            )
            return ListenError(
                f"hub: cannot listen on {where}: the port is in use, {holder}.",
                "Stop it, or choose another port with --listen. "
                f"To see who it is: lsof -nP -iTCP:{port} -sTCP:LISTEN",
            )
        case errno.EACCES | errno.EPERM:
            return ListenError(
                f"hub: not allowed to listen on {where}.",
                "Ports below 1024 need privileges: choose a higher one, such as --listen :9190.",
            )
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return ListenError(
                f"hub: cannot listen on {where}: this machine has no such address.",
                "Give one of its own addresses, or :9190 for all of them.",
            )
        case _:
            return ListenError(f"hub: cannot listen on {where}: {error.strerror or error}.")


def _hub_answers(host: str, port: int) -> bool:
    """Whether what holds the port answers `/healthz` as a hub does."""
    target = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    heard = b""
    try:
        with socket.create_connection((target, port), timeout=_PROBE_S) as probe:
            probe.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            while b'"status":"ok"' not in heard and len(heard) < _PROBE_BYTES:
                part = probe.recv(_PIECE_BYTES)  # a head comes by itself as often as with its body
                if not part:
                    return False
                heard += part
    except OSError:
        return False
    return b'"status":"ok"' in heard


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _no_address(text: str) -> ListenError:
    return ListenError(
        f"hub: {_quoted(text)} is no address to listen on.",
        "Write host:port, such as 127.0.0.1:9190, [::1]:9190, or :9190 for every interface.",
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True) if not text.isprintable() else f'"{text}"'
