"""Reading much in a process of its own, so that a first read uses two cores: one parses, one stores.

Parsing and storing both hold the interpreter's lock, so threads would only take turns. The child is this
module run by the same interpreter: it gets what to read on stdin and writes frames to stdout, each a length
and a msgpack value. It has no network and no database, and ends when nobody reads its output any more.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import pickle
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from openusage import errors
from openusage.errors import Defect, SourceError, SourceUnavailable
from openusage.providers import load
from openusage.providers._contract import Chunk, Env, Provider
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account

FROM_BYTES = 48 << 20
"""Less than this is read and stored in one process before another has started."""
FRAMES_AHEAD = 16
"""Encoded chunks that wait in memory at most, about a MB each."""
_PICKLED = b"\x80"
"""How a pickle begins, and no msgpack of ours: it would be an empty object."""
_LENGTH = struct.Struct("<I")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to read."""

    provider: str
    account: Account
    cursors: list[FileCursor]
    home: str
    environ: dict[str, str]
    now: dt.datetime


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """How the child's reading ended, when not well."""

    error: str
    """Name of a `SourceError` class; empty for a defect of ours."""
    message: str
    hint: str = ""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The child has read everything."""


Frame = Chunk | Failed | Done


@contextlib.contextmanager
def chunks_ahead(
    provider: Provider, account: Account, cursors: dict[str, FileCursor], env: Env
) -> Iterator[Iterator[Chunk]]:
    """The chunks of `provider.read(account, cursors, env)`, read in a child that starts at once.

    Iterating raises what the provider raised. Leaving the block early ends the child.
    """
    order = Order(
        provider=provider.SPEC.id,
        account=account,
        cursors=list(cursors.values()),
        home=str(env.home),
        environ=dict(env.environ),
        now=env.now,
    )
    child = subprocess.Popen(
        # -P: a module of the folder that we were started in is none of ours.
        [sys.executable, "-P", "-m", "openusage.daemon.ahead"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; the child ends when we do
    )
    assert child.stdin is not None
    assert child.stdout is not None
    frames: queue.Queue[bytes] = queue.Queue(FRAMES_AHEAD)
    left = threading.Event()
    taking = threading.Thread(target=_take, args=(child.stdout, frames, left), name="read-ahead", daemon=True)
    try:
        with contextlib.suppress(BrokenPipeError), child.stdin as request:
            request.write(_packed(order))
        taking.start()
        yield _decoded(frames, provider.SPEC.name)
    finally:
        left.set()
        child.kill()
        child.wait()
        if taking.ident is not None:
            taking.join()
        child.stdout.close()


def _take(output: BinaryIO, frames: queue.Queue[bytes], left: threading.Event) -> None:
    """Frames from the pipe into the queue, an empty one at the end. Only moves bytes."""
    frame = b"start"
    while frame and not left.is_set():
        head = output.read(_LENGTH.size)
        size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
        frame = output.read(size) if size else b""
        frame = frame if len(frame) == size else b""
        while not left.is_set():
            with contextlib.suppress(queue.Full):
                frames.put(frame, timeout=0.1)
                break


def _decoded(frames: queue.Queue[bytes], name: str) -> Iterator[Chunk]:
    while frame := frames.get():
        value: Frame = pickle.loads(frame) if frame.startswith(_PICKLED) else _decode(frame)
        if isinstance(value, Done):
            return
        if isinstance(value, Failed):
            raise _error(value)
        yield value
    raise SourceUnavailable(f"{name}: the process that reads it ended early; trying again.")


_decode = msgspec.msgpack.Decoder(Frame).decode


def _error(failed: Failed) -> Exception:
    """What the child raised, as the same kind of error here."""
    kind = getattr(errors, failed.error, None) if failed.error else None
    if isinstance(kind, type) and issubclass(kind, SourceError):
        return kind(failed.message, failed.hint)
    return Defect(failed.message)


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """The child: read one order, write its frames."""
    try:
        order = _order(requests.read())
    except (msgspec.DecodeError, EOFError, pickle.UnpicklingError):
        return  # the parent ended before it had said what to read
    env = Env(home=Path(order.home), environ=order.environ, now=order.now)
    cursors = {cursor.path: cursor for cursor in order.cursors}
    last: Frame = Done()
    try:
        for chunk in load(order.provider).read(order.account, cursors, env):
            _write(answers, chunk)
    except SourceError as e:
        last = Failed(error=type(e).__name__, message=e.message, hint=e.hint)
    except BrokenPipeError:
        return  # the parent has what it wants
    except Exception as e:  # goes to the parent, which logs it
        last = Failed(error="", message=str(Defect.of(e)))
    with contextlib.suppress(BrokenPipeError):
        _write(answers, last)


def _order(request: bytes) -> Order:
    order: Order = (
        pickle.loads(request) if request.startswith(_PICKLED) else msgspec.msgpack.decode(request, type=Order)
    )
    return order


def _write(answers: BinaryIO, frame: Frame) -> None:
    body = _packed(frame)
    answers.write(_LENGTH.pack(len(body)) + body)
    answers.flush()


def _packed(value: Order | Frame) -> bytes:
    """msgpack; where a file's name is no UTF-8, which msgpack cannot hold, a pickle."""
    try:
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        return pickle.dumps(value)


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
