"""What whoever runs a hub decides: settings, as the hub needs them."""

from __future__ import annotations

import msgspec

from openusage.hub.limits import Limits


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are those of the settings."""

    healthz_machines: bool = True
    """Names at `/healthz`."""
    metrics_public: bool = False
    """`/metrics` without a token."""
    hosts: tuple[str, ...] = ()
    """Names that a hub on loopback is reached by through a proxy."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose `X-Forwarded-For` is believed, besides this machine's."""
    limits: Limits = Limits()
    exempts_this_machine: bool = True
    """Clients on this machine have no limits."""
    summary_s: float | None = None
    """One line of the log so often, of what happened since; `None`: none."""
