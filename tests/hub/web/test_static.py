"""Files under addresses that never change their meaning."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import pytest

from openusage.hub.http import Answer
from openusage.hub.web.static import FOLDER, Static


def asked(path: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"path": path, "headers": list(headers), "method": "GET"}


def headers(answer: Answer) -> dict[bytes, bytes]:
    return dict(answer.start["headers"])


def test_every_file_of_the_page_is_there_with_its_kind() -> None:
    static = Static()
    kinds = {
        "js": b"text/javascript; charset=utf-8",
        "css": b"text/css; charset=utf-8",
        "svg": b"image/svg+xml",
    }
    names = ("vendor/htmx.min.js", "vendor/uplot.min.js", "vendor/uplot.min.css", "page.js", "icon.svg")
    for name in names:
        answer = static.respond(asked(static.address(name)))
        assert answer.start["status"] == 200
        assert headers(answer)[b"content-type"] == kinds[name.rpartition(".")[2]]
        assert answer.body["body"] == (FOLDER / name).read_bytes()


def test_a_browser_keeps_a_file_for_good_and_an_address_dies_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    before = Static(tmp_path)
    assert b"immutable" in headers(before.respond(asked(before.address("a.js"))))[b"cache-control"]
    (tmp_path / "a.js").write_text("2")
    after = Static(tmp_path)
    assert after.address("a.js") != before.address("a.js")
    assert after.respond(asked(before.address("a.js"))).start["status"] == 404


def test_a_file_goes_compressed_to_whoever_takes_it(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("x" * 1000)
    static = Static(tmp_path)
    packed = static.respond(asked(static.address("a.css"), (b"accept-encoding", b"gzip")))
    assert headers(packed)[b"content-encoding"] == b"gzip"
    assert gzip.decompress(packed.body["body"]) == b"x" * 1000


@pytest.mark.parametrize(
    "path", ["/static/", "/static/../static.py", "/static/%2e%2e/x.js", "/static/page.js"]
)
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    assert Static().respond(asked(path)).start["status"] == 404


def test_scripts_that_are_missing_are_told_with_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "openusage.hub"):
        static = Static(tmp_path)
    assert "htmx.min.js" in caplog.text
    assert "make setup" in caplog.text
    assert static.respond(asked(static.address("vendor/htmx.min.js"))).start["status"] == 404


def test_licences_of_others_go_with_their_scripts() -> None:
    for name in ("htmx", "uplot"):
        assert "without" in (FOLDER / "vendor" / f"{name}.LICENSE.txt").read_text().lower()
