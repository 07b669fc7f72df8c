"""Which prices a reported model has: a name and an upstream -> a timeline of rates.

Order: the one who answered (told by the upstream or by a prefix of the model's name), those whose list
prices it charges, the maker, OpenRouter's list of everybody's models, and last another version of the
family. The last two are estimates and say so (`Match`).
"""

from __future__ import annotations

from collections.abc import Iterator

from openusage.lineage.names import MAKERS, RESELLING_MAKERS, Asked, asked, forms, nearest
from openusage.lineage.root import model_maker
from openusage.pricing._rates import Match, Timeline
from openusage.pricing._table import Listed, Table, Vendor

CATALOGUE = "openrouter"
"""Lists the models of nearly all makers, also of those without a list of their own (Qwen)."""
_FAST = "-fast"


def resolve(table: Table, model: str, upstream: str | None) -> Timeline | None:
    """The prices of a model, `None` when there are none that can be told."""
    query = asked(model, upstream)
    if query is None:
        return None
    for vendor, own in _lists(table, query):
        for name in _names_in(vendor, query):
            found = _find(vendor, name)
            if found is not None:
                listed, fast, match = found
                if name != query.full:
                    match = Match.NORMALISED
                return table.timeline(vendor.name, listed, match if own else Match.LINEAGE, fast=fast)
    if query.name.endswith(_FAST):
        return None  # A fast mode costs a multiple: the standard price would be wrong by that much.
    return _estimate(table, query)


def _lists(table: Table, query: Asked) -> Iterator[tuple[Vendor, bool]]:
    """Lists to look in, and whether their prices are what was charged."""
    done: set[str] = set()
    resold = query.seller is not None and (query.seller not in MAKERS or query.seller in RESELLING_MAKERS)
    if query.seller is not None:
        for name in (query.seller, *table.header.fallbacks.get(query.seller, ())):
            if name not in done:
                done.add(name)
                yield table.vendor(name), True
    if query.maker is not None and query.maker not in done:
        done.add(query.maker)
        # A maker as "upstream" of another maker's model is a tool's default, not a seller.
        yield table.vendor(query.maker), not query.stranger and not resold
    if CATALOGUE not in done:
        yield table.vendor(CATALOGUE), False


def _names_in(vendor: Vendor, query: Asked) -> Iterator[str]:
    """The names to try in a list, the fullest first."""
    if vendor.name == CATALOGUE:
        parts = query.full.split("/")
        for start in range(max(0, len(parts) - 2), -1, -1):
            yield "/".join(parts[start:])
        prefix = _CATALOGUE_PREFIXES.get(model_maker(query.name) or query.maker or "")
        if prefix:
            yield f"{prefix}/{query.name}"
        return
    if query.full != query.name:
        yield query.full
        tail = query.full.split("/")
        if len(tail) > 2:
            yield "/".join(tail[-2:])
    yield query.name


_CATALOGUE_PREFIXES = {
    "anthropic": "anthropic",
    "openai": "openai",
    "google": "google",
    "xai": "x-ai",
    "deepseek": "deepseek",
    "moonshotai": "moonshotai",
    "mistral": "mistralai",
    "zai": "z-ai",
    "minimax": "minimax",
    "qwen": "qwen",
}
"""Maker -> the prefix of its models in the catalogue."""


def _find(vendor: Vendor, name: str) -> tuple[Listed, bool, Match] | None:
    """The model of a list that a name means, and whether its fast mode is meant."""
    found = vendor.listed(name)
    if found is not None:
        return found, False, Match.EXACT
    for form in forms(name):
        found = vendor.listed(form)
        if found is not None:
            return found, False, Match.NORMALISED
        if form.endswith(_FAST):
            base = _find(vendor, form.removesuffix(_FAST))
            if base is not None and len(base[0].fast) > 2:
                return base[0], True, base[2]
    return None


def _estimate(table: Table, query: Asked) -> Timeline | None:
    """Another version of the same family, from its maker's list."""
    home = query.maker or query.seller
    if home is None:
        return None
    vendor = table.vendor(home)
    known = [name for model in vendor.models for name in (*model.names, model.id.lower())]
    for form in forms(query.name):
        other = nearest(form, known)
        listed = vendor.listed(other) if other is not None else None
        if listed is not None:
            return table.timeline(vendor.name, listed, Match.FUZZY, fast=False)
    return None
