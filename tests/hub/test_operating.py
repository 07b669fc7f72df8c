"""docs/operating.md, as it is copied: its proxies before a real hub, its rules and dashboard."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from openusage.client import HubClient
from openusage.settings import load
from openusage.wire.rollups import By
from tests.hub.conftest import NOON, TOKEN
from tests.hub.fleet import LAPTOP, Fleet, fleet
from tests.hub.test_board import body
from tests.store.samples import message
from tests.support.certificates import NAME, Authority, Pair
from tests.support.daemons import DaemonProcess
from tests.support.guide import DOCS, block, blocks
from tests.support.homes import claude_line, write_claude
from tests.support.hubs import Hub
from tests.support.processes import PATIENCE_S, run, until
from tools.ports import free_port

PAGE = "operating.md"
LIMIT = 4_194_304


# -- nginx and Caddy -------------------------------------------------------------------------------


class Proxy(NamedTuple):
    """A terminator in front of a hub."""

    url: str
    authority: Authority

    def client(self, token: str = TOKEN, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            verify=self.authority.context,
            headers={"Authorization": f"Bearer {token}"} | headers,
            timeout=PATIENCE_S,
        )


Start = Callable[[Path, int, int, Pair], list[str]]
"""(folder, port of the proxy, port of the hub, certificate) -> the command that runs it."""


def nginx(folder: Path, port: int, hub_port: int, pair: Pair) -> list[str]:
    server = block(PAGE, "nginx")
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("127.0.0.1:9190", f"127.0.0.1:{hub_port}"),
        ("/etc/letsencrypt/live/hub.example.com/fullchain.pem", str(pair.cert)),
        ("/etc/letsencrypt/live/hub.example.com/privkey.pem", str(pair.key)),
        (f"server_name {NAME};", f"server_name {NAME} localhost;"),
    ):
        assert old in server
        server = server.replace(old, new)
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{server}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def caddy(folder: Path, port: int, hub_port: int, pair: Pair) -> list[str]:
    site = block(PAGE, "caddyfile")
    for old, new in (
        (f"{NAME} {{", f"{NAME}:{port}, localhost:{port} {{\n\ttls {pair.cert} {pair.key}"),
        ("127.0.0.1:9190", f"127.0.0.1:{hub_port}"),
    ):
        assert old in site
        site = site.replace(old, new)
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def start(request: pytest.FixtureRequest) -> Start:
    made: Start = request.param
    name = request.param.__name__
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed here (Debian: apt-get install nginx-light caddy)")
    return made


@contextmanager
def in_front(start: Start, folder: Path, hub_port: int, authority: Authority) -> Iterator[Proxy]:
    port = free_port()
    command = start(folder, port, hub_port, authority.issue())
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        proxy = Proxy(f"https://localhost:{port}", authority)

        def answers() -> bool:
            assert process.poll() is None, (folder / "output.txt").read_text()
            with proxy.client() as client:
                try:
                    return client.get("/healthz").status_code in (200, 421)
                except httpx.TransportError:
                    return False

        until(answers, f"{command[0]} answers: {(folder / 'output.txt').read_text()}")
        yield proxy
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """`hub.hosts` as the page says it."""
    file = tmp_path_factory.mktemp("settings") / "settings.json"
    file.write_text(block(PAGE, "json", NAME))
    return tuple(load(file).hub.hosts)


@pytest.fixture(scope="module")
def served(
    start: Start, authority: Authority, hosts: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fleet, Proxy]]:
    from openusage.hub import Policy

    folder = tmp_path_factory.mktemp("proxied")
    with (
        fleet(folder / "hub.db", serves={"policy": Policy(hosts=hosts)}) as hub,
        in_front(start, folder, hub.server.port, authority) as proxy,
    ):
        yield hub, proxy


def test_the_cookie_of_the_page_is_for_tls_alone(served: tuple[Fleet, Proxy]) -> None:
    _, proxy = served
    with proxy.client() as client:
        signed_in = client.post("/signin", data={"token": TOKEN})
    assert signed_in.status_code == 303
    assert "; Secure" in signed_in.headers["set-cookie"]


def test_everything_of_the_contract_goes_through(served: tuple[Fleet, Proxy]) -> None:
    _, proxy = served
    with proxy.client() as client:
        assert client.post("/v1/push", content=body("laptop", "a")).json() == {"ok": True}
        snapshots = client.get("/v1/snapshots")
        assert "laptop:p:a" in snapshots.json()
        again = client.get("/v1/snapshots", headers={"If-None-Match": snapshots.headers["etag"]})
        assert again.status_code == 304
        assert client.head("/v1/snapshots").status_code == 200
        assert client.get("/v1/machines").json()["machines"]
        assert client.get("/readyz").json() == {"status": "ready"}
        assert client.get("/metrics").status_code == 200
    with proxy.client(token="wrong") as client:
        refused = client.get("/v1/snapshots")
        assert (refused.status_code, refused.headers["www-authenticate"][:6]) == (401, "Bearer")


def test_the_largest_push_goes_through_and_a_larger_one_does_not(served: tuple[Fleet, Proxy]) -> None:
    _, proxy = served
    head, tail = b'{"machine":"large","sent_at":"2026-01-01T00:00:00Z","snapshots":[],"pad":"', b'"}'
    sent = head + b"x" * (LIMIT - len(head) - len(tail)) + tail
    with proxy.client() as client:
        assert client.post("/v1/push", content=sent).status_code == 200
        assert client.post("/v1/push", content=sent + b" ").status_code == 413


def test_it_answers_under_the_public_name_and_under_no_other(served: tuple[Fleet, Proxy]) -> None:
    _, proxy = served
    with proxy.client() as client:
        named = client.get("/v1/snapshots", headers={"Host": NAME}, extensions={"sni_hostname": NAME})
        assert named.status_code == 200
        assert client.get("/v1/snapshots").status_code == 200  # localhost
        strange = client.get("/v1/snapshots", headers={"Host": "evil.com"}, extensions={"sni_hostname": NAME})
        assert (
            strange.status_code != 200 or not strange.content
        )  # Caddy has no such site, the hub no such name


def test_clients_behind_it_are_told_apart(served: tuple[Fleet, Proxy]) -> None:
    """The address that counts is the proxy's word, not what a client claims."""
    hub, proxy = served
    with proxy.client(**{"X-Forwarded-For": "203.0.113.66"}) as client:
        for _ in range(40):
            client.get("/v1/snapshots", headers={"Authorization": "Bearer guess"})
        assert client.get("/v1/snapshots", headers={"Authorization": "Bearer guess"}).status_code == 429
    assert "127.0.0.1" in hub.server.gate._guesses._levels
    assert "203.0.113.66" not in hub.server.gate._guesses._levels
    hub.clock.seconds += 600


def test_a_stream_is_told_as_it_happens(served: tuple[Fleet, Proxy]) -> None:
    hub, proxy = served
    with proxy.client() as client, client.stream("GET", "/v1/stream") as stream:
        parts = stream.iter_text()
        assert "hello" in next(parts)
        hub.push("from-afar", "f" * 32)
        heard = ""
        for part in parts:
            heard += part
            if "from-afar" in heard:
                break
        assert "from-afar" in heard


def test_a_hub_view_reads_through_it(served: tuple[Fleet, Proxy], monkeypatch: pytest.MonkeyPatch) -> None:
    hub, proxy = served
    hub.send([message("a")], LAPTOP)
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.authority.file))
    client = HubClient(proxy.url, token=TOKEN, now=lambda: NOON)
    client.check()
    assert client.fetch("30d").snapshots is not None
    assert client.pane("all", By.MACHINE, "UTC").pane.machines
    client.close()


def test_a_worker_pushes_snapshots_and_records_through_it(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    """Real processes: the hub with the page's settings, the proxy, and a daemon of another home."""
    hub_home, home = tmp_path / "hub", tmp_path / "worker"
    for folder in (hub_home, home, tmp_path / "proxy"):
        folder.mkdir()
    settings(hub_home).write_text(block(PAGE, "json", NAME))
    made = run(hub_home, "hub", "token", "create", "--machine", "worker")
    assert made.returncode == 0, made.stderr
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    write_claude(home, claude_line("m1", at=now))
    with (
        Hub(hub_home, token=TOKEN) as hub,
        in_front(start, tmp_path / "proxy", hub.port, authority) as proxy,
    ):
        target = {"export": {"target": proxy.url, "interval_seconds": 1, "machine_name": "worker"}}
        settings(home).write_text(json.dumps(target))
        with (
            DaemonProcess(
                home, OPENUSAGE_HUB_TOKEN=made.stdout.strip(), SSL_CERT_FILE=str(authority.file)
            ) as daemon,
            proxy.client() as client,
        ):

            def arrived() -> bool:
                machines = client.get("/v1/machines").json()["machines"]
                snapshots = client.get("/v1/snapshots").json()
                return bool(snapshots) and [(m["name"], m["records"]) for m in machines] == [("worker", 1)]

            until(arrived, f"both arrive: {daemon.exporter()} {hub.said}")
            revoked = run(hub_home, "hub", "token", "revoke", "--machine", "worker")
            assert revoked.returncode == 0, revoked.stderr
            until(
                lambda: "refuses the token" in daemon.exporter().last_error,
                "the worker is told that it is cut off",
            )


def settings(home: Path) -> Path:
    file = home / ".config/openusage/settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


# -- Prometheus and Grafana ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def metric_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """All that a hub tells once everything has happened to it."""
    from openusage.hub import Tls

    folder = tmp_path_factory.mktemp("metrics")
    pair = Authority(folder).issue()
    with fleet(folder / "hub.db", serves={"tls": Tls(*pair)}) as hub:
        client = httpx.Client(base_url=hub.server.own_url, headers={"Authorization": f"Bearer {TOKEN}"})
        client.post("/v1/records", content=hub.batch([message("a")]))
        client.post("/v1/push", content=body("laptop", "a"))
        client.get("/v1/snapshots", headers={"Authorization": "Bearer x"})
        text = client.get("/metrics").text
        client.close()
    return {re.split(r"[{ ]", line, maxsplit=1)[0] for line in text.splitlines() if line and line[0] != "#"}


def named(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:openusage_hub|process)_[a-z0-9_]+", expression))


def test_every_rule_is_about_figures_that_there_are(metric_names: set[str]) -> None:
    rules = yaml.safe_load(block(PAGE, "yaml", "groups:"))["groups"][0]["rules"]
    assert len(rules) == 9
    for rule in rules:
        assert rule["annotations"]["summary"]
        assert named(rule["expr"]) <= metric_names, rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_the_scrape_is_one_that_the_hub_answers() -> None:
    (job,) = yaml.safe_load(block(PAGE, "yaml", "scrape_configs:"))["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:9190"]
    assert f'job="{job["job_name"]}"' in block(PAGE, "yaml", "groups:")


def test_the_dashboard_is_made_of_figures_that_there_are(metric_names: set[str]) -> None:
    board = json.loads((DOCS / "grafana.json").read_text())
    panels: list[dict[str, Any]] = board["panels"]
    assert len({p["id"] for p in panels}) == len(panels) >= 15
    told: set[str] = set()
    for panel in panels:
        assert panel["title"]
        for target in panel["targets"]:
            assert named(target["expr"])
            assert named(target["expr"]) <= metric_names, (panel["title"], target["expr"])
            told |= named(target["expr"])
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(places)
    left_out = {n for n in metric_names if n.startswith("openusage_hub_")} - told
    assert not {re.sub("_(bucket|sum|count)$", "", n) for n in left_out} - {
        "openusage_hub_request_seconds",
        "openusage_hub_build_info",
        "openusage_hub_start_time_seconds",
        "openusage_hub_history_queue",
        "openusage_hub_history_events",
        "openusage_hub_certificate_expiry_timestamp_seconds",
    }


# -- the rest of the page --------------------------------------------------------------------------


def test_every_example_of_settings_is_one(tmp_path: Path) -> None:
    examples = blocks(PAGE, "json")
    assert len(examples) == 2
    for number, text in enumerate(examples):
        file = tmp_path / f"{number}.json"
        file.write_text(text)
        assert load(file).hub.hosts


def test_every_option_and_setting_that_is_named_exists() -> None:
    text = (DOCS / PAGE).read_text()
    commands, known = (DOCS / "cli.md").read_text(), (DOCS / "settings.md").read_text()
    names = "listen|headless|database|log-format|tls-cert|tls-key|machine|machine-id|role|expires|url"
    for option in set(re.findall(rf"(?<![\w-])--(?:{names})\b", text)):
        assert f"{option} " in commands, option
    for setting in set(re.findall(r"`((?:hub|data|export)\.[a-z_]+)[`:]", text)):
        assert f"`{setting}`" in known or setting == "hub.db", setting


def test_the_authority_of_these_tests_is_not_trusted_by_chance(authority: Authority) -> None:
    assert authority.context.verify_mode is ssl.CERT_REQUIRED
