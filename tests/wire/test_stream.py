"""Events of a stream, as bytes and back."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.wire.stream import (
    HEARTBEAT,
    MAX_EVENT_BYTES,
    EventReader,
    Happened,
    Hello,
    MachineChanged,
    Reset,
    SnapshotsChanged,
    StreamEvent,
    Told,
    TooLong,
    UsageChanged,
    understand,
    write,
)

EVENTS = st.one_of(
    st.builds(Hello, resumed=st.booleans()),
    st.just(Reset()),
    st.builds(MachineChanged, name=st.text(st.characters(codec="utf-8")), happened=st.sampled_from(Happened)),
    st.just(UsageChanged()),
    st.just(SnapshotsChanged()),
)


def read(*parts: bytes) -> list[Told]:
    reader = EventReader()
    return [told for part in parts for told in reader.feed(part)]


def test_an_event_is_three_lines_and_a_blank_one() -> None:
    event = MachineChanged(name="work\nmac", happened=Happened.HEARD)
    assert write(event, "a-7") == (
        b'id: a-7\nevent: machine\ndata: {"type":"machine","name":"work\\nmac","happened":"heard"}\n\n'
    )


@given(st.lists(EVENTS, max_size=8), st.lists(st.integers(0, 2000), max_size=20))
def test_whatever_is_written_is_read_however_it_is_cut(events: list[StreamEvent], cuts: list[int]) -> None:
    written = b"retry: 5\n\n" + HEARTBEAT.join(write(e, f"p-{n}") for n, e in enumerate(events))
    ends = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    told = read(*(written[a:b] for a, b in itertools.pairwise(ends)))
    assert [understand(t) for t in told] == events
    assert [t.id for t in told] == [f"p-{n}" for n in range(len(events))]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_any_of_three_ways(end: bytes) -> None:
    lines = [
        b"event:usage",
        b"id: 1",
        b": a comment",
        b"data: a",
        b"data:b",
        b"unknown: x",
        b"data",
        b"",
        b":",
    ]
    written = b"".join(line + end for line in lines) + b"\n"
    assert read(written) == read(*(written[n : n + 1] for n in range(len(written))))
    assert read(written) == [Told("1", "usage", b"a\nb\n")]


def test_an_event_without_data_is_none_but_its_id_stays() -> None:
    assert read(b"event: usage\nid: 4\n\ndata: x\n\n") == [Told("4", "", b"x")]


@pytest.mark.parametrize("id", [b"a\0b", b"\x1b[2J", "ü".encode(), b"\xff"])
def test_an_id_that_cannot_be_sent_back_is_none(id: bytes) -> None:
    assert read(b"id: 1\nid: " + id + b"\ndata: x\n\n") == [Told("1", "", b"x")]


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"type":"future"}', b'{"type":"machine"}', b'{"type":"hello","resumed":1}', b"\xff"],
)
def test_what_a_newer_hub_says_is_passed_over(data: bytes) -> None:
    assert understand(Told("1", "future", data)) is None


def test_fields_of_a_newer_hub_do_no_harm() -> None:
    assert understand(Told("1", "usage", b'{"type":"usage","since":5}')) == UsageChanged()


def test_what_has_no_end_is_not_kept() -> None:
    with pytest.raises(TooLong):
        read(*([b"x" * 65_536] * (MAX_EVENT_BYTES // 65_536 + 1)))
    with pytest.raises(TooLong):
        read(*([b"data: " + b"x" * 65_536 + b"\n"] * (MAX_EVENT_BYTES // 65_536 + 1)))
