"""`openusage telemetry hook`: a payload to the daemon's socket, else into the hook spool.

A tool waits for this process: it imports as little as can be (not even `json` and `socket`, which take five
milliseconds), waits a quarter of a second at most, says nothing on stdout and always ends with 0.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

TIMEOUT_S = 0.25
"""For the daemon's whole answer: whoever hangs is not waited for."""
LARGEST_BYTES = 4 << 20
"""As much as the daemon takes."""
MOST_FILES = 2000
"""As the installed hooks have it: no more is left while nobody takes any."""
OFF = ("0", "false", "no", "off")


class NotDelivered(Exception):
    """Neither to the daemon nor into the spool: why."""


def deliver(
    source: str,
    payload: bytes,
    *,
    account: str = "",
    socket_path: Path | None = None,
    spool_dir: Path | None = None,
    spool_only: bool = False,
) -> str:
    """Where the payload went, in a word. Raises `NotDelivered`."""
    from openusage.paths import Paths

    if os.environ.get("OPENUSAGE_TELEMETRY_ENABLED", "").strip().lower() in OFF:
        return "off"
    paths = Paths.from_env(os.environ, Path.home())
    account = account or os.environ.get("OPENUSAGE_TELEMETRY_ACCOUNT_ID", "")
    if not payload.strip():
        raise NotDelivered("there is no payload")
    if len(payload) > LARGEST_BYTES:
        payload = b"{}"  # the tool's log has it; this wakes the daemon
    if not spool_only and post(socket_path or paths.socket, source, account, payload):
        return "daemon"
    leave(spool_dir or paths.hook_spool, source, account, payload)
    return "spool"


def post(path: Path, source: str, account: str, payload: bytes) -> bool:
    """Whether the daemon took it and has it stored."""
    target = f"/v1/hook/{quote(source, safe='')}?account_id={quote(account, safe='')}"
    head = (
        f"POST {target} HTTP/1.1\r\nHost: daemon\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        answer = _asked(sock, path, head.encode("ascii") + payload)
    except OSError:
        return False
    finally:
        sock.close()
    status, _, rest = answer.partition(b"\r\n")
    told = rest.partition(b"\r\n\r\n")[2].strip()
    # The daemon writes its JSON without spaces, and this object has no other in it.
    is_stored = (
        told.startswith(b"{") and told.endswith(b"}") and b'"failed":0' in told.rstrip(b"}").split(b",")
    )
    return status.split(b" ")[1:2] == [b"200"] and is_stored


def _asked(sock: _socket.socket, path: Path, request: bytes) -> bytes:
    """All that is answered before the time is over. Raises `OSError`."""
    deadline = time.monotonic() + TIMEOUT_S
    sock.settimeout(TIMEOUT_S)
    sock.connect(str(path))
    sock.sendall(request)
    answer = b""
    while (left_s := deadline - time.monotonic()) > 0:
        sock.settimeout(left_s)
        part = sock.recv(65_536)
        if not part:
            break
        answer += part
    return answer


def leave(folder: Path, source: str, account: str, payload: bytes) -> None:
    """One file, under its name only when it is whole. Raises `NotDelivered`."""
    from openusage.errors import OpenUsageError
    from openusage.paths import ensure_private_dir

    name = os.urandom(16).hex()
    fresh = folder / f".{name}.tmp"
    try:
        ensure_private_dir(folder)
        if len(os.listdir(folder)) >= MOST_FILES:  # noqa: PTH208  (only how many)
            raise NotDelivered(f"{MOST_FILES} payloads wait in {folder} already; does a daemon run?")
        head = f'{{"source":{_json(source)},"account_id":{_json(account)},"payload":'
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(head.encode() + payload.strip() + b"}\n")
        fresh.rename(folder / f"{name}.json")
    except OpenUsageError as e:
        raise NotDelivered(e.message) from e
    except OSError as e:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise NotDelivered(f"{folder} cannot be written: {e.strerror or e}") from e


def _json(text: str) -> str:
    if text.isascii() and f"{text}x".replace("-", "").replace("_", "").isalnum():
        return f'"{text}"'
    import json

    return json.dumps(text)


def read_stdin() -> bytes:
    """All of it, as far as it is of use; whoever writes is not cut off."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    data = sys.stdin.buffer.read(LARGEST_BYTES + 1)
    while len(data) > LARGEST_BYTES and sys.stdin.buffer.read(1 << 20):
        pass
    return data


def main(args: list[str]) -> int:
    """`SOURCE [PAYLOAD]`, without options: what a tool calls. Always 0."""
    source, *payload = args
    try:
        deliver(source, payload[0].encode("utf-8", "surrogateescape") if payload else read_stdin())
    except (NotDelivered, OSError, RuntimeError) as e:
        print(f"openusage: the hook's payload is lost: {e}", file=sys.stderr)
    return 0
