"""What an invented machine did: the same messages for the same machine, tool and day, whenever one asks.

A session is a person's requests; each is answered by some messages of a model, which call tools. What a model
reads grows with its session until it is cut, so cache reads make up most tokens, as in real life.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from itertools import count

from openusage.demo.cast import Machine, Use
from openusage.wire.events import EventKind, Outcome, TokenCounts, UsageEvent, event_key

DAYS = 90
_MINUTE_US = 60_000_000
_DAY_US = 24 * 60 * _MINUTE_US
_UNTIL_MINUTES = 12 * 60
"""So long somebody goes on who works when the demo begins."""
_BEFORE_MINUTES = 95
"""And since when they did."""
_LONGEST_CONTEXT = 150_000
_COPIED = 9
"""One session of so many was copied."""

_TOOLS = (
    ("Edit", 26, True),
    ("Bash", 24, False),
    ("Read", 22, False),
    ("Grep", 10, False),
    ("Write", 6, True),
    ("mcp__github__get_issue", 4, False),
    ("mcp__github__create_pull_request", 1, False),
    ("mcp__context7__query_docs", 3, False),
    ("WebSearch", 2, False),
)
"""Name, how often of all, whether it changes files."""
_LANGUAGES = (("python", 6), ("typescript", 3), ("markdown", 2), ("sql", 1), ("yaml", 1))


class Story:
    """One tool on one machine. `zone` tells what is day and what is night there."""

    def __init__(self, machine: Machine, use: Use, begun: dt.datetime, zone: dt.tzinfo, *, days: int = DAYS):
        self._machine, self._use = machine, use
        self._begun, self._zone, self._days = begun, zone, days

    def events(self) -> list[UsageEvent]:
        """All of them, also what is still to come today, in order of time."""
        today = self._begun.astimezone(self._zone).date()
        dates = [today - dt.timedelta(days=n) for n in range(self._days, -1, -1)]
        found = [event for date in dates for event in self._day(date)]
        if self._machine.active and self._use is self._machine.uses[0]:
            found += self._now()
        return sorted(found, key=lambda e: e.at_us)

    def copied(self) -> list[UsageEvent]:
        """Those of whole days before yesterday that another machine has, too."""
        until_us = _us(self._begun) - 2 * _DAY_US
        return [e for e in self.events() if e.at_us < until_us and _number(e.session or "") % _COPIED == 0]

    def _day(self, date: dt.date) -> Iterator[UsageEvent]:
        r = random.Random(f"{self._machine.name} {self._use.account} {date}")
        week = random.Random(f"{self._machine.name} {date.isocalendar()[:2]}").uniform(0.6, 1.4)
        weekday = self._machine.weekends if date.weekday() >= 5 else 1.0
        sessions = max(0, round(r.gauss(self._use.sessions * week * weekday, 0.8)))
        midnight = dt.datetime.combine(date, dt.time(), self._zone)
        for n in range(sessions):
            start_us = _us(midnight) + r.randrange(8 * 60 + 30, 22 * 60) * _MINUTE_US
            yield from self._session(
                r, f"{date}-{n}", start_us, requests=min(24, 2 + int(r.expovariate(0.2)))
            )

    def _now(self) -> Iterator[UsageEvent]:
        r = random.Random(f"{self._machine.name} now")
        start_us = _us(self._begun) - _BEFORE_MINUTES * _MINUTE_US
        end_us = start_us + (_BEFORE_MINUTES + _UNTIL_MINUTES) * _MINUTE_US
        for event in self._session(r, "now", start_us, requests=10_000):
            if event.at_us > end_us:
                return
            yield event

    def _session(self, r: random.Random, name: str, start_us: int, *, requests: int) -> Iterator[UsageEvent]:
        use = self._use
        names, weights = zip(*use.models, strict=True)
        model: str = r.choices(names, weights)[0]
        last = len(self._machine.projects) - 1
        project = self._machine.projects[min(int(r.expovariate(0.8)), last)]
        session = f"{self._machine.name}-{use.account}-{name}"
        context, at_us, numbers = r.randrange(9_000, 22_000), start_us, count()

        def event(kind: EventKind, **more: object) -> UsageEvent:
            return UsageEvent(
                provider=use.provider,
                account=use.account,
                at_us=at_us,
                kind=kind,
                event_key=event_key("demo", session, next(numbers)),
                client=use.client,
                project=project,
                session=session,
                **more,  # type: ignore[arg-type]
            )

        for _ in range(requests):
            yield event(EventKind.TURN)
            for _ in range(r.randrange(1, 6)):
                at_us += r.randrange(4, 50) * 1_000_000
                new = r.randrange(300, 6_000)
                yield event(
                    EventKind.MESSAGE,
                    model=model,
                    upstream=use.upstream,
                    tokens=self._tokens(r, context, new),
                )
                context = context + new if context < _LONGEST_CONTEXT else r.randrange(15_000, 30_000)
                if r.random() < 0.65:
                    at_us += r.randrange(1, 9) * 1_000_000
                    yield event(EventKind.TOOL, **_call(r))
            if use.helper and r.random() < 0.12:
                for _ in range(r.randrange(3, 9)):
                    at_us += r.randrange(2, 12) * 1_000_000
                    tokens = self._tokens(r, r.randrange(4_000, 40_000), r.randrange(300, 3_000))
                    yield event(
                        EventKind.MESSAGE,
                        model=use.helper,
                        upstream=use.upstream,
                        agent="Explore",
                        tokens=tokens,
                    )
            at_us += int(r.expovariate(1 / 70) * 1_000_000) + 5_000_000

    def _tokens(self, r: random.Random, context: int, new: int) -> TokenCounts:
        output = min(9_000, 60 + int(r.expovariate(1 / 420)))
        if self._use.thinks:
            return TokenCounts(
                input=new, output=output, cache_read=context, reasoning=int(output * r.random())
            )
        return TokenCounts(
            input=r.randrange(3, 40),
            output=output,
            cache_read=context,
            cache_write_5m=new,
            cache_write_1h=0,
        )


def _call(r: random.Random) -> dict[str, object]:
    """One call of a tool."""
    tool, _, changes = r.choices(_TOOLS, [weight for _, weight, _ in _TOOLS])[0]
    outcome = r.choices((Outcome.OK, Outcome.ERROR, Outcome.ABORTED), (97, 2, 1))[0]
    said: dict[str, object] = {"tool": tool, "outcome": outcome}
    if changes and outcome is Outcome.OK:
        language = r.choices([name for name, _ in _LANGUAGES], [weight for _, weight in _LANGUAGES])[0]
        said |= {
            "language": language,
            "lines_added": r.randrange(1, 60),
            "lines_removed": r.randrange(0, 25),
            "file_key": r.randrange(1, 400),
        }
    return said


def _number(text: str) -> int:
    return int.from_bytes(event_key("demo", text)[:4], "big")


def _us(time: dt.datetime) -> int:
    return int(time.timestamp()) * 1_000_000
