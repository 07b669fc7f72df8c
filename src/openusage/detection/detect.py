"""All of it in order: of two finds of one account the first counts; the environment comes before files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from openusage.detection.aider import in_aider
from openusage.detection.files import in_codex, in_opencode, in_saved
from openusage.detection.keys import Credential, in_environment
from openusage.detection.shell import in_start_files
from openusage.detection.tools import Tool, find_binaries, find_tools
from openusage.providers._contract import Env


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """What is on this machine."""

    tools: list[Tool]
    """All we know, found or not, by name."""
    credentials: list[Credential]
    """By provider and account."""


def detect(env: Env, *, cwd: Path, config_dir: Path) -> Detection:
    """Looks at `env.home`, `env.environ`, the working directory `cwd` and our own folder `config_dir`."""
    is_installed = next(find_binaries(("aider",), env.environ, env.home), None) is not None
    found: Iterable[Credential] = (
        *in_environment(env.environ),
        *in_start_files(env.home),
        *in_codex(env.home, env.environ),
        *in_opencode(env.home, env.environ),
        *in_aider(env.home, cwd, is_installed=is_installed),
        *in_saved(config_dir),
    )
    first: dict[tuple[str, str], Credential] = {}
    for credential in found:
        first.setdefault((credential.provider, credential.account), credential)
    return Detection(
        tools=find_tools(env), credentials=sorted(first.values(), key=lambda c: (c.provider, c.account))
    )
