"""Which sections are drawn, and in which order: the ids of settings.json, and what stands behind each. Pure.

The ids are those of the Go program, so that one file serves both; the default order is ours. What the list
in the settings does not name follows it, shown, in the default order.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from openusage.settings import DashboardSection


class Kind(msgspec.Struct, frozen=True):
    """A section that can be chosen."""

    id: str
    title: str
    drawn: tuple[str, ...] = ()
    """Modules of `sections/` that draw it in a tile, from the top down."""
    others: tuple[str, ...] = ()
    """Ids of the Go program for what is part of this section here."""


TILE = (
    Kind("header", "State and money", ("notice", "money")),
    Kind("top_usage_progress", "Limits", ("gauges",)),
    Kind("model_burn", "Models", ("models",)),
    Kind("other_data", "Credits", ("credits",)),
    Kind("client_burn", "Clients", ("clients",)),
    Kind("project_breakdown", "Projects", ("projects",)),
    Kind("tool_usage", "Tools", ("tools",), ("actual_tool_usage",)),
    Kind("mcp_usage", "MCP servers", ("mcp",)),
    Kind("language_burn", "Languages", ("languages",)),
    Kind("upstream_providers", "Vendors behind it", ("upstreams",), ("provider_burn",)),
    Kind("code_stats", "Code", ("code",)),
    Kind("daily_usage", "Days", ("daily",)),
)
"""Sections of a tile, top to bottom."""

DETAIL = (
    Kind("trends", "Days", others=("cost_requests",)),
    Kind("activity_heatmap", "Calendar"),
    Kind("usage", "Limits", others=("timers",)),
    Kind("spending", "Spending"),
    Kind("forecast", "Forecast"),
    Kind("models", "Models"),
    Kind("projects", "Projects"),
    Kind("clients", "Clients"),
    Kind("tools", "Tools"),
    Kind("mcp", "MCP servers"),
    Kind("languages", "Languages"),
    Kind("upstream", "Vendors behind it", others=("provider_burn",)),
    Kind("code_stats", "Code"),
    Kind("other_data", "Credits and other metrics"),
    Kind("info", "Attributes and diagnostics"),
)
"""Sections of an account's own page."""

DRAWN = tuple(name for kind in TILE for name in kind.drawn)
"""What a tile draws without any choice."""

DETAIL_IDS = tuple(kind.id for kind in DETAIL)


class Choice(msgspec.Struct, frozen=True):
    """A section, and whether it is drawn."""

    kind: Kind
    enabled: bool


def ordered(kinds: Sequence[Kind], listed: Sequence[DashboardSection]) -> list[Choice]:
    """All kinds in the order that the settings ask for. Of an id that stands there twice the first counts."""
    known = {id_: kind for kind in kinds for id_ in (kind.id, *kind.others)}
    found: dict[str, Choice] = {}
    for section in listed:
        kind = known.get(section.id)
        if kind is not None and kind.id not in found:
            found[kind.id] = Choice(kind, section.enabled)
    return [*found.values(), *(Choice(kind, True) for kind in kinds if kind.id not in found)]


def drawn(listed: Sequence[DashboardSection]) -> tuple[str, ...]:
    """Names of the modules that a tile is drawn with, from the top down."""
    return tuple(name for choice in ordered(TILE, listed) if choice.enabled for name in choice.kind.drawn)


def detail_ids(listed: Sequence[DashboardSection]) -> tuple[str, ...]:
    """Ids of the sections of an account's page, from the top down."""
    return tuple(choice.kind.id for choice in ordered(DETAIL, listed) if choice.enabled)
