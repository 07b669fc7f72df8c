"""A shown table for elsewhere: exact, harmless, and under a name that says what it is."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.tui.export import Extract, Value, as_csv, as_json, as_text, file_name

EXTRACT = Extract(
    name="machines 7d",
    columns=("machine", "cost_usd", "tokens"),
    rows=[("work-laptop", 96.1, 18_200_000), ("ci", None, 0)],
    about={"window": "7d"},
)


def test_csv_has_a_heading_and_leaves_out_what_is_not_reported() -> None:
    assert as_csv(EXTRACT) == b"machine,cost_usd,tokens\r\nwork-laptop,96.1,18200000\r\nci,,0\r\n"


def test_json_names_every_value_and_says_what_it_is_of() -> None:
    assert json.loads(as_json(EXTRACT)) == {
        "about": {"window": "7d"},
        "rows": [
            {"machine": "work-laptop", "cost_usd": 96.1, "tokens": 18_200_000},
            {"machine": "ci", "cost_usd": None, "tokens": 0},
        ],
    }


def test_a_row_as_text_begins_with_its_name() -> None:
    assert as_text(EXTRACT.columns, EXTRACT.rows[0]) == "work-laptop  cost_usd 96.1  tokens 18200000"
    assert as_text(EXTRACT.columns, EXTRACT.rows[1]) == "ci  tokens 0"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_no_name_becomes_a_formula(name: str) -> None:
    extract = Extract(name="x", columns=("machine",), rows=[(name,)])
    ((found,),) = list(csv.reader(io.StringIO(as_csv(extract).decode(), newline="")))[1:]
    assert found == f"'{name}"


cells = st.one_of(st.none(), st.integers(-(2**53), 2**53), st.text(st.characters(exclude_categories=["Cs"])))


@given(st.lists(st.tuples(cells, cells)))
def test_whatever_is_in_it_comes_out_again(rows: list[tuple[Value, Value]]) -> None:
    extract = Extract(name="x", columns=("a", "b"), rows=rows)
    assert [tuple(row.values()) for row in json.loads(as_json(extract))["rows"]] == rows
    back = list(csv.reader(io.StringIO(as_csv(extract).decode(), newline="")))[1:]
    assert [[cell.removeprefix("'") for cell in row] for row in back] == [
        ["" if v is None else str(v).removeprefix("'") for v in row] for row in rows
    ]


def test_a_file_is_called_by_what_it_is_of_and_when() -> None:
    now = dt.datetime(2026, 11, 25, 8, 59, 7)  # noqa: DTZ001
    assert file_name("Machines 7d", now, "csv") == "openusage-machines-7d-20261125-085907.csv"
    assert file_name("../../etc/passwd", now, "svg") == "openusage-etc-passwd-20261125-085907.svg"
