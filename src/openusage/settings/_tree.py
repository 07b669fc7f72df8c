"""What can be set: names, types, allowed values, defaults. The string under a field documents it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

TimeWindow = Literal["1d", "3d", "7d", "30d", "all"]
View = Literal["grid", "stacked", "tabs", "split", "list", "compare"]

DEFAULT_LISTEN_ADDR = ":9190"
"""All interfaces; refused without a token or `--allow-public`."""

HUB_TOKEN_ENV = "OPENUSAGE_HUB_TOKEN"

SETTINGS_VERSION = 1
"""Of the file's form. It grows when an older program would misread what a newer one wrote."""


class Ui(msgspec.Struct, frozen=True, kw_only=True):
    """How the dashboard behaves."""

    refresh_interval_seconds: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """How often sources are polled, and how often `hub-view` asks its hub."""
    warn_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.2
    """A gauge turns amber when this share of a limit, or less, remains."""
    crit_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """A gauge turns red when this share of a limit, or less, remains."""
    characters: Literal["auto", "unicode", "ascii"] = "auto"
    """What the screen is drawn with; `auto`: ASCII where the terminal's language has no UTF-8."""


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown and kept."""

    time_window: TimeWindow = "30d"
    """The window a dashboard opens with."""
    retention_days: Annotated[int, Meta(ge=1, le=36_500)] = 90
    """How long single messages and tool calls are kept; sums per quarter of an hour stay for years."""


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One account beside those that are found by themselves, or more about one of those."""

    provider: Annotated[str, Meta(min_length=1)]
    """The tool: `claude_code`, `codex`."""
    id: str = ""
    """Our name for the account; empty: the provider's default."""
    auth: str = ""
    """`local`, `api_key`, `oauth`, `token` or `cli`. Kept, not used yet."""
    api_key_env: str = ""
    """Name of the variable that holds the key: an installed daemon gets it, too. Never the key itself."""
    base_url: str = ""
    """The vendor's API at another address."""
    binary: str = ""
    """The tool's program. Kept, not used yet."""
    paths: dict[str, str] = {}
    """Folders and files to read, by role. Kept, not used yet: CLAUDE_CONFIG_DIR and CODEX_HOME name them."""
    provider_paths: dict[str, str] = {}
    """The same under the name the Go program gives it."""
    hide_costs: bool | None = None
    """Hide this account's costs; `null`: as the dashboard does. `dashboard.providers[]` wins."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """How records find their account."""

    provider_links: dict[str, str] = {}
    """Vendor that answered a tool without logins of its own (`anthropic`; of one tool `opencode/anthropic`)
    -> the provider, or the account's id, whose tile counts it: `{"anthropic": "claude_code"}`. Without it the
    tool's tile counts it, and says that it is unassigned."""


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """How names of models are grouped."""

    lineages: dict[str, str] = {}
    """A model's name, as a tool gives it or without gateway and date -> the model that it is:
    `{"my-alias": "claude-sonnet-4-5"}`. For groups of models only; prices are set in custom-pricing.json."""


class DashboardProvider(msgspec.Struct, frozen=True, kw_only=True):
    """One tile. The order of the list is the order of the tiles; accounts not listed follow."""

    account_id: str
    """The account's name."""
    enabled: bool = True
    """Show it."""
    hide_costs: bool | None = None
    """Hide its costs; `null`: as the dashboard does."""


class DashboardSection(msgspec.Struct, frozen=True, kw_only=True):
    """One section. The order of the list is the order on the screen; sections not listed follow, shown."""

    id: str
    """`model_burn` in a tile, `models` on a page, …: docs/dashboard.md has them all. Others are ignored."""
    enabled: bool = True
    """Show it."""


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """What the dashboard shows, and in which order."""

    providers: list[DashboardProvider] = []
    """Tiles in their order."""
    view: View = "grid"
    """How tiles are laid out; `list` is the old name of `split`."""
    widget_sections: list[DashboardSection] = []
    """Sections of a tile in their order."""
    detail_sections: list[DashboardSection] = []
    """Sections of an account's own page in their order."""
    hide_costs: bool | None = None
    """Hide all costs; `null`: hide them for plans with a flat price."""
    hide_sections_with_no_data: bool = True
    """Leave out sections that have nothing to show; off: their names stand in the tiles."""


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Where the daemon sends this machine's state."""

    target: str = ""
    """URL of a hub, such as `http://hub.lan:9190`; empty: nothing is sent anywhere."""
    interval_seconds: Annotated[float, Meta(ge=1, le=86_400, extra={"below_is_default": True})] = 60.0
    """Time between two pushes; values below 1 mean the default."""
    machine_name: str = ""
    """How the hub names this machine; empty: its host name."""
    include_identity: bool = False
    """Also send e-mail addresses, account names and host paths. By default they stay on this machine."""
    records: Literal["full", "no_projects", "off"] = "full"
    """What a hub gets beside the newest state, for its history: every message and tool call with its figures,
    the same with pseudonyms for projects (in the newest state, too), or nothing. Prompts, answers and paths
    never leave this machine."""


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """How `openusage hub` serves."""

    listen_addr: str = DEFAULT_LISTEN_ADDR
    """Address and port; `:9190` is every interface, which needs OPENUSAGE_HUB_TOKEN or `--allow-public`."""
    stale_timeout_seconds: Annotated[float, Meta(ge=1, le=604_800)] = 300.0
    """A machine not heard of for so long leaves `/v1/snapshots`."""
    database: str = ""
    """File that keeps the history of all machines; empty: `hub.db` in the state folder. `memory` keeps it
    only while the hub runs."""
    healthz_machines: bool = True
    """List machine names at `/healthz`, which never asks for a token."""
    metrics_public: bool = False
    """`/metrics` for Prometheus needs no token; it has the names of machines in it."""
    tls_cert: str = ""
    """Certificate chain as PEM: the hub itself speaks HTTPS. Renewed files are taken up without a restart."""
    tls_key: str = ""
    """Its private key as PEM; empty: it is in the file of `tls_cert`."""
    hosts: list[str] = []
    """Names under which a hub that listens on loopback is reached through a proxy that passes the name on."""
    trusted_proxies: list[str] = []
    """Addresses of proxies on other machines whose `X-Forwarded-For` names the client."""
    max_requests_per_second: Annotated[float, Meta(ge=1, le=100_000)] = 50.0
    """What one client address may ask in the long run, four times as much at once; this machine any."""
    max_connections: Annotated[int, Meta(ge=1, le=100_000)] = 256
    """Connections of one client address at a time."""
    max_bodies: Annotated[int, Meta(ge=1, le=100_000)] = 32
    """Pushes of one client address under way at a time."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set."""

    ui: Ui = Ui()
    theme: str = ""
    """Name of a theme; empty, or one that is not there: the built-in default."""
    data: Data = Data()
    auto_detect: bool = True
    """Look for coding tools; off: only the tools that `accounts` name are read."""
    accounts: list[AccountSettings] = []
    """Accounts by hand."""
    telemetry: Telemetry = Telemetry()
    models: Models = Models()
    dashboard: Dashboard = Dashboard()
    export: Export = Export()
    hub: Hub = Hub()
    settings_version: Annotated[int, Meta(ge=1, le=1_000_000)] = SETTINGS_VERSION
    """Form of this file; absent means 1. A program that knows an older form only refuses it."""
