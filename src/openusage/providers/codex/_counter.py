"""Tokens of a Codex file: steps of its cumulative counter T, or single responses where it has them. Pure.

`last_token_usage` is never added up: it is repeated with every refresh, and an estimate after a compaction.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

from openusage.providers.codex import _lines as lines_of
from openusage.providers.codex._lines import BadLine, Usage
from openusage.providers.codex._state import PROVIDER, Sink, State, Step, Told, Total, step_key
from openusage.wire.events import EventKind, TokenCounts, UsageEvent, event_key

ZERO: Total = (0, 0, 0, 0, 0)
_SIGN = b'"token_count"'
COUNTER = lines_of.reader(lines_of.CounterLine)

Parents = Callable[[list[str]], Sequence[int]]
"""Counters (as `counters` yields them) of the first known of some threads, none when all are unknown."""


def no_parents(ids: list[str]) -> Sequence[int]:
    """No other thread is known."""
    return ()


class Counting:
    """Follows one file's counter."""

    def __init__(self, sink: Sink, state: State, parents: Parents) -> None:
        self.seen = array("q")
        """Hashes of the distinct counters so far, in order: what a fork of this thread begins with."""
        self._sink = sink
        self._state = state
        self._parents = parents
        self._theirs: Sequence[int] | None = None

    def counter(self, at_us: int, counter: lines_of.Counter, info: lines_of.Info) -> bool:
        """Count the step to this counter, if it is one. True when it was replayed from another thread."""
        st, usage, last = self._state, info.total_token_usage, info.last_token_usage
        if usage is None:
            if last is not None and st.total is None:
                self._without_total(at_us, last, _model(counter, info) or st.model)
            return False
        total, before = _total(usage), st.total
        if total == before:
            return st.matched > 0 and bool(st.parents)
        st.total = total
        self.seen.append(hash(total))
        used, told = _step(before, total, last), _told(usage)
        st.step = used
        model = _model(counter, info) or st.model
        if st.parents and self._replayed(Step(at_us, total, used, told, model, st.project)):
            return True
        seen = self._sink.seen
        if seen is None or seen[0] <= at_us:
            self._sink.seen = (at_us, total, last.total_tokens if last else 0, info.model_context_window)
        if st.record_turn is not None and st.record_turn == st.turn:
            st.step = None
        elif used[0] or used[3]:
            key = step_key(st.session, total)
            self._emit(key, at_us, used, told, model, st.project, st.session, st.agent)
        return False

    def response(self, at_us: int, found: lines_of.Response) -> None:
        """One response under the vendor's own id; the counters of the same turn tell the same once more."""
        if found.usage is None:
            return
        st = self._state
        used, session = _total(found.usage), found.thread_id or st.session
        counted = st.record_turn != st.turn and st.step == used
        st.record_turn = st.turn
        if not (used[0] or used[3]):
            return
        if counted and st.total is not None:
            key = step_key(session, st.total)  # this response's counter came first and was counted
        elif found.response_id:
            key = event_key(PROVIDER, "response", found.response_id)
        else:
            key = event_key(PROVIDER, "response", session, at_us, *used)
        agent = st.agent if session == st.session else None
        self._emit(key, at_us, used, _told(found.usage), st.model, st.project, session, agent)

    def release(self) -> None:
        """Count what was held back: nothing will tell more about it."""
        st = self._state
        held, st.held = st.held, None
        if held is not None:
            st.parents = []
            if held.used[0] or held.used[3]:
                key = step_key(st.session, held.total)
                self._emit(
                    key, held.at_us, held.used, held.told, held.model, held.project, st.session, st.agent
                )

    def _without_total(self, at_us: int, last: Usage, model: str | None) -> None:
        """The first versions had no T."""
        st, used = self._state, _total(last)
        if used[0] or used[3]:
            key = event_key(PROVIDER, "last", st.session, at_us, *used)
            self._emit(key, at_us, used, _told(last), model, st.project, st.session, st.agent)

    def _replayed(self, step: Step) -> bool:
        """Whether a counter of a fork or sub-agent is its parent's: the longest common beginning is.

        Without the parent's file: leading counters within one second, if there are two or more.
        """
        st = self._state
        if self._theirs is None:
            self._theirs = self._parents(st.parents)
        theirs, second = self._theirs, step.at_us // 1_000_000
        if st.first_s < 0:
            st.first_s = second
        if st.held is not None and theirs and theirs[0] == hash(st.held.total):
            st.held, st.matched = None, 1  # the parent's file came after the first counter
        if st.matched < len(theirs):
            if theirs[st.matched] == hash(step.total) and st.held is None:
                st.matched += 1
                return True
        elif st.matched == 0 and st.held is None:
            st.held = step
            return True
        elif second == st.first_s:
            # The parent's file is gone or ends here, yet this is the same burst of lines.
            st.matched += 1 if st.held is None else 2  # the one held back was replayed, too
            st.held = None
            return True
        self.release()
        st.parents = []
        return False

    def _emit(
        self,
        key: bytes,
        at_us: int,
        used: Total,
        told: Told,
        model: str | None,
        project: str | None,
        session: str,
        agent: str | None,
    ) -> None:
        total_in, cached, written, total_out, reasoning = used
        cached = cached if cached < total_in else total_in
        written = min(written, total_in - cached) if written else 0
        reasoning = reasoning if reasoning < total_out else total_out
        self._sink.events.append(
            UsageEvent(
                provider=PROVIDER,
                account=self._sink.account,
                at_us=at_us,
                kind=EventKind.MESSAGE,
                event_key=key,
                tokens=TokenCounts(
                    total_in - cached - written,
                    total_out - reasoning,
                    cached if told[0] else None,
                    written if told[1] else None,
                    None,
                    reasoning if told[2] else None,
                ),
                model=model,
                upstream=self._state.upstream,
                client=self._state.client,
                project=project,
                session=session,
                agent=agent,
            )
        )


def counters(texts: Iterable[bytes]) -> Iterator[int]:
    """Hashes of the distinct counters in a file, as `Counting.seen` has them, and nothing else.

    `texts`: whole lines, many at a time; what is behind the last newline is left out.
    """
    before: Total | None = None
    for text in texts:
        end = 0
        while (found := text.find(_SIGN, end)) >= 0:
            start, end = text.rfind(b"\n", end, found) + 1 or end, text.find(b"\n", found) + 1
            if not end:
                break
            try:
                counter = lines_of.read(text[start : end - 1], COUNTER).payload
            except BadLine:
                continue
            if counter.type == "token_count" and counter.info and counter.info.total_token_usage:
                total = _total(counter.info.total_token_usage)
                if total != before:
                    before = total
                    yield hash(total)


def _total(usage: Usage) -> Total:
    return (
        usage.input_tokens,
        usage.cached_input_tokens or 0,
        usage.cache_write_input_tokens or 0,
        usage.output_tokens,
        usage.reasoning_output_tokens or 0,
    )


def _told(usage: Usage) -> Told:
    return (
        usage.cached_input_tokens is not None,
        usage.cache_write_input_tokens is not None,
        usage.reasoning_output_tokens is not None,
    )


def _step(before: Total | None, total: Total, last: Usage | None) -> Total:
    """What was used between two counters, nothing when only a context was measured."""
    if before is not None and total[0] >= before[0] and total[3] >= before[3]:
        cached, written, reasoning = total[1] - before[1], total[2] - before[2], total[4] - before[4]
        return (
            total[0] - before[0],
            cached if cached > 0 else 0,
            written if written > 0 else 0,
            total[3] - before[3],
            reasoning if reasoning > 0 else 0,
        )
    if last is not None:
        used = _total(last)
        if all(u <= t for u, t in zip(used, total, strict=True)):
            return used
    return total if before is None else ZERO


def _model(counter: lines_of.Counter, info: lines_of.Info) -> str | None:
    model = counter.model or info.model or counter.model_name or info.model_name
    named = counter.metadata or info.metadata
    return model or (named.model if named is not None else None)
