"""What an address says, and the addresses that a page leads to."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.hub.usage import BadQuestion
from openusage.hub.web.address import Address, Show, Sort, read
from openusage.wire.pane import GROUPS, WINDOWS
from openusage.wire.rollups import By

NAMES = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text)


def again(href: str) -> Address:
    parts = urlsplit(href)
    return read(parts.path.encode(), parts.query.encode())


@given(
    machine=NAMES,
    window=st.sampled_from(WINDOWS),
    group=st.sampled_from([None, *(g for g in GROUPS if g is not By.MODEL)]),
    show=st.sampled_from([None, *Show]),
    sort=st.sampled_from(Sort),
    descends=st.booleans(),
    q=NAMES,
    where=st.lists(st.tuples(st.sampled_from(["model", "project"]), NAMES), max_size=2),
)
def test_an_address_reads_back_as_it_was_written(**said: object) -> None:
    machine, where = str(said.pop("machine")), said.pop("where")
    assert isinstance(where, list)
    address = Address(
        parts=("machines", machine),
        tz="Europe/Berlin",
        where=tuple(sorted(where, key=lambda pair: pair[0])),
        **said,  # type: ignore[arg-type]
    )
    assert again(address.href) == address


def test_what_is_as_always_stays_out_of_the_address() -> None:
    assert read(b"/", b"").href == "/"
    assert read(b"/", b"window=7d&group=machine&sort=window&dir=desc&q=").href == "/"
    assert read(b"/machines/a%2Fb", b"group=model").href == "/machines/a%2Fb"


def test_a_link_changes_one_thing_and_keeps_the_others() -> None:
    address = read(b"/", b"window=30d&model=opus&tz=UTC&q=lap")
    assert address.to(window="1d") == "/?window=1d&model=opus&q=lap&tz=UTC"
    assert address.without("model", "opus") == "/?window=30d&q=lap&tz=UTC"
    assert address.page("machines", "a b/ü") == "/machines/a%20b%2F%C3%BC?window=30d&tz=UTC"


def test_a_column_sorts_by_the_greatest_first_and_then_the_other_way_round() -> None:
    address = read(b"/", b"")
    assert address.sorted_by(Sort.TODAY) == "/?sort=today"
    assert again(address.sorted_by(Sort.TODAY)).sorted_by(Sort.TODAY) == "/?sort=today&dir=asc"
    assert address.sorted_by(Sort.NAME) == "/?sort=name"
    assert again(address.sorted_by(Sort.NAME)).sorted_by(Sort.NAME) == "/?sort=name&dir=desc"
    assert address.sorted_by(Sort.WINDOW) == "/?dir=asc"


def test_a_label_of_a_machine_leads_to_the_fleet_with_both_filters() -> None:
    address = read(b"/machines/laptop", b"window=30d")
    assert address.grouped_by is By.MODEL
    assert address.narrowed("model", "opus") == "/?window=30d&machine=laptop&model=opus"
    assert again(address.narrowed("model", "opus")).grouped_by is By.MACHINE


def test_a_machine_page_asks_for_its_machine_alone() -> None:
    wanted = read(b"/machines/laptop", b"project=site").wanted("UTC")
    assert (wanted.where.machines, wanted.where.projects) == (("laptop",), ("site",))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (b"window=2d", 'window: "2d" is none of: 1d, 3d, 7d, 30d, all'),
        (b"group=day", 'group: "day" is none of: machine, provider,'),
        (b"show=money", 'show: "money" is none of: cost, tokens'),
        (b"sort=size", 'sort: "size" is none of: name,'),
        (b"dir=up", 'dir: "up" is none of: asc, desc'),
        (b"tz=Nowhere", "tz: "),
        (b"colour=red", 'there is no parameter "colour"'),
        (b"q=a&q=b", "q: may be given once only"),
    ],
)
def test_a_bad_parameter_is_named(query: bytes, said: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        read(b"/", query)
    assert refused.value.message.startswith(said)


def test_names_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadQuestion, match="UTF-8"):
        read(b"/machines/%ff", b"")
