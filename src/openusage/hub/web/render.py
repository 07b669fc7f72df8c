"""Templates: a `View` as HTML, whole or in the parts that a live page replaces. Pure, but reads its files.

Everything that others named goes through the escaping of Jinja2; the page has no script and no style of its
own in it, so its policy can forbid both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from openusage import format as fmt
from openusage.hub.web.live import Difference, Parts
from openusage.hub.web.page import View
from openusage.hub.web.table import Row

TEMPLATES = Path(__file__).parent / "templates"
PARTS = (
    *("crowd", "heading", "figures", "notes", "chart", "count", "nothing"),
    *("accounts", "tools", "rankings", "foot"),
)
"""Macros of `parts.html`; each draws one element with its name as id."""
_HTMX = {
    "includeIndicatorCSS": False,
    "defaultSettleDelay": 0,
    "noSwap": [204, 304, "4xx", "5xx"],
    # What the viewer has opened or switched off stays so when its part is drawn anew.
    "morphIgnore": ["data-htmx-powered", "open", "aria-pressed"],
}


class Renderer:
    """Any thread may call. `static`: name of a file -> its address."""

    def __init__(self, static: Callable[[str], str]) -> None:
        self._env = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._env.filters.update(
            iso=_iso, age=fmt.age, duration=fmt.duration, num=_num, plain=_plain, spark_width=_spark_width
        )
        self._env.globals.update(
            static=static, htmx_config=msgspec.json.encode(_HTMX).decode(), stream="/v1/stream"
        )
        for name in self._env.list_templates():
            self._env.get_template(name)  # compiled now, not while the first visitor waits
        self._macros: Any = self._env.get_template("parts.html").module

    def parts(self, view: View) -> Parts:
        """Everything that a live page may have to replace."""
        return Parts(
            {name: str(getattr(self._macros, name)(view)) for name in PARTS},
            {row.id: self._row(row, view) for row in view.table.rows},
        )

    def page(self, view: View, parts: Parts, since: str) -> str:
        """The whole page; `since` says to the live part what it holds."""
        rows = {id: Markup(html) for id, html in parts.rows.items()}
        return self._env.get_template("page.html").render(view=view, rows=rows, since=since)

    def live(self, address: str, now: dt.datetime, difference: Difference) -> str:
        """What htmx is to replace in a page."""
        return self._env.get_template("live.html").render(
            changed=[(id, Markup(html)) for id, html in difference.changed],
            added=[Markup(html) for html in difference.added],
            removed=difference.removed,
            order=difference.order,
            since=difference.since,
            more=difference.more,
            address=address,
            now=now,
        )

    def sign_in(self, host: str, next: str, problem: str = "") -> str:
        return self._env.get_template("signin.html").render(host=host, next=next, problem=problem)

    def message(self, title: str, text: str, href: str, link: str, again: str = "") -> str:
        """A page that says one thing; with `again` it goes there by itself."""
        return self._env.get_template("message.html").render(
            title=title, text=text, href=href, link=link, again=again
        )

    def _row(self, row: Row, view: View) -> str:
        return str(self._macros.row(row, view.table, view.now))


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _num(value: float) -> str:
    """Of a length in an SVG: two decimals are less than a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _plain(value: float) -> str:
    """For a script to read: without exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _spark_width(path: str) -> int:
    return 3 * path.count("M")
