"""A user manager for tests, as far as a service of ours sees one: started in place of `systemctl`.

It reads units and environment files by systemd's own rules, written here anew from its manual, runs what
they say with nothing but the environment that a manager gives, and starts it again when it ends. What it is
asked is in `calls`. Folder: `$FAKE_SYSTEMD`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

FOLDER = Path(os.environ["FAKE_SYSTEMD"])
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ENV = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(.*))')
CANNOT_START = 203
"""systemd's EXIT_EXEC."""
Unit = dict[str, list[str]]


def main(words: list[str]) -> int:
    if words[:1] == ["--supervise"]:
        return supervise(words[1])
    with (FOLDER / "calls").open("a") as calls:
        calls.write(" ".join(words) + "\n")
    if (FOLDER / "no-bus").exists():
        print("Failed to connect to bus: No medium found", file=sys.stderr)
        return 1
    assert words.pop(0) == "--user"
    verb, *rest = words
    names = [word for word in rest if not word.startswith("-")]
    if verb == "show":
        return show(names)
    if verb == "daemon-reload":
        (FOLDER / "loaded").unlink(missing_ok=True)
        return 0
    if verb == "reset-failed":
        return 0
    return {"enable": enable, "disable": disable, "restart": restart}[verb](names[0])


def units() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or os.environ["HOME"] + "/.config"
    return Path(config) / "systemd" / "user"


def read_unit(name: str) -> Unit:
    found: Unit = {}
    for line in (units() / name).read_text().splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def specifiers(text: str) -> str:
    return re.sub(r"%(.)", lambda m: {"%": "%", "h": os.environ["HOME"]}[m[1]], text)


def words_of(line: str) -> list[str]:
    """`ExecStart`: quotes and escapes away, then specifiers, then `$$`; a single `$` would be a variable."""
    found = []
    for quoted, plain in _WORD.findall(line):
        word = specifiers(re.sub(r"\\(.)", r"\1", quoted or plain))
        found.append(word)
    return [found[0], *(re.sub(r"\$(\$|\w+)", lambda m: "$" if m[1] == "$" else "", w) for w in found[1:])]


def environment(unit: Unit) -> dict[str, str]:
    given = {"HOME": os.environ["HOME"], "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    for file in unit.get("EnvironmentFile", []):
        path = Path(specifiers(file.removeprefix("-")))
        if not path.exists():
            assert file.startswith("-"), file
            continue
        assert path.stat().st_mode & 0o777 == 0o600
        for line in path.read_text().splitlines():
            if line and not line.startswith(("#", ";")):
                found = _ENV.fullmatch(line)
                assert found is not None, line
                quoted = found[2]
                given[found[1]] = found[3] if quoted is None else re.sub(r'\\(["\\$`])', r"\1", quoted)
    return given


def enable(name: str) -> int:
    wants = units() / "default.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / name).unlink(missing_ok=True)
    (wants / name).symlink_to(units() / name)
    return 0


def disable(name: str) -> int:
    stop()
    wants = units() / "default.target.wants"
    (wants / name).unlink(missing_ok=True)
    if wants.is_dir() and not any(wants.iterdir()):
        wants.rmdir()
    return 0 if (units() / name).exists() else 1


def restart(name: str) -> int:
    stop()
    read_unit(name)
    with (FOLDER / "journal").open("ab") as journal:
        supervisor = subprocess.Popen(
            [sys.executable, __file__, "--supervise", name],
            stdin=subprocess.DEVNULL,
            stdout=journal,
            stderr=journal,
            start_new_session=True,
        )
    while not (FOLDER / "pid").exists():
        if supervisor.poll() is not None:  # started and ended already, or it cannot be started at all
            return supervisor.returncode
        time.sleep(0.01)
    return 0


def stop() -> None:
    """Ends the service and whoever watches over it."""
    try:
        pid = int((FOLDER / "supervisor").read_text())
    except (FileNotFoundError, ValueError):
        return
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        (FOLDER / "supervisor").unlink(missing_ok=True)
    while (FOLDER / "supervisor").exists():
        time.sleep(0.01)


def supervise(name: str) -> int:
    unit = read_unit(name)
    ended = threading.Event()

    def end(*_: object) -> None:
        ended.set()
        if child is not None:
            child.terminate()

    child: subprocess.Popen[bytes] | None = None
    signal.signal(signal.SIGTERM, end)
    write("supervisor", os.getpid())
    starts = 0
    try:
        while not ended.is_set():
            try:
                child = subprocess.Popen(
                    words_of(unit["ExecStart"][0]),
                    env=environment(unit),
                    cwd=specifiers(unit["WorkingDirectory"][0]),
                )
            except OSError as e:
                print(f"Failed to execute: {e}", file=sys.stderr)
                return CANNOT_START
            if ended.is_set():  # asked to between the start and its note
                child.terminate()
            starts += 1
            write("restarts", starts - 1)
            write("pid", child.pid)
            code = child.wait()
            (FOLDER / "pid").unlink()
            if unit["Restart"] != ["always"] or str(code) in unit.get("RestartPreventExitStatus", []):
                break
    finally:
        (FOLDER / "supervisor").unlink()
    return 0


def write(name: str, number: int) -> None:
    fresh = FOLDER / f".{name}"
    fresh.write_text(str(number))
    fresh.replace(FOLDER / name)


def number(name: str) -> str:
    try:
        return (FOLDER / name).read_text()
    except FileNotFoundError:
        return "0"


def show(names: list[str]) -> int:
    if not names:
        print("Version=252")
        return 0

    pid, watched = number("pid"), number("supervisor") != "0"
    if pid != "0":
        print("ActiveState=active\nSubState=running")
    else:
        print(
            "ActiveState=activating\nSubState=auto-restart"
            if watched
            else "ActiveState=inactive\nSubState=dead"
        )
    print(f"MainPID={pid}\nNRestarts={number('restarts')}\nResult=success")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
