"""Where a log of Kimi was found, and what every event out of it has in common. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.wire.events import EventKind, UsageEvent, event_key

PROVIDER = "kimi_cli"
UPSTREAM = "moonshotai"
CLIENT = "CLI"
WEB = {"SearchWeb": (1, None), "WebSearch": (1, None), "FetchURL": (None, 1)}
"""Tool -> (searches, fetches)."""


class Place(msgspec.Struct, frozen=True):
    """An agent of a session."""

    account: str
    session: str
    project: str | None
    agent: str | None
    """Type of a sub-agent."""
    agent_id: str | None
    model: str | None
    """That of the settings: the Python program logs none."""

    def event(
        self, kind: EventKind, at_us: int, model: str | None, agent: str | None, *key: Any, **more: Any
    ) -> UsageEvent:
        return UsageEvent(
            provider=PROVIDER,
            account=self.account,
            at_us=at_us,
            kind=kind,
            event_key=event_key(PROVIDER, *key),
            model=model,
            upstream=upstream_by_name(model) or UPSTREAM,
            client=CLIENT,
            project=self.project,
            session=self.session,
            agent=agent,
            **more,
        )
