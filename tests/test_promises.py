"""The guide of several machines names a test for each of its promises: nothing is promised without one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openusage.cli.catalog import COMMANDS
from openusage.providers import names
from tests.support.guide import DOCS, block

PAGE = "multi-machine.md"
ROOT = DOCS.parent

PROMISED = (
    "a machine's dashboard sees what its own daemon collected",
    "the same with and without a hub",
    "works with `export.target` alone",
    "the exporter lives in the daemon",
    "as soon as there is something to say, then every interval",
    "the newest state of every account",
    "the newest batch of every machine",
    "`/v1/push`",
    "`/v1/snapshots` tells that alone",
    "history is at paths of its own",
    "push and snapshots ask for the token, `/healthz` never",
    "`openusage hub` has a screen",
    "the same as the local dashboard",
    "`hub-view` is read only, needs no daemon",
    "in each of its places (a box, a server behind a proxy, a container)",
    "loopback without a token is allowed",
    "`:9190`, `0.0.0.0:9190`",
    "three remedies, in these words, exit status 1",
    "`--allow-public`, `OPENUSAGE_HUB_TOKEN` and `--headless`",
    "a TLS terminator in front works: paths, HEAD",
    "so does the hub's own TLS",
    "a token in `settings.json` is refused and never printed",
    "the image: non-root, health check, port, labels, hub only",
    "`export.target`, `export.interval_seconds` and `export.machine_name`",
    "the token from the daemon's environment",
    "a systemd user service `openusage-telemetry` with its `EnvironmentFile=`",
    "a launchd agent `com.openusage.telemetryd`",
    "a failing hub is logged once, and the daemon goes on",
    "tiles are keyed machine, provider, account, and none is lost",
    "takes a token, `https://` and `--interval`",
    "`hub <url> · N machine snapshots`, error state and recovery",
    "after `hub.stale_timeout_seconds` (300), by the hub's clock",
    "`/healthz` lists names only, sorted, or none",
)


def rows() -> dict[str, set[str]]:
    """Promise -> the tests that are named for it."""
    table = (DOCS / PAGE).read_text("utf-8").partition("| promise | shown by |")[2]
    found = {}
    for line in table.splitlines()[2:]:
        _, promise, proof, _ = re.split(r"(?<!\\)\|", line)
        found[promise.strip()] = set(re.findall(r"`(test_\w+)`", proof))
    return found


def test_every_promise_names_a_test_and_every_test_that_is_named_exists() -> None:
    text = "\n".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    written = set(re.findall(r"def (test_\w+)\(", text))
    assert {promise for promise, named in rows().items() if not named} == set()
    assert set().union(*rows().values()) <= written, set().union(*rows().values()) - written


@pytest.mark.parametrize("promise", PROMISED)
def test_what_was_asked_for_is_promised_and_shown(promise: str) -> None:
    assert any(promise in row for row in rows())


def test_the_image_is_built_and_run_as_the_guide_says() -> None:
    """Word for word, and what the lines name is there: the file, the port, the variable."""
    build, run = block(PAGE, "sh", "docker build").splitlines()
    assert build == "docker build -f Dockerfile.hub -t openusage-hub:dev ."
    assert (
        run == "docker run --rm -e OPENUSAGE_HUB_TOKEN=$(openssl rand -hex 32) -p 9190:9190 openusage-hub:dev"
    )
    dockerfile = (ROOT / "Dockerfile.hub").read_text("utf-8")
    assert f"#   {build}\n#   {run}\n" in dockerfile
    assert re.search(r"^EXPOSE 9190$", dockerfile, re.MULTILINE)


@pytest.mark.parametrize(
    "page", ["../README.md", "../CHANGELOG.md", *sorted(p.name for p in DOCS.glob("*.md"))]
)
def test_every_link_and_picture_of_a_page_leads_somewhere(page: str) -> None:
    """Files that are there, and headings as they are written now."""
    file = DOCS / page
    for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text("utf-8")):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        to = (file.parent / path).resolve() if path else file.resolve()
        assert to.exists(), target
        if heading and to.suffix == ".md":
            assert heading in headings(to), target


def test_the_readme_counts_the_tools_and_names_every_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert f"[{len(names())} such tools]" in text
    told = set(re.findall(r"`openusage ([a-z-]+)", text))
    assert told <= set(COMMANDS), "a command that there is not"
    assert set(COMMANDS) - told <= {"completion", "version"}


def headings(page: Path) -> set[str]:
    """As links name them."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}
