"""Claude Code's transcript lines, rendered as the tool writes them."""

from __future__ import annotations

import dataclasses
import random
from typing import NamedTuple

from tools.genlogs._pool import Pool, iso, uuid4
from tools.genlogs._truth import Usage

MODELS = {
    "claude-opus-4-5-20251101": 4,
    "claude-sonnet-4-5-20250929": 5,
    "claude-haiku-4-5-20251001": 2,
    "claude-opus-4-6": 4,
    "claude-sonnet-4-6": 4,
}
"""Model -> how often it is chosen."""
SMALL = "claude-haiku-4-5-20251001"


@dataclasses.dataclass
class Thread:
    """A conversation that lines are being written for."""

    cwd: str
    folder: str
    session: str
    truth_session: str
    version: str
    branch: str
    context: int
    """Tokens the next answer reads from the cache."""
    splits_writes: bool
    """Whether usage tells 5-minute from 1-hour cache writes."""
    model: str
    one_hour: bool = False
    speed: str | None = None
    bedrock: bool = False
    gateway: bool = False
    """A relay that answers every call with the same message id."""
    progress: bool = False
    """An old version that repeats a sub-agent's answers in the parent."""
    sidechain: bool = False
    agent: str | None = None
    parent: str | None = None
    """uuid of the line before."""

    def shown(self, model: str) -> str:
        """The model as usage is told apart: fast mode has another price."""
        return model + ("-fast" if self.speed == "fast" else "")


class Written(NamedTuple):
    """A line of an answer, kept for those who copy it."""

    line: str
    key: str
    usage: Usage
    first: Usage
    """What the answer's first line said."""
    ms: int
    model: str
    message_id: str | None
    request_id: str | None


def usage_json(counts: Usage, thread: Thread) -> str:
    writes = counts["cache_write_5m"] + counts["cache_write_1h"]
    text = (
        f'"input_tokens":{counts["input"]},"cache_creation_input_tokens":{writes},'
        f'"cache_read_input_tokens":{counts["cache_read"]}'
    )
    if thread.splits_writes:
        text += (
            f',"cache_creation":{{"ephemeral_5m_input_tokens":{counts["cache_write_5m"]},'
            f'"ephemeral_1h_input_tokens":{counts["cache_write_1h"]}}}'
        )
    text += f',"output_tokens":{counts["output"]},"service_tier":"standard"'
    if thread.speed:
        text += f',"inference_geo":"not_available","speed":"{thread.speed}"'
    return "{" + text + "}"


def envelope(rng: random.Random, thread: Thread, kind: str, ms: int, extra: str = "") -> tuple[str, str]:
    """What stands before and after a line's own content; the line becomes the parent of the next."""
    uuid = uuid4(rng)
    parent = f'"{thread.parent}"' if thread.parent else "null"
    thread.parent = uuid
    side = "true" if thread.sidechain else "false"
    agent = f'"agentId":"{thread.agent}",' if thread.agent else ""
    return (
        f'{{"parentUuid":{parent},"isSidechain":{side},"userType":"external","cwd":"{thread.cwd}",'
        f'"sessionId":"{thread.session}","version":"{thread.version}","gitBranch":"{thread.branch}",{agent}',
        f'{extra}"type":"{kind}","uuid":"{uuid}","timestamp":"{iso(ms)}"}}',
    )


def user_line(rng: random.Random, thread: Thread, ms: int, content: str, extra: str = "") -> str:
    before, after = envelope(rng, thread, "user", ms, extra)
    return f'{before}"message":{{"role":"user","content":{content}}},{after}'


def answer_line(
    rng: random.Random,
    thread: Thread,
    ms: int,
    *,
    model: str,
    message_id: str | None,
    request_id: str | None,
    content: str,
    usage: str,
    stop: str = "null",
) -> str:
    request = f'"requestId":"{request_id}",' if request_id else ""
    before, after = envelope(rng, thread, "assistant", ms, request)
    ident = f'"id":"{message_id}",' if message_id else ""
    return (
        f'{before}"message":{{"model":"{model}",{ident}"type":"message","role":"assistant",'
        f'"content":[{content}],"stop_reason":{stop},"stop_sequence":null,"usage":{usage}}},{after}'
    )


def error_line(rng: random.Random, thread: Thread, ms: int) -> str:
    """What Claude Code writes when the API failed: looks like an answer, is none."""
    before, after = envelope(rng, thread, "assistant", ms, '"isApiErrorMessage":true,')
    return (
        f'{before}"message":{{"id":"{uuid4(rng)}","container":null,"model":"<synthetic>","role":"assistant",'
        '"stop_reason":"stop_sequence","stop_sequence":"","type":"message","usage":{"input_tokens":0,'
        '"output_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
        '"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},"service_tier":null},'
        f'"content":[{{"type":"text","text":"API Error: 529 overloaded_error"}}]}},{after}'
    )


def compact_line(rng: random.Random, thread: Thread, ms: int) -> str:
    before, after = envelope(
        rng,
        thread,
        "system",
        ms,
        '"subtype":"compact_boundary","content":"Conversation compacted",'
        '"compactMetadata":{"trigger":"auto","preTokens":155000},',
    )
    return before + after


def snapshot_line(rng: random.Random, ms: int) -> str:
    return (
        f'{{"type":"file-history-snapshot","messageId":"{uuid4(rng)}","snapshot":{{"trackedFileBackups":{{}},'
        f'"timestamp":"{iso(ms)}"}},"isSnapshotUpdate":false}}'
    )


def summary_line(rng: random.Random, pool: Pool) -> str:
    return f'{{"type":"summary","summary":"{pool.sentence(rng, 3, 8)}","leafUuid":"{uuid4(rng)}"}}'


def queue_line(thread: Thread, ms: int) -> str:
    return (
        f'{{"type":"queue-operation","operation":"enqueue","timestamp":"{iso(ms)}",'
        f'"sessionId":"{thread.session}"}}'
    )
