"""OpenCode: `.local/share/opencode/opencode.db` and the older JSON files beside it, with their traps.

Some sessions were begun with a version that wrote JSON files and are in both; some are forks, whose messages
are copies under new ids; some messages were aborted and count nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
from typing import Any

from tools.genlogs._agent import Agent, Job
from tools.genlogs._pool import base62, lognormal
from tools.genlogs._truth import Usage, usage

ROOT = ".local/share/opencode"
MODELS = (
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-5.2-codex"),
    ("opencode", "kimi-k2"),
    ("google", "gemini-3-pro-preview"),
)
_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE project (id TEXT PRIMARY KEY, worktree TEXT NOT NULL, vcs TEXT, name TEXT,
    time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL);
CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT NOT NULL, parent_id TEXT, slug TEXT NOT NULL,
    directory TEXT NOT NULL, title TEXT NOT NULL, version TEXT NOT NULL,
    time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER NOT NULL,
    time_updated INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT NOT NULL, session_id TEXT NOT NULL,
    time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL, data TEXT NOT NULL);
CREATE INDEX message_session_idx ON message (session_id);
CREATE INDEX part_message_idx ON part (message_id);
"""
Json = dict[str, Any]


@dataclasses.dataclass
class Conversation:
    """A session that is being written."""

    session: str
    project: str
    cwd: str
    vendor: str
    model: str
    legacy: bool
    """Written as JSON files first, later copied into the database."""
    context: int = 9000


class OpenCode(Agent):
    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._root = job.home / ROOT
        self._root.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self._root / "opencode.db")
        self._db.executescript(_SCHEMA)

    def fill(self) -> Json:
        """All sessions; afterwards the database is closed and its log is gone."""
        self.write_sessions()
        self._db.commit()
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        os.utime(self._root / "opencode.db", (self.end_ms / 1000, self.end_ms / 1000))
        self.truth.files += 1
        self.truth.bytes = sum(p.stat().st_size for p in self._root.rglob("*") if p.is_file())
        return self.truth.finish()

    def session(self) -> None:
        rng = self.rng
        ms = self.start()
        cwd = rng.choice(self.projects)
        project = hashlib.sha1(cwd.encode()).hexdigest()
        session = self._id("ses", ms)
        legacy = rng.random() < 0.4
        self._db.execute(
            "INSERT OR IGNORE INTO project VALUES (?, ?, ?, ?, ?, ?)", (project, cwd, "git", None, ms, ms)
        )
        self._insert_session(session, project, cwd, "A title", ms)
        if legacy:
            self._write_session(session, project, cwd, ms)
        vendor, model = rng.choice(MODELS)
        talk = Conversation(session, project, cwd, vendor, model, legacy)
        messages: list[tuple[int, Json]] = []
        for _ in range(lognormal(rng, 14 * max(0.5, self.pace), 0.9, 2, 120)):
            if ms > self.end_ms - 600_000:
                break
            ms = self._exchange(talk, messages, ms)
        if rng.random() < 0.05 and len(messages) > 3:
            self._fork(talk, messages, ms)

    def _exchange(self, talk: Conversation, messages: list[tuple[int, Json]], ms: int) -> int:
        """One request and its answer; returns when the next one may come."""
        rng = self.rng
        asked = self._id("msg", ms)
        self._put(talk, talk.session, asked, ms, self._question(talk, ms))
        ms += rng.randint(300, 3000)
        answer = self._id("msg", ms)
        done = ms + rng.randint(1000, 40_000)
        counts = self._counts(talk)
        data = self._answer(talk, asked, ms, done, counts)
        if rng.random() < 0.01:
            data["error"] = {"name": "MessageAbortedError", "data": {"message": "aborted"}}
            data["tokens"] = {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}
            self._put(talk, talk.session, answer, ms, data)
            self.truth.trap("aborted_zero_messages")
            return done + 2000
        self._put(talk, talk.session, answer, ms, data)
        messages.append((ms, data))
        self.truth.see(answer, counts, ms, talk.model, talk.session)
        if talk.legacy:
            self.truth.trap("messages_in_both_json_and_db")
        for _ in range(rng.randint(1, 3)):
            self._tool(talk, answer, ms)
        return done + lognormal(rng, 6000, 1.2, 200, 600_000)

    def _fork(self, talk: Conversation, messages: list[tuple[int, Json]], ms: int) -> None:
        """Messages copied under new ids, with the same times and tokens."""
        fork = self._id("ses", ms)
        self._insert_session(fork, talk.project, talk.cwd, "A title (fork #1)", ms)
        talk.legacy = False
        for at, data in messages:
            self._put(talk, fork, self._id("msg", ms), at, data)
            self.truth.trap("forked_copies_with_new_ids")
        self.truth.trap("forked_sessions")

    def _counts(self, talk: Conversation) -> Usage:
        rng, is_anthropic = self.rng, talk.vendor == "anthropic"
        fresh = lognormal(rng, 900, 1.1, 20, 30_000)
        output = lognormal(rng, 240, 1.1, 5, 9000)
        reasoning = 0 if is_anthropic else int(output * rng.random())
        written = fresh if is_anthropic else 0
        given = rng.randint(2, 12) if is_anthropic else fresh
        read = talk.context if rng.random() < 0.95 else 0
        talk.context = min(talk.context + fresh, 180_000)
        return usage(fresh=given, output=output, reasoning=reasoning, read=read, write_5m=written)

    def _question(self, talk: Conversation, ms: int) -> Json:
        model = {"providerID": talk.vendor, "modelID": talk.model}
        return {"role": "user", "time": {"created": ms}, "agent": "build", "model": model}

    def _answer(self, talk: Conversation, asked: str, ms: int, done: int, counts: Usage) -> Json:
        given, output, reasoning = counts["input"], counts["output"], counts["reasoning"]
        read, written = counts["cache_read"], counts["cache_write_5m"]
        cache = {"read": read, "write": written}
        tokens: Json = {"input": given, "output": output, "reasoning": reasoning, "cache": cache}
        if not talk.legacy:
            tokens = {"total": given + output + reasoning + read + written} | tokens
        dollars = (given * 3 + output * 15 + reasoning * 15 + read * 0.3 + written * 3.75) / 1e6
        return {
            "role": "assistant",
            "time": {"created": ms, "completed": done},
            "parentID": asked,
            "modelID": talk.model,
            "providerID": talk.vendor,
            "mode": "build",
            "agent": "build",
            "path": {"cwd": talk.cwd, "root": talk.cwd},
            "cost": round(dollars, 8) if talk.vendor != "opencode" else 0,
            "tokens": tokens,
            "finish": "tool-calls",
        }

    def _put(self, talk: Conversation, session: str, message: str, ms: int, data: Json) -> None:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        self._db.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", (message, session, ms, ms, text))
        self.truth.bytes += len(text)
        if talk.legacy:
            whole = json.dumps({"id": message, "sessionID": session} | data, ensure_ascii=False, indent=2)
            self.write(f"{ROOT}/storage/message/{session}/{message}.json", [whole], ms, end="")

    def _tool(self, talk: Conversation, message: str, ms: int) -> None:
        part = self._id("prt", ms)
        body = self.pool.text(self.rng, self.output_size())
        text = (
            f'{{"type":"tool","callID":"call_{base62(self.rng, 12)}","tool":"bash","state":'
            f'{{"status":"completed","input":{{"command":"ls"}},"output":"{body}"}}}}'
        )
        self._db.execute(
            "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", (part, message, talk.session, ms, ms, text)
        )
        self.truth.bytes += len(text)
        if talk.legacy:
            whole = f'{{"id":"{part}","messageID":"{message}","sessionID":"{talk.session}",{text[1:]}'
            self.write(f"{ROOT}/storage/part/{message}/{part}.json", [whole], ms, end="")

    def _insert_session(self, session: str, project: str, cwd: str, title: str, ms: int) -> None:
        row = (session, project, None, "quiet-fox", cwd, title, "1.2.9", ms, ms)
        self._db.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _write_session(self, session: str, project: str, cwd: str, ms: int) -> None:
        whole = {
            "id": session,
            "version": "0.9.1",
            "projectID": project,
            "directory": cwd,
            "title": "A title",
            "time": {"created": ms, "updated": ms},
        }
        path = f"{ROOT}/storage/session/{project}/{session}.json"
        self.write(path, [json.dumps(whole, indent=2)], ms, end="")

    def _id(self, kind: str, ms: int) -> str:
        return f"{kind}_{ms * 4096 & 0xFFFFFFFFFFFF:012x}{base62(self.rng, 14)}"
