"""What is sent of a change."""

from __future__ import annotations

import pytest

from openusage.hub.web.live import MOST_ROWS, Difference, Memory, Parts, Unknown, hashed


def parts(rows: dict[str, str], **zones: str) -> Parts:
    return Parts({"figures": "f", **zones}, rows)


def difference(memory: Memory, since: str, now: Parts) -> Difference | None:
    return memory.since(since, hashed(now), now)


def followed(before: Parts, *after: Parts) -> list[Difference | None]:
    """What a page is told that asks after each of these, from the first on."""
    memory, told = Memory(), []
    since = memory.remember(hashed(before))
    for now in after:
        said = difference(memory, since, now)
        told.append(said)
        since = said.since if said else since
    return told


def test_nothing_changed_is_nothing_to_send() -> None:
    assert followed(parts({"a": "1"}), parts({"a": "1"})) == [None]


def test_only_what_changed_is_sent() -> None:
    [said] = followed(parts({"a": "1", "b": "2"}, foot="x"), parts({"a": "1", "b": "3"}, foot="y"))
    assert said is not None
    assert said.changed == [("foot", "y"), ("b", "3")]
    assert (said.added, said.removed, said.order, said.more) == ([], [], [], False)


def test_an_age_alone_is_no_change() -> None:
    before, after = ('<time datetime="T" data-age>4 s</time>', '<time datetime="T" data-age>9 s</time>')
    assert followed(parts({"a": before}), parts({"a": after})) == [None]
    later = '<time datetime="U" data-age>4 s</time>'
    assert followed(parts({"a": before}), parts({"a": later})) != [None]


def test_rows_come_and_go() -> None:
    [said] = followed(parts({"a": "1", "b": "2"}), parts({"b": "2", "c": "3"}))
    assert said is not None
    assert (said.added, said.removed, said.changed, said.order) == (["3"], ["a"], [], [])


def test_another_order_is_told_once() -> None:
    ab, ba = parts({"a": "1", "b": "2"}), parts({"b": "2", "a": "1"})
    moved, then = followed(ab, ba, ba)
    assert moved is not None
    assert (moved.order, moved.changed) == (["b", "a"], [])
    assert then is None


def test_a_new_row_in_the_middle_is_put_there() -> None:
    [said] = followed(parts({"a": "1", "c": "3"}), parts({"a": "1", "b": "2", "c": "3"}))
    assert said is not None
    assert (said.added, said.order) == (["2"], ["a", "b", "c"])


def test_many_rows_come_a_bounded_part_at_a_time_and_all_in_the_end() -> None:
    before = parts({f"r{n}": "old" for n in range(60)})
    now = parts({f"r{n}": "new" for n in range(70)})
    memory = Memory()
    since, page = memory.remember(hashed(before)), dict(before.rows)
    rounds = 0
    while said := difference(memory, since, now):
        assert len(said.changed) + len(said.added) <= MOST_ROWS
        page |= {id: html for id, html in said.changed if id in now.rows}
        page |= {f"r{n}": "new" for n in range(60, 60 + len(page) - 60 + len(said.added))}
        since, rounds = said.since, rounds + 1
        if not said.more:
            break
    assert page == now.rows
    assert rounds == 3
    assert difference(memory, since, now) is None


def test_pages_that_show_the_same_share_one_state() -> None:
    memory = Memory()
    one, other = parts({"a": "1"}), parts({"a": "1"})
    assert memory.remember(hashed(one)) == memory.remember(hashed(other))


def test_a_state_of_another_hub_or_of_long_ago_is_unknown() -> None:
    memory = Memory()
    first = memory.remember(hashed(parts({"a": "0"})))
    for n in range(300):
        memory.remember(hashed(parts({"a": str(n + 1)})))
    for since in (first, "", "x"):
        with pytest.raises(Unknown):
            difference(memory, since, parts({}))
