"""One pass over all tools: what is new goes from their files into the store.

This is the short script that joins providers and store. Records and the cursors that are true with them are
one transaction: killed at any moment, the next pass goes on where the last one ended.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from openusage.daemon.ahead import FROM_BYTES, chunks_ahead
from openusage.daemon.problems import as_shown
from openusage.daemon.schedule import Progress
from openusage.errors import Defect, SourceError, StoreError
from openusage.providers._contract import Chunk, Env, Provider, Watches
from openusage.store import AddResult, Store
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record
from openusage.wire.problems import Problem

log = logging.getLogger("openusage.collect")

KEPT_PROBLEMS = 50
RECORDS_A_TRANSACTION = 5000
"""Measured: a quarter less time than chunk by chunk; twice as many need 5 MB more and gain little."""


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did."""

    inserted: int = 0
    updated: int = 0
    bytes_read: int = 0
    elapsed_s: float = 0.0
    problems: list[Problem] = []

    @property
    def found(self) -> bool:
        return bool(self.inserted or self.updated)


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """What one account's vendor answered."""

    provider: str
    account: str
    records: list[Record]
    asked_us: int
    error: SourceError | None = None


class Collector:
    """Reads every account of every provider into one store. Not thread-safe: one pass at a time."""

    def __init__(
        self,
        store: Store,
        providers: Sequence[Provider],
        env: Callable[[], Env],
        *,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        now_s: Callable[[], float] = time.monotonic,
        ahead_from_bytes: int = FROM_BYTES,
    ) -> None:
        self._store = store
        self._providers = providers
        self._env = env
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._now_s = now_s
        self._ahead_from_bytes = ahead_from_bytes
        self._cursors: dict[tuple[str, str], dict[str, FileCursor]] = {}
        self._watched: dict[tuple[str, str], tuple[str, ...]] = {}
        """What providers had to look up to know what to watch."""
        self._polled_us: dict[tuple[str, str], int] = {}
        """Until when it is stored what an account's vendor told."""
        self._read_once: set[tuple[str, str]] = set()
        """Accounts that were read to their end since we started."""

    def accounts(self, *, woken: bool = False) -> list[tuple[Provider, Account]]:
        """Everything found on this machine now, with all directories to watch. A provider that fails to look
        is skipped, and said so. `woken` by one of these directories: they are what they were."""
        env = self._env()
        found: list[tuple[Provider, Account]] = []
        for provider in self._providers:
            try:
                found += [(provider, self._watched_too(provider, a, woken)) for a in provider.discover(env)]
            except (SourceError, OSError) as e:
                log.warning("%s: cannot be looked for: %s", provider.SPEC.id, e)
        return found

    def run(self, changed: Collection[str] | None = None) -> Pass:
        """Read what is new: everywhere, or only in the `changed` paths that the watcher saw.

        Raises:
            StoreError: the store cannot be written (full disk). What was not stored is read again next time.
        """
        started = self._now_s()
        env = self._env()
        done = Pass()
        work = [(p, a, self._known(p, a)) for p, a in self._concerned(changed)]
        # What is new since the last pass is small: to plan it, every file is looked at once more.
        sizes = [_size(p, a, c, env) if self._is_unread(p, a, changed) else 0 for p, a, c in work]
        total, before = sum(sizes), 0
        with contextlib.ExitStack() as children:
            reads: list[Iterator[Chunk]] = []
            for (provider, account, cursors), size in zip(work, sizes, strict=True):
                # A copy: the provider reads from it while we note what is stored.
                known = dict(cursors)
                if size >= self._ahead_from_bytes:
                    reads.append(children.enter_context(chunks_ahead(provider, account, known, env)))
                else:
                    reads.append(provider.read(account, known, env, changed))
            for (provider, account, _), size, chunks in zip(work, sizes, reads, strict=True):
                tell = self._teller(provider.SPEC.name, before, total, started)
                done = _sum(done, self._read(provider, account, chunks, tell))
                before += size
        return msgspec.structs.replace(done, elapsed_s=self._now_s() - started)

    def _concerned(self, changed: Collection[str] | None) -> list[tuple[Provider, Account]]:
        return [(p, a) for p, a in self.accounts(woken=changed is not None) if _concerns(a, changed)]

    def _watched_too(self, provider: Provider, account: Account, woken: bool) -> Account:
        if not isinstance(provider, Watches):
            return account
        key = (provider.SPEC.id, account.id)
        if not woken or key not in self._watched:
            self._watched[key] = tuple(provider.watched(account))
        return msgspec.structs.replace(account, flat_roots=(*account.flat_roots, *self._watched[key]))

    def _teller(self, name: str, before: int, total: int, started: float) -> Callable[[int], None]:
        def tell(bytes_read: int) -> None:
            if self._on_progress is not None:
                self._on_progress(
                    Progress(
                        provider=name,
                        bytes_done=min(before + bytes_read, total),
                        bytes_total=total,
                        elapsed_s=self._now_s() - started,
                    )
                )

        return tell

    def _is_unread(self, provider: Provider, account: Account, changed: Collection[str] | None) -> bool:
        return changed is None and (provider.SPEC.id, account.id) not in self._read_once

    def _known(self, provider: Provider, account: Account) -> dict[str, FileCursor]:
        """The account's cursors, read from the store once and then kept here as they are stored."""
        key = (provider.SPEC.id, account.id)
        if key not in self._cursors:
            self._cursors[key] = self._store.cursors(*key)
        return self._cursors[key]

    def _read(
        self,
        provider: Provider,
        account: Account,
        chunks: Iterator[Chunk],
        tell: Callable[[int], None],
    ) -> Pass:
        """One account. A `SourceError` ends it and leaves what was read; the others go on."""
        inserted = updated = bytes_read = 0
        problems: list[Problem] = []
        try:
            for chunk in _gathered(chunks):
                added = self._add(provider, account, chunk)
                inserted += added.inserted
                updated += added.updated
                bytes_read += chunk.bytes_read
                problems += chunk.problems
                if added.refused:
                    problems.append(_refused(provider, added.refused))
                tell(bytes_read)
                if self._should_stop():
                    break
            else:
                self._read_once.add((provider.SPEC.id, account.id))
        except SourceError as e:
            problems.append(Problem.of(e))
        except StoreError:
            raise
        except Exception as e:  # one tool's surprise must not stop the others
            defect = Defect.of(e)
            log.error("%s: reading failed: %s", provider.SPEC.id, defect)
            problems.append(Problem(what=f"{provider.SPEC.name}: {defect}"))
        return Pass(
            inserted=inserted, updated=updated, bytes_read=bytes_read, problems=_said(provider, problems)
        )

    def _add(self, provider: Provider, account: Account, chunk: Chunk) -> AddResult:
        added = self._store.add(
            chunk.records,
            cursors=chunk.cursors,
            gone=chunk.gone,
            provider=provider.SPEC.id,
            account=account.id,
        )
        known = self._known(provider, account)
        known.update((cursor.path, cursor) for cursor in chunk.cursors)
        for path in chunk.gone:
            known.pop(path, None)
        return added

    def poll(self, asks: Callable[[str, str], bool] = lambda provider, account: True) -> list[Polled]:
        """Ask the vendors' APIs, of the accounts that `asks` says. Writes nothing: network time must not hold
        the writer."""
        env = self._env()
        return [
            self._polled(provider, account, env)
            for provider, account in self.accounts()
            if asks(provider.SPEC.id, account.id)
        ]

    def kept(self, polled: Sequence[Polled]) -> None:
        """These answers are stored: the next polls need not ask for it again."""
        self._polled_us |= {(p.provider, p.account): p.asked_us for p in polled if p.error is None}

    def _polled(self, provider: Provider, account: Account, env: Env) -> Polled:
        polled_us = self._polled_us.get((provider.SPEC.id, account.id))
        env = msgspec.structs.replace(env, polled_us=polled_us)
        records: list[Record] = []
        error: SourceError | None = None
        try:
            records += provider.poll(account, env)
        except SourceError as e:
            error = e
        except Exception as e:  # one vendor's surprise must not stop the others
            defect = Defect.of(e)
            log.error("%s: polling failed: %s", provider.SPEC.id, defect)
            error = SourceError(f"{provider.SPEC.name}: {defect}")
        return Polled(
            provider=provider.SPEC.id,
            account=account.id,
            records=records,
            asked_us=round(env.now.timestamp() * 1_000_000),
            error=error,
        )


def _size(provider: Provider, account: Account, cursors: dict[str, FileCursor], env: Env) -> int:
    """Bytes to read; 0 when they cannot be told, which reading itself will say."""
    try:
        return provider.plan(account, cursors, env).bytes_to_read
    except (SourceError, OSError):
        return 0


def _gathered(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Fewer, larger chunks: each transaction rewrites parts of the key index, whatever it holds.

    What was gathered before an error is still yielded, then the error is raised.
    """
    waiting: list[Chunk] = []
    records = 0
    failure: Exception | None = None
    while True:
        try:
            chunk = next(chunks, None)
        except Exception as e:
            chunk, failure = None, e
        if chunk is not None:
            waiting.append(chunk)
            records += len(chunk.records)
        if waiting and (chunk is None or records >= RECORDS_A_TRANSACTION):
            yield _joined(waiting)
            waiting, records = [], 0
        if failure is not None:
            raise failure
        if chunk is None:
            return


def _joined(chunks: list[Chunk]) -> Chunk:
    if len(chunks) == 1:
        return chunks[0]
    return Chunk(
        records=[record for chunk in chunks for record in chunk.records],
        cursors=list({cursor.path: cursor for chunk in chunks for cursor in chunk.cursors}.values()),
        gone=[path for chunk in chunks for path in chunk.gone],
        problems=[problem for chunk in chunks for problem in chunk.problems],
        bytes_read=sum(chunk.bytes_read for chunk in chunks),
    )


def _refused(provider: Provider, count: int) -> Problem:
    records = "1 record has" if count == 1 else f"{count} records have"
    what = f"{provider.SPEC.name}: {records} a time or a count that cannot be, and no place in the sums"
    return Problem(what=what)


def _said(provider: Provider, problems: list[Problem]) -> list[Problem]:
    """As they can be shown, the rest of very many only counted."""
    said = problems[:KEPT_PROBLEMS]
    if more := len(problems) - len(said):
        said.append(Problem(what=f"{provider.SPEC.name}: {more} more places cannot be read"))
    return [as_shown(problem, provider.SPEC.id) for problem in said]


def _sum(a: Pass, b: Pass) -> Pass:
    return Pass(
        inserted=a.inserted + b.inserted,
        updated=a.updated + b.updated,
        bytes_read=a.bytes_read + b.bytes_read,
        problems=a.problems + b.problems,
    )


def _concerns(account: Account, changed: Collection[str] | None) -> bool:
    """Whether any of the changed paths is below one of the account's roots."""
    if changed is None:
        return True
    named = (*account.roots, *account.flat_roots)
    roots = {*named, *(str(Path(root).resolve()) for root in named)}
    return any(path.startswith(tuple(f"{root.rstrip('/')}/" for root in roots)) for path in changed)
