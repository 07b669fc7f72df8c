"""The one record of a batch that a hub refuses: found by smaller batches, and set aside.

A hub takes a batch whole or not at all, so a record that it will never take (400) would hold up everything
behind it. The batch is cut, before the record that the hub's `detail` names, until the record stands alone;
then its number is told to the hub without it. Nothing else is left out. Pure: answers come in, sizes go out.

A refusal that does not name a record is no record's fault, and a hub that refuses one after the other is not
meant to keep ours: then nothing is set aside, and sending fails in words.
"""

from __future__ import annotations

import re

import msgspec

from openusage.exporter.target import PushFailed
from openusage.format import printable
from openusage.wire.records import MAX_RECORDS, Outbox

MOST_IN_A_ROW = 100
"""Records that are set aside one after the other, without one between them that is taken."""
_place_in_batch = re.compile(r"\$\.records\[(\d{1,6})\]").search


class _Body(msgspec.Struct, frozen=True):
    """Of an answer with status 400."""

    error: str = ""
    detail: str = ""


class BatchSize:
    """How many records the next batch may hold, and which single one it leaves out."""

    def __init__(self) -> None:
        self.limit = MAX_RECORDS
        self.set_aside = 0
        """How many records were set aside so far."""
        self._searching = False
        self._in_a_row = 0
        self._aside: tuple[str, int, int] | None = None
        """Store, after and upto of the record that is left out."""

    def reset(self) -> None:
        """Another store, or another state of the hub: as large as may be."""
        self.limit, self._searching, self._aside = MAX_RECORDS, False, None

    def too_large(self, sent: int) -> None:
        """The hub takes no batch of so many."""
        self.limit = max(1, min(self.limit, sent) // 2)

    def without(self, out: Outbox) -> Outbox:
        """The batch without the record that was set aside, when it is the one."""
        if self._aside == (out.store_id, out.after, out.upto):
            return msgspec.structs.replace(out, records=[])
        return out

    def refused(self, out: Outbox, content: bytes) -> str:
        """The hub answered 400. What to log when a record was set aside by it; empty: the search goes on.

        Raises:
            PushFailed: it is not about a record.
        """
        detail = _detail(content)
        place = _place_in_batch(detail)
        if place is None or not out.records:
            raise PushFailed(f"the hub answers 400{': ' if detail else ''}{detail}")
        if len(out.records) > 1:
            first = int(place[1])
            # What stands before it is fine. A place that cannot be is no help: then by halves.
            self.limit = max(1, first) if first < len(out.records) else len(out.records) // 2
            self._searching = True
            return ""
        if self._in_a_row >= MOST_IN_A_ROW:
            raise PushFailed(f"the hub refuses one record after the other: {detail}")
        self._in_a_row += 1
        self.set_aside += 1
        self.reset()
        self._aside = (out.store_id, out.after, out.upto)
        return detail

    def taken(self, out: Outbox) -> None:
        """The hub took it."""
        if out.records:
            self._in_a_row = 0
        self._aside = None
        if self._searching:
            self.limit = min(2 * self.limit, MAX_RECORDS)
            self._searching = self.limit < MAX_RECORDS


def _detail(content: bytes) -> str:
    """What the hub says of its refusal, on one line that can be printed."""
    try:
        body = msgspec.json.decode(content, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return printable(body.detail or body.error)[:200]
