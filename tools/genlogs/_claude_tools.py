"""What Claude Code's tool calls hold: little that matters in `plain`, what a dashboard shows in `rich`."""

from __future__ import annotations

import json
import random

from tools.genlogs._pool import Pool, iso, lognormal, uuid4
from tools.genlogs._truth import Truth

FILES = (
    "src/checkout/cart.py",
    "src/checkout/payment.py",
    "tests/test_cart.py",
    "web/src/pages/Basket.tsx",
    "web/src/api/client.ts",
    "web/styles/theme.css",
    "internal/ledger/posting.go",
    "internal/ledger/posting_test.go",
    "crates/ingest/src/lib.rs",
    "app/src/main/java/shop/OrderService.java",
    "db/migrations/0042_orders.sql",
    "deploy/values.yaml",
    "scripts/release.sh",
    "docs/architecture.md",
    "package.json",
)
COMMANDS = (
    "pytest -q tests",
    "go test ./...",
    "cargo clippy",
    "npm run build",
    "git diff --stat",
    "rg -n TODO src",
    "make check",
    "docker compose up -d",
)
CALLS = {
    "Bash": 22,
    "Read": 22,
    "Edit": 18,
    "Grep": 9,
    "Write": 5,
    "MultiEdit": 3,
    "Glob": 4,
    "TodoWrite": 5,
    "WebFetch": 1,
    "mcp__github__list_issues": 3,
    "mcp__github__get_pull_request": 2,
    "mcp__github__create_pull_request": 1,
    "mcp__linear__search_issues": 2,
    "mcp__postgres__query": 3,
    "mcp__playwright__browser_click": 2,
    "mcp__playwright__browser_snapshot": 2,
    "mcp__sentry__get_issue_details": 1,
}
"""Tool -> how often it is called in the rich flavour."""
FAILURES = {"Bash": 0.09, "Edit": 0.05, "MultiEdit": 0.05, "WebFetch": 0.15, "mcp__postgres__query": 0.1}
"""Tool -> how often it fails; 0.015 for the others."""


class PlainTools:
    """Any of four tools with some text, never failing, sub-agents decided elsewhere."""

    def spawns(self, *, room: bool) -> bool | None:
        """Whether the next call starts a sub-agent, `None`: the caller decides later."""
        return None

    def call(self, rng: random.Random, pool: Pool, cwd: str, call: str, tool: str) -> tuple[str, str]:
        """Name and input (JSON) of a call; `tool` is a wish, or `any`."""
        name = rng.choice(["Bash", "Read", "Edit", "Grep"])
        return name, f'{{"command":"{pool.text(rng, lognormal(rng, 120, 1.2, 30, 20_000))}"}}'

    def fails(self, call: str) -> bool:
        """Whether the call ends with an error."""
        return False


class RichTools(PlainTools):
    """Real names and inputs, MCP servers, files of many languages, a failure now and then.

    Draws from its own generator, and notes every call in the truth.
    """

    def __init__(self, seed: str, truth: Truth) -> None:
        self._rng = random.Random(seed)
        self._truth = truth
        self._names: dict[str, str] = {}

    def spawns(self, *, room: bool) -> bool | None:
        return self._rng.random() < 0.025 and room

    def call(self, rng: random.Random, pool: Pool, cwd: str, call: str, tool: str) -> tuple[str, str]:
        own = self._rng
        name = own.choices(list(CALLS), list(CALLS.values()))[0] if tool == "any" else tool
        self._names[call] = name
        self._truth.tool(call, name)
        return name, self._input(name, pool, cwd)

    def fails(self, call: str) -> bool:
        failed = self._rng.random() < FAILURES.get(self._names[call], 0.015)
        if failed:
            self._truth.tool_failed(call)
        return failed

    def _input(self, name: str, pool: Pool, cwd: str) -> str:
        own = self._rng
        path = f"{cwd}/{own.choice(FILES)}"
        if name == "Bash":
            return json.dumps({"command": own.choice(COMMANDS), "description": "Run it"})
        if name == "Edit":
            return f'{{"file_path":"{path}",{self._change(pool)},"replace_all":false}}'
        if name == "MultiEdit":
            edits = ",".join(f"{{{self._change(pool)}}}" for _ in range(own.randint(2, 4)))
            return f'{{"file_path":"{path}","edits":[{edits}]}}'
        if name == "Write":
            content = pool.text(own, lognormal(own, 1500, 0.9, 100, 20_000))
            return f'{{"file_path":"{path}","content":"{content}"}}'
        if name == "Read":
            return json.dumps({"file_path": path, "limit": own.choice([100, 400, 2000])}, ensure_ascii=False)
        if name == "Task":
            kind = own.choice(["Explore", "general-purpose", "Plan"])
            return json.dumps({"description": "Look around", "prompt": "Find it.", "subagent_type": kind})
        if name == "TodoWrite":
            return json.dumps(
                {"todos": [{"content": "Add a test", "status": "pending", "activeForm": "Adding"}]}
            )
        if name.startswith("mcp__"):
            return json.dumps({"query": own.choice(COMMANDS), "limit": own.randint(1, 50)})
        return json.dumps(
            {"pattern": own.choice(["TODO", "def .*", "class "]), "path": cwd}, ensure_ascii=False
        )

    def _change(self, pool: Pool) -> str:
        old, new = (pool.text(self._rng, lognormal(self._rng, 220, 0.9, 30, 4000)) for _ in range(2))
        return f'"old_string":"{old}","new_string":"{new}"'


def account_file(seed: int, first_ms: int) -> list[str]:
    """`.claude.json` of an invented person."""
    rng = random.Random(f"{seed}:account")
    account = {
        "accountUuid": uuid4(rng),
        "emailAddress": "ann@example.com",
        "organizationUuid": uuid4(rng),
        "displayName": "Ann Example",
        "billingType": "stripe_subscription",
        "hasExtraUsageEnabled": False,
        "accountCreatedAt": iso(first_ms),
        "subscriptionCreatedAt": iso(first_ms),
    }
    content = {
        "numStartups": rng.randint(100, 900),
        "installMethod": "native",
        "claudeCodeFirstTokenDate": iso(first_ms),
        "hasAvailableSubscription": False,
        "skillUsage": {"release-notes": {"usageCount": rng.randint(2, 40), "lastUsedAt": first_ms}},
        "oauthAccount": account,
    }
    return [json.dumps(content, indent=2)]
