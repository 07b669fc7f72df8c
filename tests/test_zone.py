"""Time zones: this machine's name for its zone, zones by name, where days begin and end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from openusage.errors import UsageError
from openusage.zone import day_bounds_us, is_zone, load_zone, local_zone_name

H_US = 3_600_000_000


@pytest.mark.parametrize(
    ("tz", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Europe/Berlin", "Europe/Berlin"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        (":/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"),
        ("<+03>-3", "Etc/GMT-3"),
        ("XYZ5", "Etc/GMT+5"),
        ("UTC0", "UTC"),
        ("UTC", "UTC"),
    ],
)
def test_the_environment_decides(tz: str, name: str, tmp_path: Path) -> None:
    assert local_zone_name({"TZ": tz}, etc=tmp_path) == name


def test_a_posix_zone_is_the_offset_it_says(tmp_path: Path) -> None:
    """`XYZ5` is five hours west of Greenwich."""
    zone = load_zone(local_zone_name({"TZ": "XYZ5"}, etc=tmp_path))
    assert dt.datetime(2026, 1, 1, tzinfo=zone).utcoffset() == dt.timedelta(hours=-5)


def test_else_the_systems_link_does(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/America/New_York")
    assert local_zone_name({}, etc=tmp_path) == "America/New_York"
    assert local_zone_name({"TZ": "no such zone"}, etc=tmp_path) == "America/New_York"


def test_else_the_systems_file_does(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif2")
    (tmp_path / "timezone").write_text("Asia/Kolkata\n")
    assert local_zone_name({}, etc=tmp_path) == "Asia/Kolkata"


def test_else_it_is_utc(tmp_path: Path) -> None:
    assert local_zone_name({}, etc=tmp_path) == "UTC"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Europe", "a\0b"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    assert not is_zone(name)
    with pytest.raises(UsageError, match="no time zone"):
        load_zone(name)


@pytest.mark.parametrize(
    ("wrong", "right"), [("europe/berlin2", "Europe/Berlin"), ("New York", "America/New_York")]
)
def test_a_near_name_is_suggested(wrong: str, right: str) -> None:
    with pytest.raises(UsageError) as e:
        load_zone(wrong)
    assert right in e.value.hint


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", dt.date(2026, 3, 29), 24),
        ("Europe/Berlin", dt.date(2026, 3, 29), 23),
        ("Europe/Berlin", dt.date(2026, 10, 25), 25),
        ("America/Havana", dt.date(2025, 3, 9), 23),  # midnight itself is skipped
        ("America/Havana", dt.date(2025, 11, 2), 25),  # midnight comes twice
    ],
)
def test_a_day_is_as_long_as_it_is(zone: str, day: dt.date, hours: int) -> None:
    start, end = day_bounds_us(day, load_zone(zone))
    assert end - start == hours * H_US
    assert day_bounds_us(day + dt.timedelta(days=1), load_zone(zone))[0] == end


def test_a_day_begins_at_local_midnight() -> None:
    start, _ = day_bounds_us(dt.date(1970, 1, 2), load_zone("Asia/Tokyo"))
    assert start == 15 * H_US
