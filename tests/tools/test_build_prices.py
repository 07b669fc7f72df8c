"""The script that makes the shipped price table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import build_prices


def test_check_fails_until_the_table_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "prices.json"
    monkeypatch.setattr(build_prices, "TARGET", target)
    assert build_prices.main(["--check"]) == 1
    assert "python -m tools.build_prices" in capsys.readouterr().err
    assert build_prices.main([]) == 0
    assert build_prices.main(["--check"]) == 0
    target.write_bytes(target.read_bytes().replace(b'"unit"', b'"unix"'))
    assert build_prices.main(["--check"]) == 1


def test_the_table_is_the_same_every_time() -> None:
    assert build_prices.build() == build_prices.build()
