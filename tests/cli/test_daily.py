"""`openusage daily`: the question it asks, and where its answer goes."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from openusage.cli import compose, daily
from openusage.cli.__main__ import main
from openusage.wire.events import EventKind
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window

ROWS = [
    Rollup(
        key={By.DAY: "2026-05-31", By.MODEL: "claude-opus-4-6", By.PROVIDER: "claude_code"},
        events=3,
        input=346,
        output=15_614,
        cost_nano=2_941_499_250,
    ),
    Rollup(
        key={By.DAY: "2026-05-31", By.MODEL: "größer-7b", By.PROVIDER: "codex"}, events=1, unpriced_events=1
    ),
]


class Source:
    """A `UsageSource` that answers with given rows and remembers what it was asked."""

    def __init__(self, rows: list[Rollup]) -> None:
        self.rows = rows
        self.asked: list[dict[str, Any]] = []
        self.open = False

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        assert self.open
        self.asked.append({"window": window, "by": tuple(by), "where": where, "tz": tz})
        return self.rows

    def close(self) -> None:
        self.open = False


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    source = Source(ROWS)

    @contextlib.contextmanager
    def usage_source(*_: object, progress: Callable[[str], None] | None) -> Iterator[Source]:
        source.open = True
        if progress is not None:
            progress("Reading history: 612 MB of 1.0 GB, Claude Code, 2 s left")
        yield source
        source.close()

    monkeypatch.setattr(compose, "usage_source", usage_source)
    return source


def asked(source: Source, *args: str) -> dict[str, Any]:
    assert main(["daily", *args]) == 0
    (question,) = source.asked
    assert not source.open
    return question


def test_all_messages_by_local_day_model_and_tool(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert asked(source) == {
        "window": Window("all"),
        "by": (By.DAY, By.MODEL, By.PROVIDER),
        "where": Filter(kinds=(EventKind.MESSAGE,)),
        "tz": "Asia/Tokyo",
    }


def test_filters(source: Source) -> None:
    question = asked(source, "--provider", "codex", "--provider", "claude_code", "--project", "site")
    assert question["where"].providers == ("codex", "claude_code")
    assert question["where"].projects == ("site",)


def test_since_and_until_are_whole_local_days(source: Source) -> None:
    """Both included: until 31 May means up to the first moment of 1 June, in the report's zone."""
    question = asked(source, "--since", "2026-05-01", "--until", "2026-05-31", "--tz", "Europe/Berlin")
    berlin = dt.timezone(dt.timedelta(hours=2))
    start, end = dt.datetime(2026, 5, 1, tzinfo=berlin), dt.datetime(2026, 6, 1, tzinfo=berlin)
    assert question["tz"] == "Europe/Berlin"
    assert question["window"] == Window(
        "custom", int(start.timestamp()) * 1_000_000, int(end.timestamp()) * 1_000_000
    )


@pytest.mark.parametrize(
    ("args", "open_end"), [(("--since", "2026-05-01"), "to"), (("--until", "20260531"), "from")]
)
def test_either_end_may_be_open(source: Source, args: tuple[str, str], open_end: str) -> None:
    window = asked(source, *args)["window"]
    assert (window.to_us is None, window.from_us is None) == (open_end == "to", open_end == "from")


def test_timezone_is_another_name_of_tz(source: Source) -> None:
    assert asked(source, "--timezone", "UTC", "--offline")["tz"] == "UTC"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--since", "garbage"], "'garbage' is no day such as 2026-05-31"),
        (["--until", "2026-02-30"], "is not in the calendar"),
        (
            ["--since", "2026-05-02", "--until", "2026-05-01"],
            "--since 2026-05-02 is after --until 2026-05-01",
        ),
        (["--json", "--csv"], "--json and --csv exclude each other"),
        (["--tz", "Europe/Berln"], 'no time zone "Europe/Berln"'),
        (["--top-models", "-1"], "--top-models"),
    ],
)
def test_a_wrong_question_is_not_asked(
    source: Source, args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["daily", *args]) == 2
    out, err = capsys.readouterr()
    assert source.asked == []
    assert out == ""
    assert message in err
    assert err.count("\n") <= 2


def test_the_table_is_plain_where_there_is_no_terminal(
    source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(source)
    out, err = capsys.readouterr()
    assert out.startswith("DAILY       MODELS")
    assert "\x1b" not in out
    assert err == ""


def test_json_is_one_document(source: Source, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    asked(source, "--json", "-b", "--tz", "UTC")
    out, err = capfdbinary.readouterr()
    document = json.loads(out.decode("utf-8"))
    assert document["rows"][0]["models"] == ["claude-opus-4-6", "größer-7b"]
    assert len(document["rows"][0]["model_breakdown"]) == 2
    assert document["timezone"] == "UTC"
    assert err == b""


def test_csv_can_be_read_by_others(source: Source, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    asked(source, "--csv", "--breakdown", "--top-models", "1")
    lines = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode("utf-8"))))
    assert [line["model"] for line in lines] == ["claude-opus-4-6", "1 more"]


def test_nothing_found_is_said_on_stderr(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that reads stdout gets no sentence for a number; JSON is a document all the same."""
    source.rows = []
    assert main(["daily"]) == 0
    assert capsys.readouterr() == ("", "No usage found for these days and filters.\n")
    assert main(["daily", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(
    source: Source, environ: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["daily"]) == 0
    assert ("\x1b[" in terminal.getvalue()) is coloured


def test_a_narrow_terminal_gets_fewer_columns(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["daily"]) == 0
    table = [line for line in terminal.getvalue().splitlines() if not line.startswith("*")]
    assert max(map(len, table)) <= 40


def test_progress_is_one_line_that_is_gone_at_the_end(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    assert main(["daily"]) == 0
    assert terminal.getvalue() == "\r\x1b[KReading history: 612 MB of 1.\r\x1b[K"


def test_no_progress_without_a_terminal() -> None:
    assert daily.ProgressLine().show is None


def test_models_are_those_meant_for_people_and_those_named_for_programs(
    source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ("claude-4.6-opus-high-thinking", "claude-opus-4-6")
    source.rows = [
        Rollup(key={By.DAY: "2026-05-31", By.MODEL: name, By.PROVIDER: "cursor"}, events=1, input=7)
        for name in named
    ]
    assert main(["daily", "-b"]) == 0
    assert capsys.readouterr().out.count("opus-4-6") == 2  # of the day, and of the total
    assert main(["daily", "-b", "--json"]) == 0
    [day] = json.loads(capsys.readouterr().out)["rows"]
    assert day["models"] == [part["key"] for part in day["model_breakdown"]] == list(named)
    assert {part["lineage"] for part in day["model_breakdown"]} == {"claude-opus-4-6"}
    assert main(["daily", "-b", "--csv"]) == 0
    assert [row["model"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == list(named)
