"""What is really in the logs, noted while they are written."""

from __future__ import annotations

from typing import Any, NamedTuple

from tools.genlogs._pool import day_of, iso

FIELDS = ("input", "output", "reasoning", "cache_read", "cache_write_5m", "cache_write_1h")
Usage = dict[str, int]
"""Tokens by field."""
FIVE_HOURS_MS = 5 * 3600_000


def usage(
    *, fresh: int, output: int, reasoning: int = 0, read: int = 0, write_5m: int = 0, write_1h: int = 0
) -> Usage:
    return dict(zip(FIELDS, (fresh, output, reasoning, read, write_5m, write_1h), strict=True))


def total(counts: Usage) -> int:
    return sum(counts[f] for f in FIELDS)


def nothing() -> Usage:
    return dict.fromkeys(FIELDS, 0)


class Message(NamedTuple):
    """One model answer, as it counts."""

    usage: Usage
    ms: int
    model: str
    session: str


class Truth:
    """Sums over one agent's logs, right ones and those that a careless reader gets."""

    def __init__(self) -> None:
        self.messages: dict[object, Message] = {}
        self.files = self.bytes = self.lines = 0
        self._usage_lines = self._midnight = 0
        self._every_line = nothing()
        self._first_kept = nothing()
        self._traps: dict[str, int] = {}
        self._tools: dict[str, str] = {}
        self._failed: set[str] = set()

    def trap(self, name: str, count: int = 1) -> None:
        """Something a reader can fall for was written."""
        self._traps[name] = self._traps.get(name, 0) + count

    def see(
        self, key: object, counts: Usage, ms: int, model: str, session: str, start_ms: int | None = None
    ) -> None:
        """A usage-bearing line of message `key` was written; it began at `start_ms`."""
        self._usage_lines += 1
        for f in FIELDS:
            self._every_line[f] += counts[f]
        old = self.messages.get(key)
        if old is None:
            for f in FIELDS:
                self._first_kept[f] += counts[f]
            self.messages[key] = Message(counts, ms, model, session)
            if start_ms is not None and day_of(start_ms) != day_of(ms):
                self._midnight += 1
        elif total(counts) > total(old.usage):
            self.messages[key] = Message(counts, ms, model, old.session)

    def tool(self, call_id: str, name: str) -> None:
        """A tool was called. Noted in the rich flavour only."""
        self._tools[call_id] = name

    def tool_failed(self, call_id: str) -> None:
        self._failed.add(call_id)

    def finish(self) -> dict[str, Any]:
        """The truth as it is written down."""
        days, sessions = self._by_day_and_session()
        sums: dict[str, int] = {
            f: sum(model[f] for day in days.values() for model in day.values()) for f in FIELDS
        }
        sums["messages"] = len(self.messages)
        sums["total"] = sum(sums[f] for f in FIELDS)
        found: dict[str, Any] = {
            "files": self.files,
            "bytes": self.bytes,
            "lines": self.lines,
            "usage_lines": self._usage_lines,
            "total": sums,
            "wrong_if_every_line": self._every_line | {"total": total(self._every_line)},
            "wrong_if_first_kept": self._first_kept | {"total": total(self._first_kept)},
            "messages_crossing_utc_midnight": self._midnight,
            "traps": dict(sorted(self._traps.items())),
            "days": {day: dict(sorted(models.items())) for day, models in sorted(days.items())},
            "blocks_5h": self._blocks(),
            "sessions": dict(sorted(sessions.items())),
        }
        if self._tools:
            found["tools"] = self._by_tool()
        return found

    def _by_day_and_session(self) -> tuple[dict[str, dict[str, Usage]], dict[str, dict[str, Any]]]:
        days: dict[str, dict[str, Usage]] = {}
        sessions: dict[str, dict[str, Any]] = {}
        for counts, ms, model, session in self.messages.values():
            day = days.setdefault(day_of(ms), {}).setdefault(model, nothing() | {"messages": 0})
            sums = sessions.setdefault(session, nothing() | {"messages": 0, "first": ms, "last": ms})
            for f in FIELDS:
                day[f] += counts[f]
                sums[f] += counts[f]
            day["messages"] += 1
            sums["messages"] += 1
            sums["first"] = min(sums["first"], ms)
            sums["last"] = max(sums["last"], ms)
        for sums in sessions.values():
            sums["first"], sums["last"] = iso(sums["first"]), iso(sums["last"])
        return days, sessions

    def _blocks(self) -> list[dict[str, Any]]:
        """Five-hour blocks: one starts on the full hour of the first message after a gap or after its end."""
        blocks: list[dict[str, Any]] = []
        start = last = None
        for ms, tokens in sorted((m.ms, total(m.usage)) for m in self.messages.values()):
            if start is None or last is None or ms - start > FIVE_HOURS_MS or ms - last > FIVE_HOURS_MS:
                start = ms - ms % 3600_000
                blocks.append({"start": iso(start), "total": 0, "messages": 0})
            blocks[-1]["total"] += tokens
            blocks[-1]["messages"] += 1
            last = ms
        return blocks

    def _by_tool(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for call_id, name in self._tools.items():
            sums = found.setdefault(name, {"calls": 0, "errors": 0})
            sums["calls"] += 1
            sums["errors"] += call_id in self._failed
        return dict(sorted(found.items()))
