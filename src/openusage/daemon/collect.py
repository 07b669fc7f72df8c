"""One pass over all tools: what is new goes from their files into the store.

This is the short script that joins providers and store. Chunks are read ahead in a second thread while the
store writes, since both spend their time outside the interpreter's lock. A chunk's records and its cursors
are one transaction: killed at any moment, the next pass goes on where the last whole chunk ended.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from openusage.daemon.schedule import Progress
from openusage.errors import SourceError, StoreError
from openusage.providers._contract import Chunk, Env, Provider
from openusage.store import Store
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, Record

log = logging.getLogger("openusage.collect")

READ_AHEAD_CHUNKS = 2
READ_AHEAD_FROM_BYTES = 4 << 20
"""Less than this is read faster than a thread starts."""
KEPT_PROBLEMS = 50


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did."""

    inserted: int = 0
    updated: int = 0
    bytes_read: int = 0
    elapsed_s: float = 0.0
    problems: list[str] = []

    @property
    def found(self) -> bool:
        return bool(self.inserted or self.updated)


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
    ) -> None:
        self._store = store
        self._providers = providers
        self._env = env
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._now_s = now_s
        self._cursors: dict[tuple[str, str], dict[str, FileCursor]] = {}

    def accounts(self) -> list[tuple[Provider, Account]]:
        """Everything found on this machine now. A provider that fails to look is skipped, and said so."""
        env = self._env()
        found: list[tuple[Provider, Account]] = []
        for provider in self._providers:
            try:
                found += [(provider, account) for account in provider.discover(env)]
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
        work = [(p, a, self._known(p, a)) for p, a in self.accounts() if _concerns(a, changed)]
        # A burst is small: to plan it would cost more than to read it.
        sizes = [p.plan(a, c, env).bytes_to_read if changed is None else 0 for p, a, c in work]
        total, before = sum(sizes), 0
        for (provider, account, cursors), size in zip(work, sizes, strict=True):
            tell = self._teller(provider.SPEC.name, before, total, started)
            # A copy: the provider may still be reading ahead while we note what is stored.
            chunks = provider.read(account, dict(cursors), env, changed)
            one = self._read(provider, account, chunks, size, tell)
            before += size
            done = Pass(
                inserted=done.inserted + one.inserted,
                updated=done.updated + one.updated,
                bytes_read=done.bytes_read + one.bytes_read,
                problems=done.problems + one.problems,
            )
        return msgspec.structs.replace(done, elapsed_s=self._now_s() - started)

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
        bytes_to_read: int,
        tell: Callable[[int], None],
    ) -> Pass:
        """One account. A `SourceError` ends it and leaves what was read; the others go on."""
        inserted = updated = bytes_read = 0
        problems: list[str] = []
        try:
            with _ahead(chunks, bytes_to_read) as ahead:
                for chunk in ahead:
                    added = self._add(provider, account, chunk)
                    inserted += added[0]
                    updated += added[1]
                    bytes_read += chunk.bytes_read
                    problems += [f"{p.path}, byte {p.offset}: {p.what}" for p in chunk.problems]
                    tell(bytes_read)
                    if self._should_stop():
                        break
        except SourceError as e:
            problems.append(e.message)
        except StoreError:
            raise
        except Exception as e:  # one tool's surprise must not stop the others; it is logged in full
            log.exception("%s: reading failed", provider.SPEC.id)
            problems.append(f"{provider.SPEC.name}: {type(e).__name__}: {e}")
        return Pass(
            inserted=inserted, updated=updated, bytes_read=bytes_read, problems=problems[:KEPT_PROBLEMS]
        )

    def _add(self, provider: Provider, account: Account, chunk: Chunk) -> tuple[int, int]:
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
        return added.inserted, added.updated

    def poll(self) -> tuple[list[Record], list[SourceError]]:
        """Ask the vendors' APIs. Writes nothing: network time must not hold the writer."""
        env = self._env()
        records: list[Record] = []
        errors: list[SourceError] = []
        for provider, account in self.accounts():
            try:
                records += provider.poll(account, env)
            except SourceError as e:
                errors.append(e)
            except Exception as e:  # one vendor's surprise must not stop the others; it is logged in full
                log.exception("%s: polling failed", provider.SPEC.id)
                errors.append(SourceError(f"{provider.SPEC.name}: {type(e).__name__}: {e}"))
        return records, errors


def _concerns(account: Account, changed: Collection[str] | None) -> bool:
    """Whether any of the changed paths is below one of the account's roots."""
    if changed is None:
        return True
    roots = {*account.roots, *(str(Path(root).resolve()) for root in account.roots)}
    return any(path.startswith(tuple(f"{root.rstrip('/')}/" for root in roots)) for path in changed)


class _Failed(msgspec.Struct, frozen=True):
    error: BaseException


@contextmanager
def _ahead(chunks: Iterator[Chunk], bytes_to_read: int) -> Iterator[Iterator[Chunk]]:
    """The same chunks, read ahead in a thread when there is much to read. Errors come through in order."""
    if bytes_to_read < READ_AHEAD_FROM_BYTES:
        yield chunks
        return
    line: queue.Queue[Chunk | _Failed | None] = queue.Queue(READ_AHEAD_CHUNKS)
    left = threading.Event()

    def put(item: Chunk | _Failed | None) -> None:
        while not left.is_set():
            try:
                line.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def read() -> None:
        try:
            for chunk in chunks:
                put(chunk)
                if left.is_set():
                    return
            put(None)
        except BaseException as e:
            put(_Failed(e))

    def taken() -> Iterator[Chunk]:
        while (item := line.get()) is not None:
            if isinstance(item, _Failed):
                raise item.error
            yield item

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        left.set()
        thread.join()
