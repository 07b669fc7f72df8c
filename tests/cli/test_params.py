"""Values on the command line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.cli.params import Day, Duration, FilePath, HubUrl, duration_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1m30s", 90), ("1h2m3s", 3723), ("1.5h", 5400), ("500ms", 0.5), ("2m0.5s", 120.5),
     ("250us", 0.00025), ("250µs", 0.00025), ("45", 45), ("0.5", 0.5), ("0", 0), ("0s", 0), (" 30s ", 30)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1s", "-5", "30 s", "30x", "s", "1m30", "nan", "inf", "1e999"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        duration_s(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_hours_minutes_and_seconds_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert duration_s(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


def test_a_duration_has_limits() -> None:
    kind = Duration(1, at_most_s=3600)
    assert kind.convert("1m", None, None) == 60
    for text in ("0", "500ms", "2h", "soon"):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)
    assert Duration(1, or_zero=True).convert("0", None, None) == 0


@pytest.mark.parametrize("text", ["2026-05-31", "20260531"])
def test_days(text: str) -> None:
    assert Day().convert(text, None, None) == dt.date(2026, 5, 31)


@pytest.mark.parametrize(
    "text", ["garbage", "2026-02-30", "2026-5-1", "0001-01-01", "9999-12-31", "2026-W22-7", ""]
)
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Day().convert(text, None, None)


def test_hub_addresses() -> None:
    assert HubUrl().convert("hub.lan:9190", None, None) == "http://hub.lan:9190"
    with pytest.raises(click.BadParameter, match="found 'ftp://x'"):
        HubUrl().convert("ftp://x", None, None)


def test_a_password_in_a_hub_address_is_not_printed() -> None:
    with pytest.raises(click.BadParameter) as e:
        HubUrl().convert("http://me:s3cret-x@hub", None, None)
    assert "s3cret-x" not in e.value.format_message()


def test_paths_are_absolute(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert FilePath().convert("~/x.sock", None, None) == home / "x.sock"
    assert FilePath().convert("x.sock", None, None) == tmp_path / "x.sock"
