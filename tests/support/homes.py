"""Small homes with logs as the tools write them."""

from __future__ import annotations

import json
from pathlib import Path


def claude_line(
    message: str, *, at: str, output: int = 100, model: str = "claude-sonnet-4-5-20250929"
) -> str:
    """One assistant line of a Claude Code transcript."""
    return json.dumps(
        {
            "type": "assistant",
            "timestamp": at,
            "sessionId": "5e551011-0000-4000-8000-000000000001",
            "uuid": f"uuid-{message}",
            "requestId": f"req_{message}",
            "cwd": "/home/ann/shop",
            "version": "2.1.70",
            "message": {
                "id": f"msg_{message}",
                "model": model,
                "role": "assistant",
                "content": [{"type": "text", "text": "a secret sentence"}],
                "usage": {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 1000},
            },
        }
    )


def claude_file(home: Path) -> Path:
    file = home / ".claude/projects/-home-ann-shop/5e551011-0000-4000-8000-000000000001.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def write_claude(home: Path, *lines: str) -> Path:
    """Append whole lines to the home's only transcript."""
    file = claude_file(home)
    with file.open("a") as f:
        f.writelines(line + "\n" for line in lines)
    return file


def write_codex(home: Path, *, at: str, total: int = 1200) -> Path:
    """A Codex rollout with one answer."""
    thread = "01990000-0000-7000-8000-000000000001"
    day = at[:10].replace("-", "/")
    file = home / f".codex/sessions/{day}/rollout-{at[:10]}T10-00-00-{thread}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    usage = {
        "input_tokens": total - 200,
        "cached_input_tokens": 500,
        "output_tokens": 200,
        "reasoning_output_tokens": 50,
        "total_tokens": total,
    }
    lines = [
        (
            "session_meta",
            {"id": thread, "cwd": "/home/ann/shop", "originator": "codex_cli_rs", "source": "cli"},
        ),
        ("turn_context", {"turn_id": "t-1", "cwd": "/home/ann/shop", "model": "gpt-5.2-codex"}),
        (
            "event_msg",
            {
                "type": "token_count",
                "info": {
                    "total_token_usage": usage,
                    "last_token_usage": usage,
                    "model_context_window": 272000,
                },
            },
        ),
    ]
    with file.open("a") as f:
        for kind, payload in lines:
            f.write(json.dumps({"timestamp": at, "type": kind, "payload": payload}) + "\n")
    return file


def write_settings(home: Path, **tree: object) -> Path:
    file = home / ".config/openusage/settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(tree))
    return file
