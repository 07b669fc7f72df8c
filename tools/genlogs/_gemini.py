"""Gemini CLI: `.gemini/tmp/<hash>/chats/session-….json` and `.jsonl`, with their traps."""

from __future__ import annotations

import datetime as dt
import json
import random
from hashlib import sha256
from typing import NamedTuple

from tools.genlogs._agent import Agent, Job
from tools.genlogs._claude_tools import COMMANDS, FILES
from tools.genlogs._pool import WORDS, base62, iso, lognormal, uuid4
from tools.genlogs._truth import Truth, usage

MODELS = ("gemini-3-pro-preview", "gemini-2.5-flash", "gemini-2.5-pro")
CALLS = {
    "run_shell_command": 30,
    "read_file": 25,
    "replace": 20,
    "write_file": 6,
    "google_web_search": 3,
    "mcp_github_list_issues": 14,
}
"""Tool -> how often it is called in the rich flavour."""
FAILURE = 0.05


class Call(NamedTuple):
    """A tool call as it is written."""

    name: str
    args: str
    """JSON."""
    status: str


class PlainTools:
    """Always the same command, always going well."""

    def call(self, call_id: str) -> Call:
        return Call("run_shell_command", '{"command":"ls"}', "success")


class RichTools(PlainTools):
    """Commands, edits of files of many languages, an MCP server, a failure now and then.

    Draws from its own generator, and notes every call in the truth.
    """

    def __init__(self, seed: str, truth: Truth) -> None:
        self._rng = random.Random(seed)
        self._truth = truth

    def call(self, call_id: str) -> Call:
        own = self._rng
        name = own.choices(list(CALLS), list(CALLS.values()))[0]
        failed = own.random() < FAILURE
        self._truth.tool(call_id, name)
        if failed:
            self._truth.tool_failed(call_id)
        return Call(name, json.dumps(self._args(name)), "error" if failed else "success")

    def _args(self, name: str) -> dict[str, str]:
        own = self._rng
        if name == "run_shell_command":
            return {"command": own.choice(COMMANDS)}
        if name == "google_web_search" or name.startswith("mcp_"):
            return {"query": own.choice(WORDS)}
        args = {"file_path": own.choice(FILES)}
        if name == "replace":
            args["old_string"] = "\n".join(own.sample(WORDS, own.randint(1, 9)))
            args["new_string"] = "\n".join(own.sample(WORDS, own.randint(1, 14)))
        elif name == "write_file":
            args["content"] = "\n".join(own.sample(WORDS, own.randint(3, 30)))
        return args


class Gemini(Agent):
    def __init__(self, job: Job) -> None:
        super().__init__(job)
        if job.until is None:
            self.margin_ms = 600_000
        rich = job.flavour == "rich"
        self.tools: PlainTools = (
            RichTools(f"{job.seed}:{job.agent}:rich", self.truth) if rich else PlainTools()
        )

    def session(self) -> None:
        rng = self.rng
        ms = start_ms = self.start()
        project = sha256(rng.choice(self.projects).encode()).hexdigest()
        session = uuid4(rng)
        is_log = rng.random() < 0.4
        lines: list[str] = []
        context = 8000
        for _ in range(lognormal(rng, 8, 0.8, 1, 80)):
            if self.is_over(ms):
                break
            lines.append(self._prompt(ms))
            for _ in range(rng.randint(1, 5)):
                if self.must_stop(ms):
                    break
                ms += rng.randint(1500, 30_000)
                context = self._answer(lines, session, context, ms, is_log)
            ms += lognormal(rng, 40_000, 1.2, 2000, 2_000_000)
            if self.job.until is not None:
                ms = min(ms, self.end_ms)
            if is_log:
                lines.append(f'{{"$set":{{"lastUpdated":"{iso(ms)}"}}}}')
        self._file(project, session, lines, start_ms, ms, is_log)

    def _prompt(self, ms: int) -> str:
        message = uuid4(self.rng)
        text = self.pool.sentence(self.rng)
        return f'{{"id":"{message}","timestamp":"{iso(ms)}","type":"user","content":[{{"text":"{text}"}}]}}'

    def _answer(self, lines: list[str], session: str, context: int, ms: int, is_log: bool) -> int:
        """A model answer that calls a tool, in a log now and then twice; returns how long the context is."""
        rng = self.rng
        given = context + lognormal(rng, 700, 1.1, 10, 20_000)
        cached = int(context * rng.choice([0, 0.6, 0.95]))
        output = lognormal(rng, 200, 1.2, 3, 8000)
        thoughts = int(output * rng.choice([0, 0.5, 2]))
        tool = rng.choice([0, 0, 0, 37])
        message, model = uuid4(rng), rng.choice(MODELS)
        text, call_id = self.pool.sentence(rng), f"run_shell-{base62(rng, 8)}"
        result = self.pool.text(rng, self.output_size())
        call = self.tools.call(call_id)
        line = (
            f'{{"id":"{message}","timestamp":"{iso(ms)}","type":"gemini","content":"{text}","thoughts":[],'
            f'"toolCalls":[{{"id":"{call_id}","name":"{call.name}","args":{call.args},'
            f'"result":[{{"functionResponse":{{"response":{{"output":"{result}"}}}}}}],'
            f'"status":"{call.status}"}}],"tokens":{{"input":{given},"output":{output},"cached":{cached},'
            f'"thoughts":{thoughts},"tool":{tool},"total":{given + output + thoughts + tool}}},'
            f'"model":"{model}"}}'
        )
        counts = usage(fresh=given - cached + tool, output=output, reasoning=thoughts, read=cached)
        if is_log and rng.random() < 0.4:
            # Written again when the tool call ends.
            lines.append(line)
            self.truth.see(message, counts, ms, model, session)
            self.truth.trap("jsonl_message_written_twice")
        lines.append(line)
        self.truth.see(message, counts, ms, model, session)
        return min(given + output, 400_000)

    def _file(
        self, project: str, session: str, messages: list[str], start_ms: int, ms: int, is_log: bool
    ) -> None:
        day = dt.datetime.fromtimestamp(start_ms / 1000, dt.UTC)
        name = f".gemini/tmp/{project}/chats/session-{day:%Y-%m-%dT%H-%M}-{session[:8]}"
        head = (
            f'{{"sessionId":"{session}","projectHash":"{project}","startTime":"{iso(start_ms)}",'
            f'"lastUpdated":"{iso(ms)}"'
        )
        if is_log:
            self.write(f"{name}.jsonl", [f'{head},"kind":"main"}}', *messages], ms)
        else:
            self.write(f"{name}.json", [f'{head},"messages":[' + ",\n".join(messages) + "]}"], ms, end="")
        prompts = f".gemini/tmp/{project}/logs.json"
        if not (self.job.home / prompts).exists():
            hi = {"sessionId": session, "messageId": 0, "type": "user", "message": "hi"}
            self.write(prompts, [json.dumps([hi | {"timestamp": iso(start_ms)}])], ms, end="")
