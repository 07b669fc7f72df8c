"""Zed's own agent: one compressed JSON text a thread in `threads/threads.db`.

Seen: thread versions 0.1 to 0.3 (`crates/agent/src/db.rs` and `legacy_thread.rs` of the Zed repository). A
thread keeps the usage of the last request after each prompt, and in versions before mid-2025 and since
mid-2026 also the sum of all its requests: then the sum is told as it grows. Otherwise a prompt whose answer
took several requests is told by its last one, marked as an estimate: a lower bound. No request has a time, so
usage is dated by the thread's last change. Not covered: agents that Zed only shows (Claude Code, Gemini,
Codex), which keep their own logs, prompts of thread versions before 0.3, which had no ids, and the plan of
zed.dev, which needs the account's session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from openusage.providers import _walk
from openusage.providers._calls import is_unique
from openusage.providers._contract import Env, Kind, ProviderSpec
from openusage.providers._inputs import touch_of
from openusage.providers._loose import Unreadable
from openusage.providers._packed import unpacked
from openusage.providers._single import one_account
from openusage.providers._sqlite import Batch, Database, Databases
from openusage.providers._totals import Totals
from openusage.providers._values import (
    child,
    count,
    decoded,
    disjoint,
    json_value,
    project_of,
    remembered,
    text,
    time_us,
)
from openusage.wire.events import (
    Account,
    EventKind,
    Outcome,
    Record,
    TokenCounts,
    UsageEvent,
    event_key,
)

SPEC = ProviderSpec(
    id="zed",
    name="Zed",
    kind=Kind.LOCAL,
    default_account="zed",
    docs_url="https://zed.dev/docs/ai/overview",
    patterns=("~/.local/share/zed/threads/threads.db",),
    binaries=("zed",),
    retention_hint="Zed keeps its threads until they are deleted.",
)

DATABASE = "threads.db"
LARGEST_THREAD_BYTES = 256 << 20
"""Unpacked. What is larger is told as a problem."""
KEPT_PARTIAL = 512
KEPT_SEEN = 64
_COLUMNS = ("id", "updated_at", "created_at", "parent_id", "folder_paths", "folder_paths_order", "data_type")
_FIELDS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class Thread(msgspec.Struct, gc=False):
    """What of a thread's JSON is looked at."""

    model: Any = None
    cumulative_token_usage: Any = None
    request_token_usage: Any = None
    subagent_context: Any = None
    imported: Any = None
    messages: list[msgspec.Raw] = []


class State(msgspec.Struct, omit_defaults=True):
    """Travels in the database's cursor, as JSON."""

    newest: tuple[int, str] = (0, "")
    """The latest change of a thread that was read, and the thread."""
    totals: Totals = msgspec.field(default_factory=Totals)
    partial: dict[str, None] = {}
    """Threads that are told by their prompts: their sums, if they get any, would repeat that."""
    seen: dict[str, int] = {}
    """How many messages of a thread were read."""


_state = msgspec.json.Decoder(State)
_thread = msgspec.json.Decoder(Thread)


def discover(env: Env) -> Iterator[Account]:
    """One account over all places where there is a database of threads."""
    return one_account(SPEC, flat_roots=_DATABASES.among(_folders(env)))


def _folders(env: Env) -> list[Path]:
    share = _walk.data_home(env)
    flatpak = env.home / ".var" / "app" / "dev.zed.Zed" / "data"
    places = (share / "zed", flatpak / "zed", env.home / "Library" / "Application Support" / "Zed")
    return [place / "threads" for place in places]


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Only a signed-in Zed is told its plan."""
    yield from ()


def _batches(account: Account, env: Env, db: Database, told: bytes) -> Iterator[Batch]:
    """Threads that changed, oldest change first, one at a time: each may be large."""
    state = remembered(told, _state)
    db.expect("threads", "id", "updated_at", "data_type", "data")
    rows = db.rows("SELECT id, updated_at FROM threads")
    changed = sorted(at for key, updated in rows if (at := (time_us(updated) or 0, str(key))) > state.newest)
    columns = db.select("threads", (*_COLUMNS, "data!"))
    for nth, (at_us, key) in enumerate(changed, 1):
        found = db.rows(f"SELECT {columns} FROM threads WHERE id = ?", (key,))
        records: list[Record] = []
        problems: list[str] = []
        for *row, data in found:
            thread = thread_of(text(row[6]), data)
            if thread is None:
                problems.append(f"thread {key} cannot be read: it is no such JSON, or too large")
            else:
                records += events(state, _about(account.id, row, thread), str(key), thread)
        state.newest = (at_us, key)
        yield Batch(records, msgspec.json.encode(state), nth / len(changed), problems)


_DATABASES = Databases(DATABASE, _batches)
plan, read = _DATABASES.plan, _DATABASES.read


def thread_of(kind: str | None, data: bytes | None) -> Thread | None:
    """A thread out of its column; `None` when it cannot be read."""
    if data is None:
        return None
    if kind == "zstd":
        try:
            data = unpacked(data, LARGEST_THREAD_BYTES)
        except Unreadable:
            return None
    return decoded(data, _thread) if len(data) <= LARGEST_THREAD_BYTES else None


def _about(account: str, row: list[Any], thread: Thread) -> UsageEvent:
    key, updated, created, parent, folders, order, _ = row
    model = child(thread.model) if isinstance(thread.model, dict) else {}
    is_agent = bool(text(parent)) or isinstance(thread.subagent_context, dict)
    return UsageEvent(
        provider=SPEC.id,
        account=account,
        at_us=time_us(updated) or time_us(created) or 0,
        kind=EventKind.MESSAGE,
        event_key=b"",
        model=text(model.get("model")) or text(model.get("id")) or text(model.get("name")),
        upstream=text(model.get("provider")),
        client="IDE",
        project=project_of(first_folder(text(folders), text(order))),
        session=text(key),
        agent="subagent" if is_agent else None,
    )


def first_folder(folders: str | None, order: str | None) -> str | None:
    """The first of the folders, one a line, in the order that the person gave them.

    >>> first_folder("/home/ann/a\\n/home/ann/b", "1,0")
    '/home/ann/b'
    """
    lines = [line for line in (folders or "").splitlines() if line]
    places = [int(n) for n in (order or "").split(",") if n.strip().isdecimal()]
    at = places.index(0) if 0 in places and len(places) == len(lines) else 0
    return lines[at] if lines else None


def events(state: State, about: UsageEvent, key: str, thread: Thread) -> Iterator[UsageEvent]:
    """What a thread tells: its usage, and the prompts and calls that are new in it."""
    if not about.at_us:
        return
    messages = [json_value(bytes(raw)) for raw in thread.messages]
    requests = list(_requests(about, key, thread.request_token_usage))
    summed = counts_of(about, thread.cumulative_token_usage)
    if summed.total and key not in state.partial and _covers(summed, [r.tokens for r in requests]):
        total = msgspec.structs.replace(about, tokens=summed)
        yield from state.totals.events(total, (key,))
    elif requests:
        state.partial = dict(list({**state.partial, key: None}.items())[-KEPT_PARTIAL:])
        steps = _steps_by_prompt(messages)
        for request, prompt in zip(requests, _prompts(thread.request_token_usage), strict=True):
            yield msgspec.structs.replace(request, estimated=steps.get(prompt, 2) > 1)
    # Messages of a thread that somebody shared are not this person's.
    seen = state.seen.pop(key, len(messages) + 1 if thread.imported is True else 0)
    state.seen = dict([*state.seen.items(), (key, len(messages))][-KEPT_SEEN:])
    # The last one seen may have been written since: its calls have results now.
    for message in messages[max(0, seen - 1) if seen <= len(messages) or thread.imported is True else 0 :]:
        yield from _message(about, key, message)


def _prompts(given: Any) -> list[str]:
    usage = _usage(given)
    return [str(name) for name, tokens in usage.items() if isinstance(tokens, dict)]


def _usage(given: Any) -> Mapping[Any, Any]:
    """Usage by prompt: an object, in older versions a list, in others inside `token_usage`."""
    if isinstance(given, dict) and isinstance(given.get("token_usage"), dict | list):
        given = given["token_usage"]
    if isinstance(given, list):
        return dict(enumerate(given))
    return given if isinstance(given, dict) else {}


def _requests(about: UsageEvent, key: str, given: Any) -> Iterator[UsageEvent]:
    """The last request after each prompt. A prompt's id is its own in all copies of a thread."""
    for name, tokens in _usage(given).items():
        if isinstance(tokens, dict):
            scope = (key, name) if isinstance(name, int) else (name,)
            yield msgspec.structs.replace(
                about,
                event_key=event_key(SPEC.id, "request", *scope),
                tokens=counts_of(about, tokens),
            )


def counts_of(about: UsageEvent, tokens: Any) -> TokenCounts:
    """A usage object; what is not in it is 0. Vendors other than Anthropic have cached tokens in input."""
    given, output, read, written = (count(child(tokens).get(name)) or 0 for name in _FIELDS)
    is_anthropic = "anthropic" in (about.upstream or "") or "claude" in (about.model or "")
    return disjoint(
        input=given,
        output=output,
        cache_read=read,
        cache_write=written,
        cache_inside=not is_anthropic and read + written <= given,
    )


def _covers(summed: TokenCounts, requests: list[TokenCounts]) -> bool:
    return all(
        (getattr(summed, f) or 0) >= sum(getattr(r, f) or 0 for r in requests)
        for f in ("input", "output", "cache_read", "cache_write_5m")
    )


def _steps_by_prompt(messages: list[Any]) -> dict[str, int]:
    """Prompt -> how many requests it took: one a message of the agent that follows it."""
    steps: dict[str, int] = {}
    prompt = ""
    for message in messages:
        user = child(message, "User")
        if user:
            prompt = str(user.get("id"))
            steps[prompt] = 0
        elif isinstance(message, dict) and "Agent" in message:
            steps[prompt] = steps.get(prompt, 0) + 1
    return steps


def _message(about: UsageEvent, key: str, message: Any) -> Iterator[UsageEvent]:
    prompt = text(child(message, "User").get("id"))
    if prompt is not None and about.agent is None:
        yield msgspec.structs.replace(
            about, kind=EventKind.TURN, event_key=event_key(SPEC.id, "turn", prompt)
        )
    for use, result in _uses(message):
        call, name = text(use.get("id")), text(use.get("name"))
        if call is not None and name is not None:
            yield _call(about, (call,) if is_unique(call) else (key, call), name, use, result)


def _uses(message: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Calls of a message with their results, as 0.3 writes them and as versions before it did."""
    agent = child(message, "Agent")
    for item in _list(agent.get("content")):
        use = child(item, "ToolUse")
        yield use, child(agent, "tool_results", str(use.get("id")))
    if isinstance(message, dict) and "role" in message:
        results = {str(child(r).get("tool_use_id")): child(r) for r in _list(message.get("tool_results"))}
        for item in _list(message.get("tool_uses")):
            yield child(item), results.get(str(child(item).get("id")), {})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _call(
    about: UsageEvent, scope: tuple[str, ...], name: str, use: Mapping[str, Any], result: Mapping[str, Any]
) -> UsageEvent:
    touch = touch_of(use.get("input"))
    outcome = None if not result else Outcome.ERROR if result.get("is_error") is True else Outcome.OK
    return msgspec.structs.replace(
        about,
        kind=EventKind.TOOL,
        event_key=event_key(SPEC.id, "tool", *scope),
        tool=name,
        outcome=outcome,
        language=touch.language,
        lines_added=touch.lines_added,
        lines_removed=touch.lines_removed,
        file_key=touch.file_key,
    )
