"""Claude Code: `.claude/projects/<folder>/<session>.jsonl` and sub-agents' files, with their traps."""

from __future__ import annotations

import dataclasses

from tools.genlogs._agent import Agent, Job
from tools.genlogs._claude_lines import (
    MODELS,
    SMALL,
    Thread,
    Written,
    answer_line,
    compact_line,
    envelope,
    error_line,
    queue_line,
    snapshot_line,
    summary_line,
    usage_json,
    user_line,
)
from tools.genlogs._claude_tools import PlainTools, RichTools, account_file
from tools.genlogs._pool import base62, lognormal, uuid4
from tools.genlogs._truth import Usage, nothing, total, usage

GARBAGE = '{"type":"assistant","message":{"usage":{"input_tokens":99999'
HOUR_MS = 3600_000


class Claude(Agent):
    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.is_rich = job.flavour == "rich"
        """Also: the small model has no fast mode there."""
        own = f"{job.seed}:{job.agent}:rich"
        self.tools: PlainTools = RichTools(own, self.truth) if self.is_rich else PlainTools()

    def prepare(self) -> None:
        if self.is_rich:
            first_ms = self.end_ms - self.job.days * 24 * HOUR_MS
            self.write(".claude.json", account_file(self.job.seed, first_ms), self.end_ms)

    def session(self) -> None:
        rng = self.rng
        ms = self.start()
        thread, is_new = self._thread()
        lines: list[str] = []
        log: list[Written] = []
        if not is_new:
            lines.append(summary_line(rng, self.pool))
        lines.append(queue_line(thread, ms))
        ms = self._turns(thread, lines, log, ms, lognormal(rng, 7 * self.pace, 0.9, 1, 70))
        if rng.random() < 0.10 and ms < self.end_ms - 30 * HOUR_MS:
            ms += rng.randint(9, 20) * HOUR_MS
            ms = self._turns(thread, lines, log, ms, rng.randint(1, 8))
            self.truth.trap("sessions_over_two_days")
        if rng.random() < 0.05 and len(log) > 8 and not self.must_stop(ms):
            ms = self._aside(thread, log, ms)
        tail = self._cut_line(thread, ms) if rng.random() < 0.06 else ""
        self.write(f".claude/projects/{thread.folder}/{thread.session}.jsonl", lines, ms, tail)
        if rng.random() < 0.12 and len(log) > 4 and ms < self.end_ms - 40 * HOUR_MS:
            self._resume(thread, lines, log, ms)

    def _thread(self) -> tuple[Thread, bool]:
        """A new conversation, and whether a recent version writes it."""
        rng = self.rng
        cwd = rng.choice(self.projects)
        is_new = rng.random() < 0.7
        session = uuid4(rng)
        version = (
            f"2.1.{rng.randint(5, 90)}" if is_new else f"{rng.choice(['1.0', '2.0'])}.{rng.randint(1, 90)}"
        )
        thread = Thread(
            cwd=cwd,
            folder="".join(c if c.isalnum() and c.isascii() else "-" for c in cwd),
            session=session,
            truth_session=session,
            version=version,
            branch=rng.choice(["main", "feat/日本語", "fix-1234"]),
            context=rng.randint(11_000, 22_000),
            splits_writes=is_new or rng.random() < 0.5,
            model=rng.choices(list(MODELS), list(MODELS.values()))[0],
            bedrock=rng.random() < 0.04,
            gateway=rng.random() < 0.01,
            progress=not is_new and rng.random() < 0.7,
        )
        thread.one_hour = thread.splits_writes and rng.random() < 0.6
        if is_new:
            fast = thread.model == "claude-opus-4-6" and rng.random() < 0.2
            thread.speed = "fast" if fast else "standard"
        return thread, is_new

    def _cut_line(self, thread: Thread, ms: int) -> str:
        """A last line that was being written when the tool was killed."""
        rng = self.rng
        self.truth.trap("truncated_last_lines")
        line = answer_line(
            rng,
            dataclasses.replace(thread),
            ms,
            model=thread.model,
            message_id="msg_01" + base62(rng, 22),
            request_id="req_011C" + base62(rng, 20),
            content=f'{{"type":"text","text":"{self.pool.text(rng, 3000)}"}}',
            usage=usage_json(dict.fromkeys(nothing(), 7), thread),
        )
        return line[: rng.randint(100, len(line) - 2)]

    def _turns(self, thread: Thread, lines: list[str], log: list[Written], ms: int, count: int) -> int:
        """So many requests of a person and all that follows from them; returns when they ended."""
        rng = self.rng
        for _ in range(count):
            if self.is_over(ms):
                break
            lines.append(user_line(rng, thread, ms, f'"{self.pool.sentence(rng, 3, 60)}"'))
            if rng.random() < 0.01:
                self.truth.trap("synthetic_api_error_lines")
                lines.append(error_line(rng, thread, ms + 300))
            start = ms
            for _ in range(lognormal(rng, 5, 0.8, 1, 60)):
                if self.must_stop(ms):
                    break
                ms = start = self._step(thread, lines, log, ms, start)
            ms, _ = self._answer(thread, lines, log, ms, start, tool=None)
            if rng.random() < 0.1:
                lines.append(snapshot_line(rng, ms))
            if rng.random() < 0.04:
                lines.append(compact_line(rng, thread, ms))
                thread.context = rng.randint(12_000, 30_000)
            ms += lognormal(rng, 50_000, 1.3, 2000, HOUR_MS)
        return ms

    def _step(self, thread: Thread, lines: list[str], log: list[Written], ms: int, start: int) -> int:
        """One answer that calls a tool, and what the tool gave back."""
        rng = self.rng
        spawns = self.tools.spawns(room=ms < self.end_ms - 25 * 60_000)
        ms, call = self._answer(thread, lines, log, ms, start, tool="Task" if spawns else "any")
        ms += lognormal(rng, 900, 1.3, 30, 240_000)
        if rng.random() < 0.025 if spawns is None else spawns:
            ms, agent, final = self._subagent(thread, ms, lines)
            extra = (
                f'"toolUseResult":{{"status":"completed","agentId":"{agent}","totalDurationMs":61000,'
                f'"totalTokens":{total(final)},"totalToolUseCount":4,"usage":{usage_json(final, thread)}}},'
            )
            self.truth.trap("tool_results_with_usage_object")
            done = (
                f'[{{"tool_use_id":"{call}","type":"tool_result",'
                f'"content":[{{"type":"text","text":"done\\nagentId: {agent}"}}]}}]'
            )
            lines.append(user_line(rng, thread, ms, done, extra))
        else:
            lines.append(self._tool_result(thread, ms, call))
        if rng.random() < 0.0015:
            lines.append("\x00" * rng.randint(3, 600) if rng.random() < 0.5 else GARBAGE)
            self.truth.trap("garbage_lines_in_the_middle")
        return ms

    def _answer(
        self,
        thread: Thread,
        lines: list[str],
        log: list[Written] | None,
        ms: int,
        start_ms: int,
        *,
        tool: str | None,
    ) -> tuple[int, str]:
        """One model answer: 1 to 4 lines with the same message id; returns its end and the tool call's id."""
        rng = self.rng
        is_small = rng.random() < 0.08 and not (self.is_rich and thread.speed == "fast")
        model = SMALL if is_small else thread.model
        message_id: str | None = ("msg_bdrk_" if thread.bedrock else "msg_01") + base62(rng, 22)
        request_id = None if thread.bedrock else "req_011C" + base62(rng, 20)
        counts = self._counts(thread)
        blocks, call = self._blocks(thread, tool)
        key = f"{message_id}|{request_id or ''}"
        if thread.gateway:
            message_id, request_id = "msg_relay", None
            key = f"relay:{rng.getrandbits(64):x}"
            self.truth.trap("relay_answers_with_one_constant_message_id")
        is_final_at_once = rng.random() < 0.15
        first: Usage | None = None
        for i, block in enumerate(blocks):
            is_last = i == len(blocks) - 1
            seen = dict(counts)
            if not is_last and not is_final_at_once:
                part = rng.randint(1, 8) + (counts["output"] * i) // (len(blocks) + 1)
                seen["output"] = min(counts["output"], part)
            first = first or seen
            ms += rng.randint(40, 900) if i else rng.randint(900, 14_000)
            line = answer_line(
                rng,
                thread,
                ms,
                model=model,
                message_id=message_id,
                request_id=request_id,
                content=block,
                usage=usage_json(seen, thread),
                stop=('"tool_use"' if tool else '"end_turn"') if is_last else "null",
            )
            lines.append(line)
            self.truth.see(key, seen, ms, thread.shown(model), thread.truth_session, start_ms)
            if i:
                self.truth.trap("streaming_duplicate_lines")
            if log is not None:
                log.append(Written(line, key, seen, first, ms, model, message_id, request_id))
        if rng.random() < 0.0006:
            ms += 5
            self._answer_without_id(thread, lines, ms, start_ms, model, counts)
        return ms, call

    def _answer_without_id(
        self, thread: Thread, lines: list[str], ms: int, start_ms: int, model: str, counts: Usage
    ) -> None:
        self.truth.trap("message_without_id")
        key = f"noid:{len(self.truth.messages)}"
        content = '{"type":"text","text":"proxy answer"}'
        lines.append(
            answer_line(
                self.rng,
                thread,
                ms,
                model=model,
                message_id=None,
                request_id=None,
                content=content,
                usage=usage_json(counts, thread),
            )
        )
        self.truth.see(key, counts, ms, thread.shown(model), thread.truth_session, start_ms)

    def _counts(self, thread: Thread) -> Usage:
        """What an answer uses; the conversation grows by it."""
        rng = self.rng
        written = lognormal(rng, 900, 1.1, 20, 60_000)
        output = lognormal(rng, 260, 1.2, 3, 16_000)
        counts = usage(fresh=rng.choice([1, 3, 4, 6, 8, 10, 12]), output=output, read=thread.context)
        counts["cache_write_1h" if thread.one_hour else "cache_write_5m"] = written
        if thread.splits_writes and not thread.one_hour and rng.random() < 0.03:
            counts["cache_write_1h"] = written // 3
            counts["cache_write_5m"] = written - written // 3
        thread.context = min(190_000, thread.context + written + output // 2)
        return counts

    def _blocks(self, thread: Thread, tool: str | None) -> tuple[list[str], str]:
        """The content blocks of an answer, one a line, and the id of its tool call."""
        rng = self.rng
        blocks = []
        if rng.random() < 0.35:
            thought = self.pool.sentence(rng, 20, 90)
            signature = base62(rng, 40) * rng.randint(4, 14)
            blocks.append(f'{{"type":"thinking","thinking":"{thought}","signature":"{signature}"}}')
        if rng.random() < 0.6 or not tool:
            text = self.pool.sentence(rng, 6, 60)
            if rng.random() < 0.002:
                text += "\\ud83d cut emoji"
                self.truth.trap("lone_surrogate_in_assistant_text")
            blocks.append(f'{{"type":"text","text":"{text}"}}')
        call = ""
        if tool:
            call = "toolu_01" + base62(rng, 22)
            name, given = self.tools.call(rng, self.pool, thread.cwd, call, tool)
            blocks.append(f'{{"type":"tool_use","id":"{call}","name":"{name}","input":{given}}}')
        return blocks, call

    def _tool_result(self, thread: Thread, ms: int, call: str) -> str:
        rng = self.rng
        chance = rng.random()
        extra = ""
        if chance < 0.004:
            length = rng.randint(60_000, 290_000)
            body = (
                '[{"type":"image","source":{"type":"base64","media_type":"image/png",'
                f'"data":"{self.pool.base64[:length]}"}}}}]'
            )
            self.truth.trap("base64_image_lines")
        else:
            text = self.pool.text(rng, self.output_size())
            if rng.random() < 0.003:
                text += "\\ud83d"
                self.truth.trap("lone_surrogate_in_tool_result")
            body = f'"{text}"'
            if chance < 0.5:
                extra = f'"toolUseResult":{{"stdout":"{text}","stderr":"","interrupted":false}},'
        failed = "true" if self.tools.fails(call) else "false"
        content = f'[{{"tool_use_id":"{call}","type":"tool_result","content":{body},"is_error":{failed}}}]'
        return user_line(rng, thread, ms, content, extra)

    def _subagent(self, parent: Thread, ms: int, parent_lines: list[str]) -> tuple[int, str, Usage]:
        """A sub-agent's own file; returns when it ended, its id and its last usage."""
        rng = self.rng
        agent = f"{rng.getrandbits(64):016x}"
        thread = dataclasses.replace(
            parent,
            sidechain=True,
            agent=agent,
            parent=None,
            context=rng.randint(3000, 14_000),
            one_hour=False,
            model=rng.choice([parent.model, SMALL]),
        )
        lines = [user_line(rng, thread, ms, f'"{self.pool.sentence(rng, 20, 80)}"')]
        if self.is_rich and thread.model == SMALL and thread.speed:
            thread.speed = "standard"
        log: list[Written] = []
        for _ in range(rng.randint(2, 14)):
            ms, call = self._answer(thread, lines, log, ms, ms, tool="any")
            ms += rng.randint(100, 8000)
            lines.append(self._tool_result(thread, ms, call))
        ms, _ = self._answer(thread, lines, log, ms, ms, tool=None)
        base = f".claude/projects/{parent.folder}/{parent.session}/subagents/agent-{agent}"
        self.write(base + ".jsonl", lines, ms)
        if rng.random() < 0.7:
            kind = rng.choice(["Explore", "general-purpose", "Plan"])
            self.write(base + ".meta.json", [f'{{"agentType":"{kind}"}}'], ms, end="")
        self.truth.trap("subagent_files")
        if parent.progress:
            self._progress(parent, parent_lines, agent, log)
        return ms, agent, log[-1].usage

    def _progress(self, parent: Thread, parent_lines: list[str], agent: str, log: list[Written]) -> None:
        """Old versions repeat a sub-agent's answers in the parent's file."""
        for made in log:
            extra = f'"toolUseID":"agent_{made.message_id}",'
            before, after = envelope(self.rng, parent, "progress", made.ms, extra)
            parent_lines.append(
                f'{before}"data":{{"type":"agent_progress","agentId":"{agent}","message":{made.line}}},{after}'
            )
            self.truth.see(made.key, made.usage, made.ms, parent.shown(made.model), parent.truth_session)
            self.truth.trap("agent_progress_copies")

    def _aside(self, parent: Thread, log: list[Written], ms: int) -> int:
        """`/btw`: a sidechain file that replays the parent's messages under new request ids."""
        rng = self.rng
        agent = f"aside_question-{rng.getrandbits(64):016x}"
        thread = dataclasses.replace(parent, sidechain=True, agent=agent, parent=None)
        lines = []
        for made in log[-rng.randint(3, 8) :]:
            lines.append(
                answer_line(
                    rng,
                    thread,
                    made.ms,
                    model=made.model,
                    message_id=made.message_id,
                    request_id="req_011C" + base62(rng, 20),
                    content='{"type":"text","text":"replayed"}',
                    usage=usage_json(made.usage, thread),
                )
            )
            self.truth.see(made.key, made.usage, made.ms, parent.shown(made.model), parent.truth_session)
            self.truth.trap("aside_replayed_lines_new_request_id")
        ms += 4000
        lines.append(user_line(rng, thread, ms, f'"{self.pool.sentence(rng)}"'))
        ms, _ = self._answer(thread, lines, None, ms, ms, tool=None)
        self.write(
            f".claude/projects/{parent.folder}/{parent.session}/subagents/agent-{agent}.jsonl", lines, ms
        )
        self.truth.trap("aside_files")
        return ms

    def _resume(self, old: Thread, lines: list[str], log: list[Written], ms: int) -> None:
        """A resumed or forked session: a new file that starts with copies of the old lines."""
        rng = self.rng
        session = uuid4(rng)
        keep = rng.randint(len(lines) // 2, len(lines))
        by_line = {id(made.line): made for made in log}
        copied = []
        for line in lines[:keep]:
            made = by_line.get(id(line))
            if made is not None:
                line = self._copy(old, line, made)
            elif '"type":"agent_progress"' in line[:2000]:
                continue
            elif '"text":"proxy answer"' in line:
                self.truth.trap("message_without_id_copied")
            copied.append(line.replace(f'"sessionId":"{old.session}"', f'"sessionId":"{session}"'))
        thread = dataclasses.replace(old, session=session, truth_session=session, progress=False)
        ms += rng.randint(600, 30 * 3600) * 1000
        ms = self._turns(thread, copied, [], ms, rng.randint(1, 10))
        self.write(f".claude/projects/{old.folder}/{session}.jsonl", copied, ms)
        self.truth.trap("resumed_files")

    def _copy(self, old: Thread, line: str, made: Written) -> str:
        """A usage line as it is copied: now and then with the early, partial usage."""
        seen = made.usage
        if self.rng.random() < 0.1:
            line = line.replace(usage_json(seen, old), usage_json(made.first, old))
            seen = made.first
            self.truth.trap("copied_lines_with_partial_usage")
        self.truth.see(made.key, seen, made.ms, old.shown(made.model), old.truth_session)
        self.truth.trap("copied_usage_lines")
        return line
