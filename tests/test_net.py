"""Which authorities a connection trusts: those that are named, and a sentence where they cannot be read."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from openusage.client import DaemonClient, HubClient
from openusage.errors import UsageError
from openusage.exporter.target import Target, client
from openusage.net import trusted, trusted_anyway
from tests.hub.conftest import Clock
from tests.support.certificates import Authority


def names(context: ssl.SSLContext) -> list[object]:
    return [known["subject"] for known in context.get_ca_certs()]


def test_the_named_authority_is_trusted_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).file))
    assert len(names(trusted())) == 1
    assert names(trusted_anyway()) == names(trusted())


@pytest.mark.parametrize(
    ("text", "why"), [(None, "No such file or directory"), ("hello", "it holds no certificate")]
)
def test_a_file_that_cannot_be_used_stops_a_command_and_no_daemon(
    text: str | None,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "authority.pem"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    said = f"SSL_CERT_FILE is {file}, which cannot be used: {why}."
    with pytest.raises(UsageError) as caught:
        HubClient("https://hub", token="", now=Clock().now)
    assert caught.value.message == said
    DaemonClient(tmp_path / "socket", now=Clock().now).close()
    assert not client(Target(url="https://hub", token="", machine="laptop", machine_id="")).is_closed
    assert len(names(trusted_anyway())) > 1
    assert said in caplog.text
