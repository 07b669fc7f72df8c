"""`openusage version`."""

from __future__ import annotations

import click

from openusage import __version__


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with what a report of a bug needs.")
def command(as_json: bool) -> None:
    """Print the version."""
    click.echo(_as_json() if as_json else f"openusage {__version__}")


def _as_json() -> str:
    import platform

    import msgspec

    from openusage.daemon.standing import API_VERSION
    from openusage.pricing import PriceBook
    from openusage.settings import SETTINGS_VERSION
    from openusage.store.schema import VERSION

    prices = PriceBook.load().header
    document = {
        "version": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "api_version": API_VERSION,
        "schema_version": VERSION,
        "settings_version": SETTINGS_VERSION,
        "prices": {"version": prices.version, "models": prices.models, "last_change": prices.last_change},
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
