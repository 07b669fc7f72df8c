"""Who there is: machines, the tools on them, whose accounts those are, and what the accounts allow."""

from __future__ import annotations

import hashlib

import msgspec

_PACES = (1.0, 0.3, 0.75, 0.0, 0.5, 0.9, 0.15)
"""Of periods, in turn, beside the present one's."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's limit that fills up at a steady rate, one a period, and starts anew at its reset."""

    key: str
    """Metric name as it travels."""
    window: str
    minutes: int
    """How long one period is."""
    left_minutes: int
    """What is left of the present period when the demo begins."""
    used_pct: float
    """What is used of it then."""

    def at(self, minutes_since: float) -> tuple[float, float]:
        """(percent used, minutes to the reset) so long after the demo began."""
        gone = self.minutes - self.left_minutes
        period, present = divmod(gone + minutes_since, self.minutes)
        pace = _PACES[int(period) % len(_PACES)]
        return min(100.0, pace * self.used_pct / gone * present), self.minutes - present


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One real account, which machines may share."""

    owner: str
    facts: tuple[tuple[str, str], ...] = ()
    """Attributes as they travel."""
    limits: tuple[Limit, ...] = ()
    balance_usd: float | None = None
    """Credit that is left."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A tool on a machine, and how it is used there."""

    provider: str
    account: str
    client: str
    models: tuple[tuple[str, float], ...]
    """Name, and how often of all sessions."""
    sessions: float
    """On an average working day."""
    plan: Plan
    helper: str | None = None
    """The model of its sub-agents."""
    upstream: str | None = None
    thinks: bool = False
    """Tells reasoning apart from output, and writes no cache."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One machine."""

    name: str
    uses: tuple[Use, ...]
    projects: tuple[str, ...]
    """The first one most."""
    weekends: float = 0.3
    """How much it is used then, against a working day."""
    active: bool = False
    """Somebody sits at it now."""
    silent_minutes: int | None = None
    """When it was last heard; `None`: it has a daemon that runs."""
    copies_of: str = ""
    """Its home holds some old transcripts of this machine."""

    @property
    def id(self) -> str:
        return digest(f"machine {self.name}", 16)


def digest(text: str, size: int) -> str:
    """Hex digits that stand for `text`."""
    return hashlib.blake2b(f"openusage demo {text}".encode(), digest_size=size).hexdigest()


_DAY, _WEEK = 24 * 60, 7 * 24 * 60

_CLAUDE_MAX = Plan(
    owner="ada",
    facts=(("plan_type", "max"), ("subscription", "active")),
    limits=(
        Limit(key="usage_five_hour", window="5h", minutes=300, left_minutes=78, used_pct=72.0),
        Limit(key="usage_seven_day", window="7d", minutes=_WEEK, left_minutes=2 * _DAY + 190, used_pct=61.0),
    ),
)
_CODEX_PRO = Plan(
    owner="ada",
    facts=(("plan_type", "pro"),),
    limits=(
        Limit(key="rate_limit_primary", window="5h", minutes=300, left_minutes=141, used_pct=24.0),
        Limit(key="rate_limit_secondary", window="7d", minutes=_WEEK, left_minutes=_DAY + 400, used_pct=47.0),
    ),
)
_CODEX_TEAM = Plan(
    owner="builds",
    facts=(("plan_type", "team"),),
    limits=(
        Limit(key="rate_limit_primary", window="5h", minutes=300, left_minutes=212, used_pct=38.0),
        Limit(key="rate_limit_secondary", window="7d", minutes=_WEEK, left_minutes=900, used_pct=83.0),
    ),
    balance_usd=7.02,
)
_GEMINI = Plan(
    owner="ada",
    facts=(("plan_type", "Gemini Code Assist"),),
    limits=(Limit(key="quota", window="1d", minutes=_DAY, left_minutes=9 * 60, used_pct=12.0),),
)
_OPEN = Plan(owner="ada")
_CI = Plan(owner="builds", facts=(("plan_type", "api"),))

_CLAUDE_MODELS = (("claude-opus-4-6", 0.7), ("claude-sonnet-4-5", 0.3))


def _claude(sessions: float, plan: Plan, models: tuple[tuple[str, float], ...] = _CLAUDE_MODELS) -> Use:
    return Use(
        provider="claude_code",
        account="claude-code",
        client="CLI",
        models=models,
        helper="claude-haiku-4-5",
        upstream="anthropic",
        sessions=sessions,
        plan=plan,
    )


def _codex(sessions: float, plan: Plan, client: str = "CLI") -> Use:
    return Use(
        provider="codex",
        account="codex",
        client=client,
        models=(("gpt-5.1-codex", 0.8), ("gpt-5.1-codex-mini", 0.2)),
        upstream="openai",
        sessions=sessions,
        plan=plan,
        thinks=True,
    )


_GEMINI_USE = Use(
    provider="gemini_cli",
    account="gemini-cli",
    client="CLI",
    models=(("gemini-3-pro-preview", 0.6), ("gemini-2.5-flash", 0.4)),
    upstream="google",
    sessions=1.2,
    plan=_GEMINI,
    thinks=True,
)
_OPENCODE_USE = Use(
    provider="opencode",
    account="opencode",
    client="CLI",
    models=(("glm-4.6", 0.7), ("claude-sonnet-4-5", 0.3)),
    upstream="openrouter",
    sessions=1.0,
    plan=_OPEN,
)
_COPILOT_USE = Use(
    provider="copilot",
    account="copilot",
    client="VS Code",
    models=(("gpt-5-mini", 0.7), ("claude-sonnet-4-5", 0.3)),
    sessions=1.5,
    plan=Plan(owner="ada", facts=(("copilot_plan", "individual"),)),
)

MACHINES: tuple[Machine, ...] = (
    Machine(
        name="work-laptop",
        uses=(_claude(3.0, _CLAUDE_MAX), _codex(1.6, _CODEX_PRO, "IDE"), _COPILOT_USE),
        projects=("openusage", "site", "billing", "notes", "infra", "search"),
        active=True,
    ),
    Machine(
        name="desktop",
        uses=(_codex(2.2, _CODEX_PRO), _claude(1.2, _CLAUDE_MAX), _GEMINI_USE),
        projects=("site", "openusage", "mobile", "lab"),
        weekends=0.8,
        active=True,
        copies_of="work-laptop",
    ),
    Machine(
        name="home",
        uses=(_OPENCODE_USE, _GEMINI_USE),
        projects=("garden", "recipes", "openusage"),
        weekends=1.4,
    ),
    Machine(
        name="build-1",
        uses=(_codex(2.4, _CODEX_TEAM),),
        projects=("openusage", "billing", "etl"),
        weekends=0.6,
        silent_minutes=6,
    ),
    Machine(
        name="ci",
        uses=(_claude(0.8, _CI, (("claude-sonnet-4-5", 1.0),)),),
        projects=("openusage", "site"),
        weekends=0.2,
        silent_minutes=3 * _DAY,
    ),
)
"""The first one is this machine."""
