"""What tools do alike that have one account on a machine: find it, know how much there is, read what is new.

A tool says where its things lie, which of them it wants and how they are read. Its module keeps the names of
the contract: `plan, read = FILES.plan, FILES.read`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

import msgspec

from openusage.providers import _walk
from openusage.providers._contract import Chunk, Cursors, Env, Plan, ProviderSpec
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading
from openusage.wire.events import Account


def one_account(
    spec: ProviderSpec,
    roots: Iterable[str] = (),
    flat_roots: Iterable[str] = (),
    *,
    is_traced: bool = False,
) -> Iterator[Account]:
    """The tool's account over all its places; none without a place, unless `is_traced` by something else."""
    deep, flat = tuple(dict.fromkeys(roots)), tuple(dict.fromkeys(flat_roots))
    if deep or flat or is_traced:
        yield Account(id=spec.default_account, provider=spec.id, roots=deep, flat_roots=flat, label=spec.name)


def _deep(account: Account) -> Iterable[str]:
    return account.roots


def _everywhere(relative: str) -> bool:
    return True


class Files(msgspec.Struct, frozen=True):
    """The files of a tool, below the roots of its account."""

    wanted: Callable[[str], bool]
    """Whether a file is one of them, by its path below its root."""
    chunks: Callable[[Account, Reading, list[FileState], Env], Iterator[Chunk]]
    """Reads these, in the order of their paths; only what became a full chunk on the way is yielded."""
    enters: Callable[[str], bool] = _everywhere
    """Whether there may be some in a directory, by its path below its root."""
    roots: Callable[[Account], Iterable[str]] = _deep

    def find(self, account: Account, changed: Collection[str] | None = None) -> _walk.Found:
        """What there is, or what of it is among `changed`."""
        return _walk.find(self.roots(account), self.wanted, changed, enters=self.enters)

    def plan(self, account: Account, cursors: Cursors, env: Env) -> Plan:
        """How much there is to read."""
        return _walk.plan(self.find(account).files, cursors)

    def read(
        self, account: Account, cursors: Cursors, env: Env, changed: Collection[str] | None = None
    ) -> Iterator[Chunk]:
        """Everything new since `cursors`, as in the contract."""
        reading = Reading(account, cursors, changed)
        found = self.find(account, changed)
        yield from self.chunks(account, reading, found.files, env)
        gone = _walk.gone(cursors, found.files, self.roots(account), changed)
        yield from reading.rest(gone, found.problems)
