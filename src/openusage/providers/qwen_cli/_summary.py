"""`usage_record.jsonl` of Qwen Code: what a whole session used, by model -> records. Pure.

The tool writes a line when a session ends, and before it deletes a chat: for chats that are gone it is all
there is. A session whose chat is there, or was read before it went, is known in full and not counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from openusage.lineage.names import upstream_by_name
from openusage.providers._loose import NOTHING, Bytes, loosely, reader
from openusage.providers._values import json_object, project_of, text, time_us
from openusage.providers.qwen_cli._chat import CLIENT, PROVIDER, UPSTREAM, Usage, tokens_of
from openusage.wire.events import EventKind, Record, UsageEvent, event_key


class Line(msgspec.Struct, gc=False):
    sessionId: Any = None
    timestamp: Any = None
    startTime: Any = None
    project: Any = None
    models: msgspec.Raw = NOTHING


class Sums(msgspec.Struct, gc=False):
    inputTokens: Any = None
    outputTokens: Any = None
    thoughtsTokens: Any = None
    cachedTokens: Any = None
    totalTokens: Any = None


class Memory(msgspec.Struct):
    """Nothing need be known of earlier lines."""


_read = reader(Line)


class Summaries:
    """Parses the file. `is_known`: whether a session's chat is there, or was."""

    def __init__(self, account: str, is_known: Callable[[str], bool], memory: Memory) -> None:
        self._account = account
        self._is_known = is_known
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        line = _read(data)
        session, at_us = text(line.sessionId), time_us(line.timestamp) or time_us(line.startTime)
        if session is None or at_us is None or self._is_known(session):
            return
        for model, told in json_object(bytes(line.models)).items():
            sums = loosely(told, Sums) if isinstance(told, dict) else Sums()
            tokens = tokens_of(Usage(*msgspec.structs.astuple(sums)))
            if tokens.total:
                yield UsageEvent(
                    provider=PROVIDER,
                    account=self._account,
                    at_us=at_us,
                    kind=EventKind.MESSAGE,
                    event_key=event_key(PROVIDER, "session", session, model),
                    tokens=tokens,
                    model=model,
                    upstream=upstream_by_name(model) or UPSTREAM,
                    client=CLIENT,
                    project=project_of(line.project),
                    session=session,
                )
