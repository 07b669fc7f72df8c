"""Dockerfile.hub, read as an engine would read it; its commands run as plain commands."""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from openusage.hub import Board, History, HubServer, Policy
from openusage.pricing import PriceBook
from tests.support.processes import PATIENCE_S

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile.hub"


class Instruction(NamedTuple):
    word: str
    rest: str


def instructions() -> list[Instruction]:
    """With continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def final_stage() -> list[Instruction]:
    found = instructions()
    last = max(i for i, step in enumerate(found) if step.word == "FROM")
    return found[last:]


def only(word: str, stage: list[Instruction]) -> str:
    found = [step.rest for step in stage if step.word == word]
    assert len(found) == 1, (word, found)
    return found[0]


def needs(name: str) -> list[str]:
    (values,) = [s.rest for s in instructions() if s.word == "ARG" and s.rest.startswith(f"{name}=")]
    return values.partition("=")[2].strip('"').split()


def test_it_has_a_build_stage_and_a_final_one() -> None:
    stages = [step.rest for step in instructions() if step.word == "FROM"]
    assert [re.sub(r"^\S+", "", s).strip() for s in stages] == ["AS build", ""]


def test_it_runs_as_nobody() -> None:
    assert only("USER", final_stage()) == "65534:65534"
    words = [step.word for step in final_stage()]
    assert "RUN" not in words
    assert words.index("USER") < words.index("ENTRYPOINT")


def test_it_exposes_the_port_and_starts_the_hub() -> None:
    assert only("EXPOSE", final_stage()) == "9190"
    assert json.loads(only("ENTRYPOINT", final_stage())) == ["openusage", "hub", "--headless"]


@pytest.mark.parametrize("label", ["source", "version", "revision", "created", "licenses"])
def test_it_has_the_oci_labels(label: str) -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', only("LABEL", final_stage())))
    arguments = [step.rest.partition("=")[0] for step in final_stage() if step.word == "ARG"]
    if label == "licenses":
        assert f'license = "{labels[label]}"' in (ROOT / "pyproject.toml").read_text()
    else:
        assert labels[label] == f"${{{label.upper()}}}"
        assert label.upper() in arguments


def test_no_secret_and_no_remote_file_goes_in() -> None:
    text = "\n".join(f"{s.word} {s.rest}" for s in instructions())
    assert not re.search(r"TOKEN|SECRET|PASSWORD|API_KEY", text, re.IGNORECASE)
    assert not any(step.word == "ADD" for step in instructions())


def test_copied_files_exist_and_reach_the_builder() -> None:
    """`.dockerignore` leaves out everything else."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for step in instructions():
        if step.word == "COPY" and not step.rest.startswith("--from"):
            for source in step.rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), source


def test_locks_are_cut_out_of_the_projects_lock(tmp_path: Path) -> None:
    """The very command of the file, run by sh: every name is there, pinned, with hashes, and no other."""
    run = next(s.rest for s in instructions() if s.word == "RUN" and "awk" in s.rest)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.lock").write_bytes((ROOT / "requirements" / "dev.lock").read_bytes())
    variables = {"BUILD_NEEDS": " ".join(needs("BUILD_NEEDS")), "HUB_NEEDS": " ".join(needs("HUB_NEEDS"))}
    subprocess.run(["sh", "-ec", run], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **variables}, check=True)
    for name in ("BUILD_NEEDS", "HUB_NEEDS"):
        lock = (tmp_path / f"{name.removesuffix('_NEEDS').lower()}.lock").read_text()
        blocks = re.findall(
            r"^([a-z0-9-]+)==\S+[^\n]*\\\n((?:    --hash=sha256:\w{64}[^\n]*\n)+)", lock, re.MULTILINE
        )
        assert sorted(package for package, _ in blocks) == sorted(needs(name))
        assert len(re.findall(r"^\S", lock, re.MULTILINE)) == len(blocks)


IMAGE = textwrap.dedent(
    """
    import importlib.abc, sys
    allowed = {"openusage", *sys.argv.pop(1).replace("-", "_").split()} | set(sys.stdlib_module_names)
    class Image(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            # `_sysconfigdata_…` is the standard library's, under a name that each platform makes.
            if name.partition(".")[0] not in allowed and not name.startswith("_sysconfigdata_"):
                raise ModuleNotFoundError(f"{name} is not in the image", name=name)
    sys.meta_path.insert(0, Image())
    """
)
"""A program that begins so finds what the image has, and nothing else."""


def in_image(
    program: str, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `program` says where every import outside the standard library must be an installed package."""
    return subprocess.run(
        [sys.executable, "-c", IMAGE + textwrap.dedent(program), " ".join(needs("HUB_NEEDS")), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environ,
    )


def test_the_hub_room_loads_nothing_that_the_image_lacks() -> None:
    done = in_image(
        """
        import urllib.request
        import openusage.hub as hub
        from openusage.pricing import PriceBook
        from openusage.read_model.windows import from_us
        price, now = PriceBook.load(None).price, lambda: from_us(0)
        with hub.History.open(None, now=now, price=price) as history:
            with hub.HubServer(hub.Board(), "127.0.0.1", 0, history=history) as server:
                urllib.request.urlopen(server.url + "/metrics").read()
                urllib.request.urlopen(server.url).read()  # the web page
                print(server.url)
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://127.0.0.1:")


def test_a_machine_is_forgotten_from_within_the_image(tmp_path: Path) -> None:
    """Beside a hub that runs: the command asks that hub over HTTP."""
    database = tmp_path / "hub.db"
    program = """
        import sys
        from openusage.cli.__main__ import main
        sys.argv = ["openusage", *sys.argv[1:]]
        sys.exit(main())
        """
    forget = ("hub", "forget", "laptop", "--yes", "--database", str(database))
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "OPENUSAGE_HUB_TOKEN": "s3cret"}
    price, now = PriceBook.load(None).price, lambda: dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    with (
        History.open(database, now=now, price=price) as history,
        HubServer(Board(), "127.0.0.1", 0, "s3cret", history=history) as server,
    ):
        seen = {"provider_id": "codex", "account_id": "codex-cli", "timestamp": "2026-03-02T00:00:00Z"}
        push = {
            "machine": "laptop",
            "sent_at": "2026-03-02T00:00:00Z",
            "snapshots": [{**seen, "status": "OK"}],
        }
        token = {"Authorization": "Bearer s3cret"}
        httpx.post(server.url + "/v1/push", json=push, headers=token).raise_for_status()
        done = in_image(program, *forget, "--url", server.url, environ=environ)
        assert not httpx.get(server.url + "/v1/machines", headers=token).json()["machines"]
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Forgot laptop:")


def healthcheck(port: int) -> int:
    """The exit status of the image's own command against a port."""
    _, _, command = only("HEALTHCHECK", final_stage()).partition("CMD ")
    program, *arguments = json.loads(command)
    assert program == "python"
    moved = [a.replace("127.0.0.1:9190", f"127.0.0.1:{port}") for a in arguments]
    return subprocess.run([sys.executable, *moved], capture_output=True, timeout=PATIENCE_S).returncode


def test_the_health_check_tells_a_hub_from_none() -> None:
    with HubServer(Board(), "127.0.0.1", 0, "s3cret", policy=Policy(healthz_machines=False)) as server:
        assert healthcheck(server.port) == 0
    assert healthcheck(server.port) != 0
