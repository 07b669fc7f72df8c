"""What Codex's tool calls hold: a search in `plain`, commands, patches and MCP in `rich`."""

from __future__ import annotations

import json
import random

from tools.genlogs._claude_tools import COMMANDS, FILES
from tools.genlogs._pool import WORDS, Pool
from tools.genlogs._truth import Truth

CALLS = {
    "exec_command": 60,
    "apply_patch": 22,
    "update_plan": 6,
    "view_image": 1,
    "mcp__github__list_issues": 4,
    "mcp__linear__search_issues": 2,
    "mcp__postgres__query": 3,
}
"""Tool -> how often it is called in the rich flavour."""
EXIT_CODES = (0,) * 11 + (1, 2)


class PlainTools:
    """Always the same search, always going well."""

    def call(self, rng: random.Random, pool: Pool, call: str) -> str:
        """Payload of a call."""
        arguments = f'{{\\"command\\":\\"rg {rng.choice(WORDS)}\\"}}'
        return (
            f'{{"type":"function_call","name":"shell_command","arguments":"{arguments}","call_id":"{call}"}}'
        )

    def output(self, call: str, text: str) -> str:
        """Payload of what the call gave back; `text` is escaped."""
        return f'{{"type":"function_call_output","call_id":"{call}","output":"{text}"}}'


class RichTools(PlainTools):
    """Commands with exit codes, patches of files of many languages, MCP servers.

    Draws from its own generator, and notes every call in the truth.
    """

    def __init__(self, seed: str, truth: Truth) -> None:
        self._rng = random.Random(seed)
        self._truth = truth
        self._names: dict[str, str] = {}

    def call(self, rng: random.Random, pool: Pool, call: str) -> str:
        own = self._rng
        name = own.choices(list(CALLS), list(CALLS.values()))[0]
        self._names[call] = name
        self._truth.tool(call, name)
        made: dict[str, str] = {"type": "function_call", "name": name}
        if name == "apply_patch":
            made["type"] = "custom_tool_call"
            made["input"] = self._patch()
        elif name == "exec_command":
            made["arguments"] = json.dumps({"cmd": own.choice(COMMANDS)})
        elif name == "update_plan":
            made["arguments"] = json.dumps({"plan": [{"step": "Write the test", "status": "in_progress"}]})
        elif name == "view_image":
            made["arguments"] = json.dumps({"path": "shot.png"})
        else:
            made["arguments"] = json.dumps({"query": own.choice(WORDS), "limit": own.randint(1, 50)})
        return json.dumps(made | {"call_id": call}, ensure_ascii=False, separators=(",", ":"))

    def output(self, call: str, text: str) -> str:
        name = self._names[call]
        code = self._rng.choice(EXIT_CODES) if name in ("exec_command", "apply_patch") else 0
        if code:
            self._truth.tool_failed(call)
        if name == "exec_command":
            shown = (
                f"Chunk ID: 1\\nWall time: 0.4 seconds\\nProcess exited with code {code}\\nOutput:\\n{text}"
            )
            return super().output(call, shown)
        if name == "apply_patch":
            done = "Success. Updated the following files:" if not code else "apply_patch verification failed"
            result = json.dumps({"output": done, "metadata": {"exit_code": code, "duration_seconds": 0.1}})
            return json.dumps({"type": "custom_tool_call_output", "call_id": call, "output": result})
        return super().output(call, text)

    def _patch(self) -> str:
        own = self._rng
        path = own.choice(FILES)
        if own.random() < 0.2:
            body = [f"*** Add File: {path}", *(f"+{w}" for w in own.sample(WORDS, own.randint(3, 30)))]
        else:
            added, removed = own.sample(WORDS, own.randint(1, 14)), own.sample(WORDS, own.randint(0, 9))
            body = [f"*** Update File: {path}", "@@", " kept", *(f"-{w}" for w in removed)]
            body += [f"+{w}" for w in added]
        return "\n".join(["*** Begin Patch", *body, "*** End Patch", ""])
