"""Fragments of HTML to the letter, and names that try to be more than names."""

from __future__ import annotations

import datetime as dt
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from openusage.hub.web.address import Address
from openusage.hub.web.live import Difference
from openusage.hub.web.page import Material, View, view
from openusage.hub.web.render import PARTS, Renderer
from openusage.wire.pane import Pane
from openusage.wire.rollups import By
from openusage.wire.sections import Sections, Share, Totals
from tests.hub.web.samples import NOON, account, credit, gauge, limit, machine, pane, row

RENDERER = Renderer(lambda name: f"/static/{name}")
EVIL = (
    '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'
    "<hx-partial hx-target='body'>&amp;\u202e\x1b]0;x\x07"
)


def drawn(said: Pane, address: Address | None = None, **more: Any) -> View:
    return view(Material(address=address or Address(), host="hub.lan:9190", pane=said, **more))


def squeezed(html: str) -> str:
    return re.sub(r"\n+", "", html)


def page(said: View) -> str:
    return RENDERER.page(said, RENDERER.parts(said), "0" * 24)


def test_a_row_is_a_row() -> None:
    said = drawn(pane(row("laptop", 18.2, limit=limit(83.0))))
    [(id, html)] = RENDERER.parts(said).rows.items()
    assert squeezed(html) == (
        f'<tr role="row" id="{id}" class="is-fresh" data-state="live">'
        '<th role="rowheader" scope="row" class="name fresh">'
        '<span class="sign" role="img" aria-label="live">●</span>'
        '<a href="/machines/laptop" title="laptop">laptop</a></th>'
        '<td role="cell" class="state fresh"><span class="sign" aria-hidden="true">●</span> '
        '<span class="word">live</span></td>'
        '<td role="cell" class="today n">$1.82</td>'
        '<td role="cell" class="window n">$18.20</td>'
        '<td role="cell" class="share">'
        '<svg class="bar" aria-hidden="true"><rect width="50%" height="100%"/></svg>'
        '<span class="n">50 %</span></td>'
        '<td role="cell" class="top" title="claude-opus-4-6">claude-opus-4-6</td>'
        '<td role="cell" class="limit"><span class="who">Claude Code 5 h</span> '
        '<b class="pct warn"><span class="sign">▲</span> 83 %</b></td>'
        '<td role="cell" class="spark"><svg viewBox="0 0 9 20" preserveAspectRatio="none" aria-hidden="true">'
        '<path d="M0 20v-1h2v1zM3 20v-20h2v20zM6 20v-2h2v2z"/></svg></td>'
        '<td role="cell" class="seen"><time datetime="2026-11-22T11:59:56Z" data-age>4 s</time></td>'
        "</tr>"
    )


def test_a_limit_shows_its_share_its_reset_and_its_outlook() -> None:
    soon = NOON + dt.timedelta(hours=1, minutes=18)
    said = drawn(pane(accounts=[account(gauges=[gauge(83.0, window_s=18_000, resets_at=soon)])]))
    html = squeezed(RENDERER.parts(said).zones["accounts"])
    assert (
        '<svg class="gauge warn" aria-hidden="true"><rect class="track" width="100%" height="100%"/>'
        '<rect class="ahead" x="83%" width="17%" height="100%"/>'
        '<rect class="fill" width="83%" height="100%"/>'
        '<rect class="mark" x="99.2%" width="2" height="100%"/></svg>'
    ) in html
    assert (
        'resets in <time datetime="2026-11-22T13:18:00Z" data-until>1 h 18 m</time> · '
        '<em class="urgent">full in 45 m</em>'
    ) in html


def test_the_table_behind_the_chart_has_every_figure() -> None:
    html = squeezed(RENDERER.parts(drawn(pane(row("laptop", 12.5)))).zones["chart"])
    assert (
        '<tr><th scope="row" data-tick="21 Nov">Sat 21 Nov</th>'
        '<td data-v="12.5">$12.50</td><td>$12.50</td></tr>'
    ) in html
    assert '<caption class="sr">Cost by day</caption>' in html
    assert re.search(
        '<button type="button" aria-pressed="true" data-key="r-[0-9a-f]{12}" data-colour="1">', html
    )


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_one_element_with_its_id_also_when_it_is_empty(part: str) -> None:
    full = drawn(
        pane(row("a"), notes=["n"], copies=1, accounts=[account(gauges=[gauge()])]),
        rankings={By.MODEL: [row("opus")]},
    )
    for said in (full, drawn(pane())):
        html = RENDERER.parts(said).zones[part].strip()
        tag = re.match(rf'<(\w+) id="{part}"', html)
        assert tag is not None
        assert html.endswith(f"</{tag[1]}>")
        assert outermost(html) == 1


class Reader(HTMLParser):
    """Counts elements, and collects what could be code."""

    VOID = frozenset(("meta", "link", "input", "rect", "path", "br"))

    def __init__(self) -> None:
        super().__init__()
        self.depth = self.outermost = 0
        self.scripts: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.outermost += self.depth == 0
        self.depth += tag not in self.VOID
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1


def outermost(html: str) -> int:
    reader = Reader()
    reader.feed(html)
    assert reader.depth == 0
    return reader.outermost


def evil_view() -> View:
    said = Sections(
        provider_id=EVIL,
        account_id=EVIL,
        machine=EVIL,
        name=EVIL,
        status=EVIL,
        message=EVIL,
        timestamp=NOON,
        totals=Totals(),
        tools=[Share(name=EVIL, requests=1.0)],
        plan=EVIL,
    )
    bad = account(
        EVIL,
        provider=EVIL,
        account=EVIL,
        plan=EVIL,
        machines=[EVIL],
        gauges=[gauge(label=EVIL, unit=EVIL, limit=1.0, remaining=1.0)],
        credits=[credit(remaining=1.0, unit=EVIL)],
    )
    rows = [row(EVIL, top=EVIL, limit=limit(9.0, EVIL), own_window=EVIL)]
    return drawn(
        pane(*rows, notes=[EVIL], accounts=[bad]),
        Address(parts=("machines", EVIL), q="img", where=(("model", EVIL),), on=EVIL),
        machine=machine(EVIL, version=EVIL, clock_skew_s=999.0),
        told=[said],
        rankings={By.PROJECT: [row(EVIL)]},
        signed_in=True,
    )


def test_no_name_becomes_code_an_element_or_an_address_elsewhere() -> None:
    clean, evil = Reader(), Reader()
    clean.feed(page(drawn(pane(row("a")), signed_in=True)))
    html = page(evil_view())
    evil.feed(html)
    assert evil.scripts == clean.scripts
    assert "img" not in evil.tags
    assert "hx-partial" not in evil.tags
    assert all(not name.startswith("on") for name, _ in evil.attributes)
    assert all(name != "style" for name, _ in evil.attributes)
    for name, value in evil.attributes:
        if name in ("href", "action", "hx-get", "src"):
            assert value.startswith(("/", "#")), value
            assert not value.startswith("//"), value
    # What a form sends back is as it came; all that is shown is safe to show.
    told = [*evil.shown, *(value for name, value in evil.attributes if name != "value")]
    assert {c for text in told for c in text if not c.isprintable()} <= {"\n", "\u00a0"}
    assert any("{{7*7}}" in text for text in evil.shown)


def test_a_live_answer_holds_names_no_less_tight() -> None:
    parts = RENDERER.parts(evil_view())
    difference = Difference(
        changed=[*parts.zones.items(), *parts.rows.items()],
        added=list(parts.rows.values()),
        removed=[],
        order=list(parts.rows),
        since="0" * 24,
        more=False,
    )
    html = RENDERER.live("/live?q=%22%3E", NOON, difference)
    # htmx turns every `<hx-partial` into an element: those that we wrote, and no other.
    assert len(re.findall("<hx-", html)) == len(difference.changed) + 1 + 3
    assert "<script" not in html
    assert "<img" not in html


def test_a_form_says_what_was_wrong_and_gives_nothing_away() -> None:
    html = RENDERER.sign_in("hub.lan:9190", "/machines/a", "This token is not good here.")
    assert '<input type="hidden" name="next" value="/machines/a">' in html
    assert 'type="password"' in html
    assert '<p id="problem" class="problem" role="alert">This token is not good here.</p>' in html
    assert "problem" not in RENDERER.sign_in("hub", "/")
    assert "<b>" not in RENDERER.sign_in("<b>", '"><b>')
