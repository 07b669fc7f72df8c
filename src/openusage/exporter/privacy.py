"""What of a record, and of a snapshot's project names, may leave the machine.

Records hold no prompts, no answers and no paths. What can still say who someone is goes by the same rule as
in snapshots (`wire.identity`): facts that name a person or an organization stay here, and a label that holds
an e-mail address or a home path, or is too long to be a label, leaves as a pseudonym. `no_projects` does that
to every project, in snapshots too, and leaves out which file was touched.

A pseudonym is made with the store's secret: the same name has the same one for ever, and nobody can find the
name by trying a list of names. No text is longer than a hub takes (`MAX_TEXT`), whatever may leave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from openusage.exporter.target import RecordsPolicy
from openusage.wire.events import AccountFact, QuotaReading, Record, UsageEvent
from openusage.wire.identity import IDENTITY, is_personal, with_projects
from openusage.wire.records import MAX_TEXT
from openusage.wire.snapshot import UsageSnapshot

_LABELS = ("model", "upstream", "client", "project", "session", "agent", "tool", "language")
"""Texts of an event that come from a log. Provider and account are ours, the kind and outcome are words."""
_LONGEST = 300
"""Characters of a label; and searching long ones for addresses takes time with the square of their length."""
_MOST = 100_000
"""Names remembered; then it starts anew, so that memory stays flat."""


class Privacy:
    """The rule for one hub. Remembers what it decided of each text."""

    def __init__(self, policy: RecordsPolicy, *, include_identity: bool, secret: str) -> None:
        self._no_projects = policy == "no_projects"
        self._include_identity = include_identity
        self._key = bytes.fromhex(secret)
        self._changed: dict[tuple[str, str], str | None] = {}

    def of(self, records: Iterable[Record]) -> list[Record]:
        """The records as they may be sent, in their order; some are left out."""
        if len(self._changed) > _MOST:
            self._changed.clear()
        return list(self._sent(records))

    def snapshot(self, snapshot: UsageSnapshot) -> UsageSnapshot:
        """The snapshot with the names of projects that its records have."""
        return with_projects(snapshot, lambda name: self._instead("project", name) or name)

    def _sent(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            if isinstance(record, UsageEvent):
                yield self._event(record)
            elif self._include_identity or not _names_somebody(record):
                yield _cut(record)

    def _event(self, event: UsageEvent) -> UsageEvent:
        new: dict[str, Any] = {}
        for name in _LABELS:
            text = getattr(event, name)
            if text is None:
                continue
            known = (name, text)
            if known not in self._changed:
                self._changed[known] = self._instead(name, text)
            if self._changed[known] is not None:
                new[name] = self._changed[known]
        if self._no_projects and event.file_key is not None:
            new["file_key"] = None
        if len(event.account) > MAX_TEXT:
            new["account"] = event.account[:MAX_TEXT]
        return msgspec.structs.replace(event, **new) if new else event

    def _instead(self, name: str, text: str) -> str | None:
        """What is sent for a text; `None`: itself."""
        hidden = (self._no_projects and name == "project") or len(text) > MAX_TEXT
        if hidden or (not self._include_identity and _is_personal(text)):
            mark = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=3, key=self._key)
            return f"{name}-{mark.hexdigest()}"
        return None


def _names_somebody(record: QuotaReading | AccountFact) -> bool:
    if record.key in IDENTITY or _is_personal(record.key):
        return True
    return isinstance(record, AccountFact) and _is_personal(record.value)


def _is_personal(text: str) -> bool:
    return len(text) > _LONGEST or is_personal(text)


def _cut(record: QuotaReading | AccountFact) -> QuotaReading | AccountFact:
    """With no text longer than a hub takes."""
    texts = ((name, getattr(record, name)) for name in record.__struct_fields__)
    new = {name: text[:MAX_TEXT] for name, text in texts if isinstance(text, str) and len(text) > MAX_TEXT}
    return msgspec.structs.replace(record, **new) if new else record
