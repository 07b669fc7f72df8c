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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from openusage.daemon.schedule import Progress
from openusage.errors import SourceError, StoreError
from openusage.providers._contract import Chunk, Cursors, Env, Provider
from openusage.store import Store
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

    def run(self) -> Pass:
        """Read what is new.

        Raises:
            StoreError: the store cannot be written (full disk). What was not stored is read again next time.
        """
        started = self._now_s()
        env = self._env()
        done = Pass()
        work = [(p, a, self._store.cursors(p.SPEC.id, a.id)) for p, a in self.accounts()]
        plans = [p.plan(a, cursors, env) for p, a, cursors in work]
        total, before = sum(p.bytes_to_read for p in plans), 0
        for (provider, account, cursors), plan in zip(work, plans, strict=True):
            tell = self._teller(provider.SPEC.name, before, total, started)
            one = self._read(provider, account, cursors, env, plan.bytes_to_read, tell)
            before += plan.bytes_to_read
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

    def _read(
        self,
        provider: Provider,
        account: Account,
        cursors: Cursors,
        env: Env,
        bytes_to_read: int,
        tell: Callable[[int], None],
    ) -> Pass:
        """One account. A `SourceError` ends it and leaves what was read; the others go on."""
        inserted = updated = bytes_read = 0
        problems: list[str] = []
        try:
            with _ahead(provider.read(account, cursors, env), bytes_to_read) as chunks:
                for chunk in chunks:
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
