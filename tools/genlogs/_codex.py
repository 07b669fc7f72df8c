"""Codex: `.codex/sessions/YYYY/MM/DD/rollout-….jsonl` and `.codex/archived_sessions`, with their traps."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from typing import NamedTuple

from tools.genlogs._agent import Agent, Job
from tools.genlogs._codex_tools import PlainTools, RichTools
from tools.genlogs._pool import base62, iso, lognormal, uuid7
from tools.genlogs._truth import usage

MODELS = ("gpt-5.2-codex", "gpt-5.3-codex", "gpt-5.2", "gpt-5.1-codex-max")
Counts = tuple[int, int, int, int]
"""Input with cached, cached, output with reasoning, reasoning: as Codex counts."""


class Step(NamedTuple):
    """One model answer, kept for those who replay it."""

    total: Counts
    last: Counts
    key: tuple[str, Counts]
    model: str
    ms: int


@dataclasses.dataclass
class Thread:
    """A conversation that lines are being written for."""

    session: str
    cwd: str
    model: str
    context: int
    total: Counts = (0, 0, 0, 0)


class Codex(Agent):
    def __init__(self, job: Job) -> None:
        super().__init__(job)
        rich = job.flavour == "rich"
        self.tools: PlainTools = (
            RichTools(f"{job.seed}:{job.agent}:rich", self.truth) if rich else PlainTools()
        )

    def session(self) -> None:
        rng = self.rng
        ms = start_ms = self.start()
        thread = Thread(
            session=uuid7(rng, ms),
            cwd=rng.choice(self.projects),
            model=rng.choice(MODELS),
            context=rng.randint(7000, 12_000),
        )
        steps: list[Step] = []
        lines = [self._meta(ms, thread.session, thread.cwd)]
        ms = self._turns(thread, lines, steps, ms, lognormal(rng, 8 * self.pace, 0.9, 1, 50))
        archived = rng.random() < 0.1
        self.truth.trap("archived_sessions", int(archived))
        tail = ""
        if rng.random() < 0.05 and steps:
            tail = self._token_count(ms, steps[-1].total, steps[-1].last)[: -rng.randint(30, 300)]
            self.truth.trap("truncated_last_lines")
        self.write(self._path(start_ms, thread.session, archived), lines, ms, tail)
        if len(steps) > 3 and ms < self.end_ms - 7200_000:
            chance = rng.random()
            if chance < 0.08:
                self._child(thread, steps, ms, "subagent")
            elif chance < 0.13:
                self._child(thread, steps, ms, "fork")

    @staticmethod
    def _path(ms: int, session: str, archived: bool) -> str:
        day = dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
        name = f"rollout-{day:%Y-%m-%dT%H-%M-%S}-{session}.jsonl"
        return f".codex/archived_sessions/{name}" if archived else f".codex/sessions/{day:%Y/%m/%d}/{name}"

    def _child(self, parent: Thread, steps: list[Step], ms: int, kind: str) -> None:
        """A spawned thread or a person's fork: replays the parent's counts at its own birth second."""
        rng = self.rng
        ms = ms - ms % 1000 + 1000
        session = uuid7(rng, ms)
        source = '"vscode"'
        if kind == "subagent":
            source = (
                f'{{"subagent":{{"thread_spawn":{{"parent_thread_id":"{parent.session}","depth":1,'
                '"agent_nickname":"Popper","agent_role":"worker"}}}'
            )
        by = "subagent" if kind == "subagent" else "user"
        extra = f'"forked_from_id":"{parent.session}","thread_source":"{by}",'
        lines = [
            self._meta(ms, session, parent.cwd, extra, source),
            self._meta(ms + 2, parent.session, parent.cwd),
        ]
        for i, step in enumerate(steps):
            if i == 0:
                lines.append(self._turn_context(ms + 3, parent.cwd, step.model))
            lines.append(self._token_count(ms + 4 + min(i, 900), step.total, step.last))
            self._see(step.key, step.last, step.ms, step.model, parent.session)
            self.truth.trap(f"{kind}_replayed_token_counts")
        # The replayed context keeps the parent's older turn id.
        old = uuid7(rng, steps[0].ms)
        lines[2] = self._event(
            ms + 3,
            "turn_context",
            f'{{"turn_id":"{old}","cwd":"{parent.cwd}","approval_policy":"on-request",'
            f'"model":"{steps[0].model}","effort":"high"}}',
        )
        thread = dataclasses.replace(parent, session=session, total=steps[-1].total)
        end = self._turns(thread, lines, [], ms + 2000, rng.randint(1, 4))
        self.write(self._path(ms, session, False), lines, end)
        self.truth.trap(kind + "_files")

    def _turns(self, thread: Thread, lines: list[str], steps: list[Step], ms: int, count: int) -> int:
        """So many requests of a person and all that follows from them; returns when they ended."""
        rng = self.rng
        for _ in range(count):
            if self.is_over(ms):
                break
            if rng.random() < 0.08:
                thread.model = rng.choice(MODELS)
            self._asked(thread, lines, ms)
            for _ in range(lognormal(rng, 7, 0.8, 1, 60)):
                if self.must_stop(ms):
                    break
                ms = self._step(thread, lines, steps, ms)
            text = self.pool.sentence(rng, 10, 120)
            lines.append(self._event(ms, "event_msg", f'{{"type":"agent_message","message":"{text}"}}'))
            lines.append(self._message(ms, "assistant", "output_text", text))
            if rng.random() < 0.03:
                summary = self.pool.sentence(rng, 30, 90)
                lines.append(self._event(ms, "compacted", f'{{"message":"{summary}"}}'))
                thread.context = rng.randint(9000, 20_000)
            ms += lognormal(rng, 60_000, 1.2, 3000, 3_600_000)
        return ms

    def _asked(self, thread: Thread, lines: list[str], ms: int) -> None:
        """What is written when a person sends a request."""
        rng = self.rng
        turn = uuid7(rng, ms)
        started = (
            f'{{"type":"task_started","turn_id":"{turn}","started_at":{ms // 1000},'
            '"model_context_window":258400}'
        )
        lines.append(self._event(ms, "event_msg", started))
        lines.append(self._turn_context(ms + 5, thread.cwd, thread.model))
        text = self.pool.sentence(rng, 3, 50)
        lines.append(self._message(ms + 8, "user", "input_text", text))
        lines.append(
            self._event(ms + 9, "event_msg", f'{{"type":"user_message","message":"{text}","images":[]}}')
        )
        if rng.random() < 0.3:
            nothing = f'{{"type":"token_count","info":null,"rate_limits":{self._limits(ms)}}}'
            lines.append(self._event(ms + 30, "event_msg", nothing))
            self.truth.trap("token_count_info_null")

    def _step(self, thread: Thread, lines: list[str], steps: list[Step], ms: int) -> int:
        """One model answer that calls a tool, its counters, and what the tool gave back."""
        rng = self.rng
        ms += rng.randint(900, 25_000)
        last = self._counts(thread)
        thought = base62(rng, 60) * rng.randint(6, 40)
        reasoning = f'{{"type":"reasoning","summary":[],"content":null,"encrypted_content":"gAAAA{thought}"}}'
        lines.append(self._event(ms - 300, "response_item", reasoning))
        call = "call_" + base62(rng, 24)
        lines.append(self._event(ms, "response_item", self.tools.call(rng, self.pool, call)))
        a, b = thread.total, last
        thread.total = (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3])
        ms += rng.randint(5, 90)
        lines.append(self._token_count(ms, thread.total, last))
        key = (thread.session, thread.total)
        self._see(key, last, ms, thread.model, thread.session)
        steps.append(Step(thread.total, last, key, thread.model, ms))
        if rng.random() < 0.15:
            # The same counters once more: a refresh of the limits.
            ms += rng.randint(20, 4000)
            lines.append(self._token_count(ms, thread.total, last))
            self._see(key, last, ms, thread.model, thread.session)
            self.truth.trap("repeated_token_count_same_total")
        ms += lognormal(rng, 500, 1.4, 20, 200_000)
        text = self.pool.text(rng, lognormal(rng, 4200, 1.4, 80, 300_000))
        lines.append(self._event(ms, "response_item", self.tools.output(call, text)))
        return ms

    def _counts(self, thread: Thread) -> Counts:
        """What an answer uses; the conversation grows by it."""
        rng = self.rng
        output = lognormal(rng, 240, 1.2, 6, 12_000)
        reasoning = int(output * rng.choice([0, 0.2, 0.5, 0.8]))
        given = thread.context + lognormal(rng, 900, 1.1, 20, 30_000)
        cached = (thread.context // 128) * 128 if rng.random() < 0.93 else 0
        thread.context = given if given < 230_000 else rng.randint(15_000, 40_000)
        return given, cached, output, reasoning

    def _see(self, key: tuple[str, Counts], last: Counts, ms: int, model: str, session: str) -> None:
        given, cached, output, reasoning = last
        counts = usage(fresh=given - cached, output=output - reasoning, reasoning=reasoning, read=cached)
        self.truth.see(key, counts, ms, model, session)

    def _event(self, ms: int, kind: str, payload: str) -> str:
        return f'{{"timestamp":"{iso(ms)}","type":"{kind}","payload":{payload}}}'

    def _message(self, ms: int, role: str, kind: str, text: str) -> str:
        payload = f'{{"type":"message","role":"{role}","content":[{{"type":"{kind}","text":"{text}"}}]}}'
        return self._event(ms, "response_item", payload)

    def _token_count(self, ms: int, total: Counts, last: Counts) -> str:
        info = (
            f'{{"total_token_usage":{_counts_json(total)},"last_token_usage":{_counts_json(last)},'
            '"model_context_window":258400}'
        )
        payload = f'{{"type":"token_count","info":{info},"rate_limits":{self._limits(ms)}}}'
        return self._event(ms, "event_msg", payload)

    def _limits(self, ms: int) -> str:
        """The vendor's own reading of the plan's limits. Any numbers in `plain`, a rising share in `rich`."""
        if self.job.flavour == "rich":
            five, week = _window(ms, 5, self.job.seed), _window(ms, 168, self.job.seed)
        else:
            percent = self.rng.randint(0, 99)
            five, week = (percent, ms // 1000 + 9000), (percent // 3, ms // 1000 + 400_000)
        return (
            f'{{"limit_id":"codex","primary":{{"used_percent":{five[0]}.0,"window_minutes":300,'
            f'"resets_at":{five[1]}}},"secondary":{{"used_percent":{week[0]}.0,"window_minutes":10080,'
            f'"resets_at":{week[1]}}},"credits":{{"has_credits":false,"unlimited":false,"balance":null}},'
            '"plan_type":"pro"}'
        )

    def _meta(self, ms: int, session: str, cwd: str, extra: str = "", source: str = '"cli"') -> str:
        instructions = self.pool.text(self.rng, 9000)
        commit = f"{self.rng.getrandbits(160):040x}"
        return self._event(
            ms,
            "session_meta",
            f'{{"id":"{session}",{extra}"timestamp":"{iso(ms)}","cwd":"{cwd}","originator":"codex_cli_rs",'
            f'"cli_version":"0.98.0","source":{source},"model_provider":"openai",'
            f'"base_instructions":{{"text":"{instructions}"}},"git":{{"commit_hash":"{commit}",'
            '"branch":"main","repository_url":"git@example.com:a/b.git"}}',
        )

    def _turn_context(self, ms: int, cwd: str, model: str) -> str:
        return self._event(
            ms,
            "turn_context",
            f'{{"turn_id":"{uuid7(self.rng, ms)}","cwd":"{cwd}","approval_policy":"on-request",'
            '"sandbox_policy":{"type":"workspace-write","network_access":false},'
            f'"model":"{model}","effort":"high","summary":"auto"}}',
        )


def _counts_json(counts: Counts) -> str:
    given, cached, output, reasoning = counts
    return (
        f'{{"input_tokens":{given},"cached_input_tokens":{cached},"output_tokens":{output},'
        f'"reasoning_output_tokens":{reasoning},"total_tokens":{given + output}}}'
    )


def _window(ms: int, hours: int, seed: int) -> tuple[int, int]:
    """(percent used, reset in epoch seconds) of the limit window that a moment lies in."""
    length = hours * 3600_000
    begin = ms - ms % length
    peak = random.Random(f"{seed}:{hours}:{begin}").uniform(35, 97)
    return int(peak * (ms - begin) / length), (begin + length) // 1000
