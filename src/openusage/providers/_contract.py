"""The provider contract: one module per tool, one way out (records).

A provider is plain synchronous code: `SPEC`, `discover(env)`, `read(account, state, env)`. It never prices,
stores, draws or sleeps. It raises a `SourceError` when it cannot go on; what it yielded before stays.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record
from openusage.wire.problems import Problem

if TYPE_CHECKING:
    import httpx


class Kind(enum.StrEnum):
    """Where a provider's records come from."""

    LOCAL = "local"
    REMOTE = "remote"
    BOTH = "both"


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed about a tool."""

    id: str
    """As it travels: `claude_code`."""
    name: str
    """As people know it: `Claude Code`."""
    kind: Kind
    default_account: str
    """Account id when there is only one: `claude-code`."""
    docs_url: str = ""
    patterns: tuple[str, ...] = ()
    """What is read, for `detect` and for the empty-home message: `~/.claude/projects/**/*.jsonl`."""
    binaries: tuple[str, ...] = ()
    """Names of its program on the PATH, for `detect`; its files count without it."""
    retention_hint: str = ""
    """When the tool deletes its own logs, in a sentence."""


class Http(Protocol):
    """What vendors' APIs are asked with: an `httpx.Client`, or what makes one when it is needed."""

    def stream(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None,
        headers: Mapping[str, str],
        timeout: float,
        follow_redirects: bool,
    ) -> AbstractContextManager[httpx.Response]: ...


class Env(msgspec.Struct, frozen=True, kw_only=True):
    """The world as a provider sees it. Everything a provider touches comes from here."""

    home: Path
    environ: Mapping[str, str]
    now: dt.datetime
    """Aware, UTC."""
    http: Http | None = None
    """None: stay off the network."""
    base_urls: Mapping[str, str] = {}
    """Vendor API base by provider id; tests and proxies point it elsewhere."""
    polled_us: int | None = None
    """In a poll: what the vendor told until then is stored. None: nothing since we started."""

    @property
    def now_us(self) -> int:
        return round(self.now.timestamp() * 1_000_000)

    def base_url(self, provider: str, usual: str) -> str:
        """Where a vendor's API is asked, without a slash at its end."""
        return (self.base_urls.get(provider) or usual).rstrip("/")


class Chunk(msgspec.Struct, frozen=True, kw_only=True, tag="chunk"):
    """Some records, and the cursors that are true once these records are stored."""

    records: list[Record] = []
    cursors: list[FileCursor] = []
    gone: list[str] = []
    """Paths whose cursor can be forgotten: the file no longer exists."""
    problems: list[Problem] = []
    bytes_read: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a read will do, known before it starts: for the progress line."""

    files: int
    bytes_to_read: int

    def __add__(self, other: Plan) -> Plan:
        return Plan(files=self.files + other.files, bytes_to_read=self.bytes_to_read + other.bytes_to_read)


Cursors = Mapping[str, FileCursor]
"""Path -> cursor, of one provider and account."""


class Provider(Protocol):
    """A module of `openusage.providers` with these names."""

    SPEC: ProviderSpec

    def discover(self, env: Env) -> Iterator[Account]:
        """Accounts found on this machine. Looks which paths exist; opens nothing, asks no network."""
        ...

    def plan(self, account: Account, cursors: Cursors, env: Env) -> Plan:
        """How much there is to read, by file sizes alone."""
        ...

    def read(
        self, account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
    ) -> Iterator[Chunk]:
        """Everything new since `cursors`, in chunks of a few MB of source. O(new bytes) + one stat a file.

        `changed` are the real paths that the watcher saw change: only these need be looked at. `None`: look
        at all.
        """
        ...

    def poll(self, account: Account, env: Env) -> Iterator[Record]:
        """The vendor's API, when `env.http` is given and a login exists. Rate-limited by its caller."""
        ...


@runtime_checkable
class Advises(Protocol):
    """A provider that knows what its tool's own settings mean for the history."""

    def advise(self, env: Env) -> Iterator[str]:
        """Sentences for `doctor`, such as how soon the tool deletes its logs."""
        ...


@runtime_checkable
class Watches(Protocol):
    """A provider whose tool writes to places that only a file of its own tells."""

    def watched(self, account: Account) -> Iterator[str]:
        """Directories to watch besides those of the account, existing ones, without what is below them."""
        ...


@runtime_checkable
class ParsesHooks(Protocol):
    """A provider whose tool can call us after each step (`POST /v1/hook/{source}`)."""

    SPEC: ProviderSpec

    def parse_hook(self, payload: bytes, account: str, now_us: int) -> list[Record]:
        """Records of one payload for that account id; `now_us` is its time when it names none.

        Raises:
            UsageError: the payload is not what the tool is known to send.
        """
        ...
