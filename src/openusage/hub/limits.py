"""Who asks, by which name, and how much: what a request must pass before its path is looked at.

Behind a proxy every request comes from the proxy's address, so the address in `X-Forwarded-For` counts, when
the proxy is one that is trusted: this machine, or an address of `hub.trusted_proxies`. This machine itself is
not limited. An IPv6 client is its /64: it has that many addresses to itself.

A hub that only this machine can reach answers only to this machine's names (or those of `hub.hosts`): else a
web page could make a browser here ask it under a name of the page's own, and read the answer (DNS rebinding).
"""

from __future__ import annotations

import functools
import ipaddress
import json
import math
import resource
import time
from collections.abc import Callable, Collection

import msgspec

from openusage.hub.http import Answer, Scope, error
from openusage.hub.listen import is_loopback

MOST_CLIENTS = 10_000
"""Addresses remembered; the one that was quiet longest goes first."""
_MOST_HOSTS = 1000
_NO_HOST = error(400, "bad request", "a Host header is required, and one only")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """For one client address. Far above what a house full of machines does, far below what hurts."""

    requests_per_s: float = 50.0
    """In the long run; four times as many at once."""
    connections: int = 256
    bodies: int = 32
    """Requests with a body under way."""


class Buckets:
    """How much each key has left of an allowance that fills again. O(1) a look."""

    def __init__(self, rate_s: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._rate_s = rate_s
        self._burst = burst
        self._monotonic = monotonic
        self._levels: dict[str, tuple[float, float]] = {}
        """Key -> (what was left, when), those used last at the end."""

    def wait_s(self, key: str) -> float:
        """Seconds until there is something left; 0: there is. Takes nothing."""
        level, _ = self._level(key)
        return 0.0 if level >= 1.0 else (1.0 - level) / self._rate_s

    def take(self, key: str) -> float:
        """Takes one when there is one; else the seconds to wait, and nothing is taken."""
        level, now_s = self._level(key)
        if level < 1.0:
            return (1.0 - level) / self._rate_s
        self._levels.pop(key, None)
        self._levels[key] = level - 1.0, now_s
        if len(self._levels) > MOST_CLIENTS:
            del self._levels[next(iter(self._levels))]
        return 0.0

    def _level(self, key: str) -> tuple[float, float]:
        now_s = self._monotonic()
        level, at_s = self._levels.get(key, (self._burst, now_s))
        return min(self._burst, level + (now_s - at_s) * self._rate_s), now_s


class Door:
    """Lets requests in or says why not. Belongs to one event loop."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        hosts: Collection[str] | None = None,
        trusted_proxies: Collection[str] = (),
        exempts_this_machine: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`hosts`: names that are answered to besides this machine's own; `None`: any name."""
        self.limits = limits or Limits()
        self._hosts = None if hosts is None else frozenset(host_name(h.encode()) for h in hosts)
        self._known_hosts: dict[bytes, bool] = {}
        self._proxies = frozenset(bare(p) for p in trusted_proxies)
        self._exempts = exempts_this_machine
        self._requests = Buckets(self.limits.requests_per_s, 4 * self.limits.requests_per_s, monotonic)
        self._bodies: dict[str, int] = {}
        self._connections: dict[str, int] = {}
        self.turned_away: dict[str, int] = {}
        """Why -> how often."""

    def admit(self, scope: Scope) -> Answer | None:
        """None: go on, `scope["client"]` is who asks and `scope["scheme"]` how. Else what to answer."""
        hosts, forwarded, came_by_tls = _named(scope)
        if self._hosts is not None or len(hosts) != 1:
            if len(hosts) > 1 or (not hosts and scope["http_version"] == "1.1"):
                return self._refuse("host", _NO_HOST)
            if hosts and not self._answers_to(hosts[0]):
                return self._refuse("host", misdirected(hosts[0]))
        address = peer(scope)
        if forwarded and self._trusts(address):
            if came_by_tls:
                scope["scheme"] = "https"
            address = self._behind(forwarded, address)
            scope["client"] = (address, 0)
        elif self._exempts and _is_here(address):
            return None
        wait_s = self._requests.take(client_key(address))
        return self._refuse("requests", too_many(wait_s)) if wait_s > 0.0 else None

    def begin_body(self, scope: Scope) -> Answer | None:
        """One more body is under way, and `end_body` must follow; or the answer when it is one too many."""
        key = self._body_key(scope)
        if key is None:
            return None
        count = self._bodies.get(key, 0)
        if count >= self.limits.bodies:
            return self._refuse("bodies", too_many(1.0))
        self._bodies[key] = count + 1
        return None

    def end_body(self, scope: Scope) -> None:
        key = self._body_key(scope)
        if key is not None:
            _less(self._bodies, key)

    def connect(self, address: str) -> bool:
        """A connection from this address; False: it is one too many. Else `disconnect` must follow."""
        key = client_key(address)
        count = self._connections.get(key, 0)
        if count >= self.limits.connections and not self._is_free(address):
            self.turned_away["connections"] = self.turned_away.get("connections", 0) + 1
            return False
        self._connections[key] = count + 1
        return True

    def disconnect(self, address: str) -> None:
        _less(self._connections, client_key(address))

    def _body_key(self, scope: Scope) -> str | None:
        address = peer(scope)
        return None if self._exempts and _is_here(address) else client_key(address)

    def _is_free(self, address: str) -> bool:
        """Has many clients behind it, or is this machine."""
        return self._trusts(address) if self._exempts else address in self._proxies

    def _trusts(self, address: str) -> bool:
        return _is_here(address) or address in self._proxies

    def _behind(self, forwarded: str, address: str) -> str:
        """The last address of the list that no trusted proxy has: what comes before, anybody can claim."""
        for said in reversed(forwarded.split(",")):
            address = bare(said)
            if not self._trusts(address):
                break
        return address

    def _answers_to(self, host: bytes) -> bool:
        if self._hosts is None:
            return True
        known = self._known_hosts.get(host)
        if known is None:
            name = host_name(host)
            known = name is not None and (is_loopback(name) or name in self._hosts)
            if len(self._known_hosts) < _MOST_HOSTS:
                self._known_hosts[host] = known
        return known

    def _refuse(self, why: str, what: Answer) -> Answer:
        self.turned_away[why] = self.turned_away.get(why, 0) + 1
        return what


def peer(scope: Scope) -> str:
    """The address a request came from, without its port; an IPv4 one as such on a dual-stack socket."""
    client = scope.get("client")
    return str(client[0]).removeprefix("::ffff:") if client else "a local socket"


def too_many(wait_s: float) -> Answer:
    """429, and when to come again."""
    return error(
        429, "too many requests", headers=[(b"retry-after", str(max(1, math.ceil(wait_s))).encode())]
    )


def misdirected(host: bytes) -> Answer:
    """421: not under this name, and what to do where the name is right."""
    shown = json.dumps(host[:200].decode("latin-1"))
    return error(
        421,
        "misdirected request",
        "this hub listens for its own machine only and answers to 127.0.0.1, localhost and [::1]; when it is "
        f"meant to be reached as {shown}, through a proxy, name that in hub.hosts of its settings.json",
    )


def host_name(host: bytes) -> str | None:
    """The name in a Host header, in lower case without port and brackets; `None`: it is none."""
    try:
        text = host.decode("ascii").strip().lower()
    except UnicodeDecodeError:
        return None
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        name = text
    elif port and not port.isdigit():
        return None
    if name.startswith("[") and name.endswith("]"):
        return name[1:-1]
    return None if ":" in name else name.rstrip(".")


@functools.lru_cache(maxsize=4096)
def client_key(address: str) -> str:
    """What limits are counted by: an IPv4 address, a /64 of IPv6."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False).network_address)
    except ValueError:
        return address


def bare(text: str) -> str:
    """An address as a proxy or a person writes it, without port and brackets: `[::1]:80`, `10.0.0.1:80`."""
    text = text.strip()[:64]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return text.removeprefix("::ffff:")


def raise_file_limit(wanted: int) -> int:
    """Lets this process open up to `wanted` files, as far as it may; how many those are now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


def _named(scope: Scope) -> tuple[list[bytes], str, bool]:
    """(Host headers, `X-Forwarded-For`, whether `X-Forwarded-Proto` says TLS)."""
    hosts: list[bytes] = []
    forwarded, came_by_tls = "", False
    for name, value in scope["headers"]:
        if name == b"host":
            hosts.append(value)
        elif name == b"x-forwarded-for":
            text = value.decode("latin-1")
            forwarded = f"{forwarded},{text}" if forwarded else text
        elif name == b"x-forwarded-proto":
            came_by_tls = value.strip().lower() == b"https"
    return hosts, forwarded, came_by_tls


def _is_here(address: str) -> bool:
    return address.startswith("127.") or address in ("::1", "a local socket")


def _less(counts: dict[str, int], key: str) -> None:
    left = counts.get(key, 0) - 1
    if left > 0:
        counts[key] = left
    else:
        counts.pop(key, None)
