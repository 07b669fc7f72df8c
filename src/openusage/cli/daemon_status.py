"""What `telemetry daemon status` prints. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from openusage import format
from openusage.read_model.assign import advice, by_vendor, sentence
from openusage.service import Told
from openusage.wire.local import DaemonStatus, ExporterStatus, SpoolStatus

Row = tuple[str, str]
_TITLE = "Telemetry daemon"


def as_text(
    status: DaemonStatus, service: list[Row], *, now: dt.datetime, details: bool, own_version: str
) -> str:
    """For people, one fact a line; `service` are those of its service, `own_version` that of who asks."""
    rows = [
        ("Running", f"yes, for {format.duration(_since(status.started_at, now))} (process {status.pid})"),
        *service,
        ("Version", _version(status, own_version)),
        ("Machine", status.machine),
        ("Socket", status.socket),
        ("Database", f"{status.database} ({format.size_bytes(status.size_bytes)})"),
        ("Records", "; ".join([format.count(status.events), *_sent(status.exporters)])),
        ("Accounts", ", ".join(account for _, account in status.accounts) or "none found"),
        ("Reading", _reading(status, now)),
        *[("Hooks", text) for text in _hooks(status.hooks)],
        *[("Hub", text) for text in _hubs(status.exporters, now)],
        *[("Settings", text) for text in _settings(status.restart_for)],
        *[("Note", note) for note in status.notes],
        *[("Unassigned", sentence(*found)) for found in by_vendor(status.unassigned)],
    ]
    if details:
        rows += [("Account", f"{account} ({provider})") for provider, account in status.accounts]
        rows += [("To assign", advice(*found)) for found in by_vendor(status.unassigned)]
        for problem in status.problems:
            rows += [("Problem", problem.sentence), *([("To do", problem.hint)] if problem.hint else [])]
    elif status.problems:
        count = len(status.problems)
        rows.append(
            ("Problems", f"{count} {'place' if count == 1 else 'places'} not readable, see --details")
        )
    return titled(_TITLE, rows)


def not_running(socket: Path, service: list[Row]) -> str:
    """The same when nothing answers."""
    return titled(_TITLE, [("Running", "no"), *service, ("Socket", str(socket))])


def as_json(status: DaemonStatus | None, socket: Path, service: Told) -> str:
    """For programs; None: not running."""
    document: dict[str, Any] = {"running": status is not None}
    document |= {"socket": str(socket)} if status is None else msgspec.to_builtins(status)
    if status is not None:
        document["accounts"] = [{"provider": p, "account": a} for p, a in status.accounts]
    document["service"] = msgspec.to_builtins(service)
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def titled(title: str, rows: list[Row]) -> str:
    """Facts below a title, one a line."""
    width = max(len(name) for name, _ in rows) + 1
    return "\n".join([title, *(f"  {name + ':':<{width}} {value}" for name, value in rows)])


def _version(status: DaemonStatus, own_version: str) -> str:
    text = f"{status.version} (API {status.api_version})"
    if status.version != own_version:  # it was started before an upgrade
        text += f"; this program is {own_version}: openusage telemetry daemon restart"
    return text


def _reading(status: DaemonStatus, now: dt.datetime) -> str:
    if status.paused:
        until = f" until {status.paused_until.astimezone():%d %b %H:%M}" if status.paused_until else ""
        return f"paused{until}; to go on: openusage telemetry daemon resume"
    if status.collecting:
        return status.collecting
    if status.last_collected_at is None:
        return "not yet"
    rarer = ", more rarely while on battery" if status.on_battery else ""
    return f"up to date, last round {format.age(_since(status.last_collected_at, now))} ago{rarer}"


def _settings(waiting: Sequence[str]) -> list[str]:
    """What has changed and cannot be taken up; nothing where all is."""
    if not waiting:
        return []
    changed = f"{', '.join(waiting)} changed"
    return [f"{changed}, in force from the next start on: openusage telemetry daemon restart"]


def _hooks(hooks: SpoolStatus | None) -> list[str]:
    """What tools' hooks told; nothing where there are none."""
    if hooks is None or not (hooks.taken or hooks.waiting or hooks.dropped or hooks.set_aside):
        return []
    parts = [f"{format.count(hooks.taken)} payloads taken in"]
    if hooks.waiting:
        parts.append(f"{format.count(hooks.waiting)} waiting ({format.size_bytes(hooks.waiting_bytes)})")
    if hooks.dropped:
        parts.append(f"{format.count(hooks.dropped)} dropped ({hooks.dropped_why})")
    if hooks.set_aside:
        parts.append(f"{format.count(hooks.set_aside)} not understood, set aside")
    return [", ".join(parts)]


def _hubs(exporters: Sequence[ExporterStatus], now: dt.datetime) -> list[str]:
    if not exporters:
        return ["none (export.target is not set)"]
    return [_hub(exporter, now) for exporter in exporters]


def _sent(exporters: Sequence[ExporterStatus]) -> list[str]:
    """How far the records are at each hub that they are sent to."""
    return [_records(exporter) for exporter in exporters if exporter.records_state != "off"]


def _records(exporter: ExporterStatus) -> str:
    if exporter.records_state == "unsupported":
        return "the hub keeps none"
    sent, waiting = exporter.records_sent, exporter.records_waiting
    # A record that has changed is sent again, so there can be more sent than there are.
    is_all = sent and not waiting and not exporter.records_set_aside and not exporter.records_error
    text = "all sent" if is_all else f"{format.count(sent)} sent"
    if waiting:
        text += f", {format.count(waiting)} waiting ({format.percent(100 * sent / (sent + waiting))})"
    if exporter.records_left_s is not None and waiting:
        text += f", about {format.duration(exporter.records_left_s)} left"
    if exporter.records_set_aside:
        text += f", {format.count(exporter.records_set_aside)} left out (refused by the hub)"
    return f"{text}, failing ({exporter.records_error})" if exporter.records_error else text


def _hub(exporter: ExporterStatus, now: dt.datetime) -> str:
    name = f" as {exporter.machine}" if exporter.machine else ""
    text = f"{exporter.target}{name}: {exporter.state}"
    if exporter.last_ok_at is not None:
        text += f", last push {format.age(_since(exporter.last_ok_at, now))} ago"
    if exporter.failures:
        text += f", {exporter.failures} failed in a row"
    if exporter.last_error:
        text += f" ({exporter.last_error})"
    if exporter.next_try_s > 0:
        text += f", next in {format.duration(exporter.next_try_s)}"
    return text


def _since(moment: dt.datetime, now: dt.datetime) -> float:
    return (now - moment).total_seconds()
