"""Whether a machine could push to a hub: asked before anything is changed, each fault a sentence.

Nothing is stored at the hub by asking, but where a token is a machine's own: whether it is this machine's can
only be told by a batch, and one without records is sent.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from openusage import __version__
from openusage.client.replies import ahead_s
from openusage.errors import PeerConfused, PeerRefused, PeerUnreachable, UsageError
from openusage.format import printable
from openusage.net import reason, trusted
from openusage.settings import HUB_TOKEN_ENV, hub_url
from openusage.wire.fleet import Capabilities
from openusage.wire.records import RecordBatch

PROBE_S = 10.0
MAX_ANSWER_BYTES = 1 << 20
_NO_STORE = "0" * 32
"""Whose numbers are meant: nobody's, so that none is taken for heard."""


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """What a hub says to anybody."""

    needs_token: bool
    clock_ahead_s: float | None = None
    """This machine's clock ahead of the hub's, to a second or so; `None`: the hub does not tell the time."""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What a hub says to a machine that it lets push."""

    version: str = ""
    """Empty: it does not say, as the Go program's, or not to this token."""
    keeps_records: bool = True
    """It has a history; a Go program's has none."""


class HubProbe:
    """One hub, asked as this machine. Raises `PeerError` wherever it could not push there."""

    def __init__(self, url: str, *, now: Callable[[], dt.datetime], timeout_s: float = PROBE_S) -> None:
        """Raises `UsageError` when `url` is no http address."""
        try:
            self.url = hub_url(url)
        except ValueError as e:
            raise UsageError(f"{url} is not a hub's address: it {e}.") from e
        self.host = urlsplit(self.url).netloc
        self._now = now
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            headers={"User-Agent": f"openusage/{__version__}"},
            timeout=timeout_s,
            follow_redirects=False,
            verify=trusted(),
        )

    def greet(self) -> Greeting:
        """Without a token: is there a hub, and what is its clock?"""
        began = self._now()
        answer = self._ask("GET", "/healthz")
        ended = self._now()
        self._refuse_strangers(answer)
        if not _says_ok(answer):
            raise self._stranger()
        pushed = self._ask("POST", "/v1/push")
        if pushed.status_code not in (400, 401):
            self._refuse_strangers(pushed)
            raise self._stranger()
        return Greeting(
            needs_token=pushed.status_code == 401,
            clock_ahead_s=ahead_s(answer.headers.get("Date", ""), began, ended),
        )

    def admit(self, token: str, machine: str, machine_id: str) -> Admission:
        """Is this token good for a push of this machine? An empty one is for a hub that needs none."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # A blank push is refused as such (400) once the token has been taken.
        pushed = self._ask("POST", "/v1/push", headers)
        if pushed.status_code != 400:
            self._refuse_token(pushed, machine)
        said = self._ask("GET", "/v1/capabilities", headers)
        if said.status_code == 200:
            return self._admission(said)
        if said.status_code == 403:  # a machine's own token, which reads nothing
            return self._own_token(headers, machine, machine_id)
        return Admission(keeps_records=said.status_code != 404)

    def close(self) -> None:
        self._http.close()

    def _admission(self, answer: httpx.Response) -> Admission:
        try:
            told = msgspec.json.decode(answer.content, type=Capabilities)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise self._stranger() from e
        return Admission(version=printable(told.version[:100]), keeps_records=told.records)

    def _own_token(self, headers: dict[str, str], machine: str, machine_id: str) -> Admission:
        batch = RecordBatch(
            machine=machine,
            machine_id=machine_id,
            store_id=_NO_STORE,
            sent_at=self._now(),
            after=0,
            upto=0,
            records=[],
            version=__version__,
        )
        answer = self._ask("POST", "/v1/records", headers, msgspec.json.encode(batch))
        if answer.status_code in (401, 403, 429):
            self._refuse_token(answer, machine)
        return Admission(keeps_records=answer.status_code != 404)

    def _refuse_token(self, answer: httpx.Response, machine: str) -> None:
        """Raises what the refusal means."""
        why = _detail(answer)
        status = answer.status_code
        if status == 401 and "invalid_token" not in answer.headers.get("WWW-Authenticate", "invalid_token"):
            raise PeerRefused(f"{self.host} wants a token.", f"Say which: {HUB_TOKEN_ENV}.", status=status)
        if status == 401:
            what = why or "it is not one of the hub's"
            raise PeerRefused(
                f"{self.host} does not accept this token: {what}.",
                "On the hub: openusage hub token create --machine NAME",
                status=status,
            )
        if status == 403:
            raise PeerRefused(
                f"{self.host} does not let {printable(machine)} push: {why or 'forbidden'}.",
                "Take another token, or another name with --name.",
                status=status,
            )
        if status == 429:
            raise PeerRefused(
                f"{self.host} was shown too many wrong tokens from here.",
                "Try again in a few minutes.",
                status=status,
            )
        raise PeerRefused(
            f"{self.host} answers {status} to a push{f': {why}' if why else ''}.",
            "The hub's log says more.",
            status=status,
        )

    def _refuse_strangers(self, answer: httpx.Response) -> None:
        """Raises for what is no answer of a hub, or one that goes elsewhere."""
        status = answer.status_code
        if 300 <= status < 400:
            where = printable(answer.headers.get("Location", "another address")[:200])
            raise PeerRefused(
                f"{self.host} sends us to {where}.", "Use that address if you trust it.", status=status
            )
        if status == 421:
            raise PeerRefused(
                f"The hub does not answer to the name {self.host}.",
                "Add it to hub.hosts in the hub's settings.json.",
                status=status,
            )
        if status in (429, 500, 502, 503, 504, 507):
            raise PeerRefused(
                f"{self.host} answers {status}: the hub is not to be had just now.",
                "Try again in a while.",
                status=status,
            )

    def _stranger(self) -> PeerConfused:
        return PeerConfused(
            f"{self.host} answers, but it is not a hub.", "Is it the right address and port (9190)?"
        )

    def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, content: bytes = b""
    ) -> httpx.Response:
        """The answer, or as much of it as a hub has to say; a byte now and then does not hold it up."""
        body = bytearray()
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._http.stream(method, self.url + path, headers=headers, content=content) as answer:
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER_BYTES:
                        break
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer does not end")
        except httpx.TimeoutException as e:
            raise PeerUnreachable(f"{self.host} does not answer in time.", UNREACHABLE) from e
        except httpx.TransportError as e:
            raise self._unreachable(e) from e
        except httpx.DecodingError as e:
            raise self._stranger() from e
        unpacked = ("content-encoding", "content-length", "transfer-encoding")
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in unpacked}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(body))

    def _unreachable(self, error: httpx.TransportError) -> PeerUnreachable:
        for sign, what, hint in _TLS_FAULTS:
            if sign in str(error):
                return PeerUnreachable(f"{self.host} {what}.", hint)
        why, hint = reason(error), UNREACHABLE
        if self.url.startswith("http://") and "without an answer" in why:
            hint = f"If it speaks TLS: https://{self.host}"
        elif "no TLS" in why:
            hint = f"Without TLS: http://{self.host}"
        return PeerUnreachable(f"{self.host} does not answer ({why}).", hint)


UNREACHABLE = "Does the hub run, and can this machine reach it?"
_TRUST = "Name the authority that signed it: SSL_CERT_FILE=/path/to/authority.pem openusage join …"
_TLS_FAULTS = (
    ("certificate has expired", "shows a TLS certificate that has expired", "Renew it on the hub."),
    ("ostname mismatch", "shows a TLS certificate of another name", "Use a name that is in it."),
    ("IP address mismatch", "shows a TLS certificate of another name", "Use a name that is in it."),
    ("CERTIFICATE_VERIFY_FAILED", "shows a TLS certificate of an authority that is not known here", _TRUST),
)
"""What OpenSSL's words contain, what it means, what to do; the first that fits."""


def _says_ok(answer: httpx.Response) -> bool:
    said = _object(answer)
    return answer.status_code == 200 and said.get("status") == "ok" and "daemon_version" not in said


def _detail(answer: httpx.Response) -> str:
    detail = _object(answer).get("detail", "")
    return printable(detail[:200]).rstrip(".") if isinstance(detail, str) else ""


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
