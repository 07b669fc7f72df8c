"""`openusage hub token`, `backup` and `forget`, and what the hub says when it starts."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import httpx
import pytest

from openusage.cli.__main__ import main
from openusage.hub import Role, TokenFile
from openusage.hub.opener import OWN
from openusage.paths import Paths
from openusage.store import Met, Run, Store
from tests.cli.conftest import Calls
from tests.hub.conftest import NOON
from tests.store.samples import NOW_US, many, message, price
from tests.support.certificates import Authority
from tests.support.homes import write_settings
from tests.support.hubs import TOKEN, Hub
from tests.support.processes import Process, environment, run, until
from tools.ports import free_port

LAPTOP, DESKTOP = "a" * 32, "b" * 32


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def state(home: Path) -> Path:
    return Paths.from_env(environment(home), home).state_dir


def fill(path: Path) -> None:
    """Two machines with something in common."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Store.open(path, machine=OWN, price=price, now=lambda: NOW_US)
    common = many(20)
    for machine, name, records in ((LAPTOP, "laptop", [*common, message("x")]), (DESKTOP, "desktop", common)):
        store.meet(Met(id=machine, name=name, heard_us=NOW_US))
        store.add(records, machine=machine, run=Run("5" * 32, 0, len(records)))
    store.close()


# -- tokens ----------------------------------------------------------------------------------------


def test_a_token_is_printed_alone_and_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hub", "token", "create", "--machine", "laptop", "--expires", "90d"]) == 0
    made = capsys.readouterr()
    secret = made.out.strip()
    assert "\n" not in secret
    assert secret not in made.err
    assert "for laptop (push), good until" in made.err
    assert main(["hub", "token", "list"]) == 0
    listed = capsys.readouterr().out
    assert secret not in listed
    head, line = (row.split() for row in listed.splitlines())
    assert head == ["ID", "MACHINE", "ROLE", "CREATED", "EXPIRES", "LAST", "USED"]
    assert (line[1], line[2], line[5]) == ("laptop", "push", "never")


def test_tokens_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["hub", "token", "create", "--machine", "phone", "--role", "view", "--json"])
    made = json.loads(capsys.readouterr().out)
    assert made["token"].startswith("ouh_")
    main(["hub", "token", "list", "--json"])
    (listed,) = json.loads(capsys.readouterr().out)["tokens"]
    assert listed == {
        "id": made["id"], "machine": "phone", "machine_id": None, "role": "view",
        "created_at": made["created_at"], "expires_at": None, "last_used_at": None,
    }  # fmt: skip


def test_revoking_by_id_by_machine_and_by_role(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = TokenFile(state(home) / "hub-tokens.json")
    ids = [
        file.create(machine, role, now=NOON)[0].id
        for machine in ("laptop", "desktop")
        for role in (Role.PUSH, Role.VIEW, Role.PUSH)
    ]
    assert main(["hub", "token", "revoke", ids[0]]) == 0
    assert main(["hub", "token", "revoke", "--machine", "desktop", "--role", "push"]) == 0
    assert {t.id for t in file.tokens()} == {ids[1], ids[2], ids[4]}
    assert main(["hub", "token", "revoke", "--machine", "laptop"]) == 0
    assert {t.id for t in file.tokens()} == {ids[4]}
    said = capsys.readouterr().err
    assert said.count("Revoked ") == 5
    assert main(["hub", "token", "revoke", "--machine", "laptop"]) == 1
    assert main(["hub", "token", "revoke", "nonsense"]) == 1
    assert main(["hub", "token", "revoke"]) == 2
    assert main(["hub", "token", "revoke", ids[4], "--machine", "desktop"]) == 2
    assert len(file.tokens()) == 1


@pytest.mark.parametrize(
    "args",
    [
        ["create"],
        ["create", "--machine", ""],
        ["create", "--machine", "x", "--expires", "soon"],
        ["create", "--machine", "x", "--expires", "0d"],
        ["create", "--machine", "x", "--expires", "-1d"],
        ["create", "--machine", "x", "--role", "admin"],
        ["create", "--machine", "x", "--machine-id", "123"],
    ],
)
def test_a_token_that_cannot_be_is_a_sentence(
    home: Path, args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hub", "token", *args]) == 2
    assert capsys.readouterr().err.startswith("openusage: ")
    assert not (state(home) / "hub-tokens.json").exists()


def test_tokens_lie_beside_the_database_that_is_meant(home: Path, tmp_path: Path) -> None:
    main(["hub", "token", "create", "--machine", "a", "--database", str(tmp_path / "other" / "fleet.db")])
    main(["hub", "token", "create", "--machine", "b", "--database", "memory"])
    write_settings(home, hub={"database": str(tmp_path / "set.db")})
    main(["hub", "token", "create", "--machine", "c"])
    for path, machine in (
        (tmp_path / "other" / "fleet-tokens.json", "a"),
        (state(home) / "hub-tokens.json", "b"),
        (tmp_path / "set-tokens.json", "c"),
    ):
        assert [t.machine for t in TokenFile(path).tokens()] == [machine]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_tokens_the_list_says_how_to_make_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hub", "token", "list"]) == 0
    assert "hub token create --machine NAME" in capsys.readouterr().err


def test_an_option_of_the_hub_before_a_command_is_not_lost_silently(calls: Calls) -> None:
    assert main(["hub", "--listen", ":1", "token", "list"]) == 2
    assert calls == []


# -- backup ----------------------------------------------------------------------------------------


def test_a_backup_while_the_hub_runs_and_what_is_restored_from_it(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    fill(state(home) / "hub.db")
    token = run(home, "hub", "token", "create", "--machine", "phone", "--role", "view").stdout.strip()
    with Hub(home) as hub:
        done = run(home, "hub", "backup", str(tmp_path / "copy.db"))
        assert done.returncode == 0, done.stderr
        assert "copy.db-tokens.json: the tokens of machines, hashed." in done.stderr
        before = hub.get("/v1/usage?window=all")
        again = run(home, "hub", "backup", str(tmp_path / "copy.db"))
        assert (again.returncode, "is there already" in again.stderr) == (1, True)
    for name, target in (("copy.db", "hub.db"), ("copy.db-tokens.json", "hub-tokens.json")):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        state(other).mkdir(parents=True, exist_ok=True)
        (tmp_path / name).rename(state(other) / target)
    with Hub(other) as hub:
        assert hub.get("/v1/usage?window=all")["totals"] == before["totals"]
        answer = httpx.get(hub.url + "/v1/machines", headers={"Authorization": f"Bearer {token}"})
        assert {m["name"] for m in answer.json()["machines"]} == {"laptop", "desktop"}


def test_what_cannot_be_backed_up_is_a_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(home / "copy.db")
    assert main(["hub", "backup", target]) == 1
    assert "there is no database at" in capsys.readouterr().err
    assert main(["hub", "backup", target, "--database", "memory"]) == 2
    assert "keeps nothing to back up" in capsys.readouterr().err
    fill(state(home) / "hub.db")
    assert main(["hub", "backup", str(home / "no" / "copy.db")]) == 1
    assert "cannot be written" in capsys.readouterr().err


# -- forget ----------------------------------------------------------------------------------------


def test_a_machine_is_forgotten_without_a_hub_running(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(state(home) / "hub.db")
    TokenFile(state(home) / "hub-tokens.json").create("laptop", Role.PUSH, now=NOON)
    assert main(["hub", "forget", "laptop", "--yes"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines() == [
        "Forgot laptop: 1 events are gone.",
        "20 events that other machines have too count for them now.",
        "Its tokens are still good: openusage hub token revoke --machine laptop",
    ]
    assert main(["hub", "forget", "laptop", "--yes"]) == 2
    assert capsys.readouterr().err == "openusage: The hub knows no machine laptop.\nIt knows desktop.\n"


def test_by_the_hub_that_runs_here_and_by_one_elsewhere(tmp_path: Path) -> None:
    """The one by its settings, the other by its address; both need the shared token."""
    home = tmp_path / "home"
    fill(state(home) / "hub.db")
    with Hub(home) as hub:
        write_settings(home, hub={"listen_addr": f"127.0.0.1:{hub.port}"})
        refused = run(home, "hub", "forget", "laptop", "--yes")
        assert (refused.returncode, "wants a token" in refused.stderr) == (3, True)
        assert "Set OPENUSAGE_HUB_TOKEN to its shared token." in refused.stderr
        installed = state(home) / "hub.env"
        installed.write_text(f'OPENUSAGE_HUB_TOKEN="{TOKEN}"\n')
        table = run(home, "fleet", "--json")
        assert (table.returncode, json.loads(table.stdout)["kind"]) == (0, "machine")
        known = run(home, "hub", "forget", "nobody", "--yes")
        assert (known.returncode, "no machine of this name or id" in known.stderr) == (3, True)
        elsewhere = run(home, "hub", "forget", "nobody", "--yes", "--url", hub.url)
        assert "wants a token" in elsewhere.stderr, "the service's token goes to no other hub"
        installed.unlink()
        done = run(home, "hub", "forget", "laptop", "--yes", "--json", OPENUSAGE_HUB_TOKEN=TOKEN)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) | {"last_seen": None} == {
            "machine": "laptop", "id": LAPTOP, "dropped": 1, "moved": 20, "last_seen": None,
        }  # fmt: skip
        again = ("hub", "forget", "desktop", "--yes", "--url", hub.url)
        assert run(tmp_path, *again, OPENUSAGE_HUB_TOKEN=TOKEN).returncode == 0
        assert hub.get("/v1/machines")["machines"] == []
        gone = run(tmp_path, *again, OPENUSAGE_HUB_TOKEN=TOKEN)
        assert (gone.returncode, "no machine of this name or id" in gone.stderr) == (3, True)


def test_nobody_to_ask_means_that_it_must_be_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(state(home) / "hub.db")
    assert main(["hub", "forget", "laptop"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["hub", "forget", "laptop", "--yes"]) == 0


# -- how a hub starts ------------------------------------------------------------------------------


def test_a_hub_with_tokens_of_machines_alone_may_listen_everywhere(tmp_path: Path) -> None:
    made = run(tmp_path, "hub", "token", "create", "--machine", "phone", "--role", "view")
    port = free_port()
    with Process(tmp_path, "hub", "--headless", "--listen", f":{port}") as hub:
        until(lambda: "hub listening" in hub.said or not hub.running, "it listens")
        assert hub.running, hub.said
        url = f"http://127.0.0.1:{port}/v1/snapshots"
        assert httpx.get(url).status_code == 401
        headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        assert httpx.get(url, headers=headers).status_code == 200


def test_json_lines_from_the_first_to_the_last(tmp_path: Path) -> None:
    with Hub(tmp_path, "--log-format", "json") as hub:
        httpx.get(hub.url + "/v1/snapshots")
        until(lambda: "refused 127.0.0.1" in hub.said, "the refusal is logged")
        hub.process.terminate()
    lines = [json.loads(line) for line in hub.said.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert any(line["message"].startswith("hub listening: http://127.0.0.1:") for line in lines)
    assert any(line["level"] == "warning" and "missing bearer token" in line["message"] for line in lines)


def test_tls_by_option_by_environment_and_by_settings(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue()
    home = tmp_path / "home"
    home.mkdir()
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    variables = {"OPENUSAGE_HUB_TLS_CERT": str(cert), "OPENUSAGE_HUB_TLS_KEY": str(key)}
    for args, extra, tree in (
        (options, {}, {}),
        ((), variables, {}),
        ((), {}, {"hub": {"tls_cert": str(cert), "tls_key": str(key)}}),
    ):
        write_settings(home, **tree)
        port = free_port()
        listen = ("--headless", "--listen", f"127.0.0.1:{port}")
        with Process(home, "hub", *listen, *args, **extra) as hub:
            until(lambda: "hub listening" in hub.said or not hub.running, "it listens")
            assert f"https://127.0.0.1:{port}" in hub.said
            answer = httpx.get(f"https://127.0.0.1:{port}/healthz", verify=authority.context)
            assert answer.status_code == 200


def test_a_certificate_that_is_not_there_ends_the_hub_with_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "hub", "--headless", "--listen", "127.0.0.1:0", "--tls-cert", "nowhere.pem")
    assert done.returncode == 1
    assert done.stderr.startswith("openusage: hub: the certificate ")
    assert "does not exist." in done.stderr
    alone = run(tmp_path, "hub", "--headless", "--listen", "127.0.0.1:0", "--tls-key", "nowhere.pem")
    assert (alone.returncode, "but no certificate" in alone.stderr) == (2, True)
