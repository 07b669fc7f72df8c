"""settings.json -> the typed tree, or a sentence that says which field cannot be used and why.

Fields are read one by one rather than by one `msgspec.json.decode`, because a message must name what was
found and what is allowed, and because the Go program writes `null`, `""` and 0 for "not set".
"""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from openusage.errors import SettingsError
from openusage.settings._tree import HUB_TOKEN_ENV, SETTINGS_VERSION, Settings


def load(path: Path, shown_as: str = "") -> Settings:
    """The settings of the file; all defaults when there is none. Never writes.

    `shown_as` is how messages name the file (`~/.config/openusage/settings.json`).

    Raises:
        SettingsError: the file cannot be read, is no JSON, holds a secret, or a field has a value that is
            not allowed; the message names file, field, what was found and what is allowed.
    """
    name = shown_as or str(path)
    return checked(load_tree(path, name), name)


def load_tree(path: Path, name: str) -> dict[str, Any]:
    """The file as it stands, nothing in it judged; empty when there is none. Raises `SettingsError`."""
    text = read_text(path, name)
    return {} if text is None else parse(text, name)


def hub_url(text: str) -> str:
    """A hub's URL without trailing slashes; `hub.lan:9190` is `http://hub.lan:9190`.

    Raises `ValueError`, in words, when it is none or holds a password.
    """
    url = text.strip()
    if "://" not in url:
        url = f"http://{url}"
    try:
        parts = urlsplit(url)
        port_ok = parts.port != 0
    except ValueError:
        port_ok = False
    if not port_ok or parts.scheme not in ("http", "https") or not parts.hostname or " " in url:
        raise ValueError("must be a URL such as http://hub.lan:9190")
    if "@" in parts.netloc:
        raise ValueError(f"must not hold a user or password (a token comes from {HUB_TOKEN_ENV})")
    if parts.query or parts.fragment:
        raise ValueError("must be a URL without ? and #, such as http://hub.lan:9190")
    return url.rstrip("/")


def read_text(path: Path, name: str) -> str | None:
    """The file's text; None when there is no file, or nothing in it."""
    if path.is_fifo():
        raise SettingsError(f"{name}: is a pipe, not a file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as e:
        raise SettingsError(f"{name}: is not UTF-8 text (byte {e.start})") from e
    except OSError as e:
        raise SettingsError(f"{name}: cannot be read: {e.strerror or e}") from e
    return text if text.strip() else None


def parse(text: str, name: str) -> dict[str, Any]:
    try:
        tree = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as e:
        raise SettingsError(f"{name}: line {e.lineno}, column {e.colno}: {_lower_first(e.msg)}") from e
    except (RecursionError, ValueError) as e:
        raise SettingsError(f"{name}: is not usable JSON: {e}") from e
    if not isinstance(tree, dict):
        raise SettingsError(f"{name}: must be an object {{…}}, found {found(tree)}")
    return tree


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def checked(tree: dict[str, Any], name: str) -> Settings:
    """The typed tree. Raises `SettingsError` for secrets and wrong values."""
    _refuse_newer(tree, name)
    _refuse_secrets(tree, name)
    settings = _struct(Settings, tree, "", name)
    if settings.export.target:
        try:
            target = hub_url(settings.export.target)
        except ValueError as e:
            secret = "@" in settings.export.target
            what = "" if secret else f", found {found(settings.export.target)}"
            raise SettingsError(f"{name}: export.target {e}{what}") from e
        export = msgspec.structs.replace(settings.export, target=target)
        settings = msgspec.structs.replace(settings, export=export)
    return settings


_StructT = TypeVar("_StructT", bound=msgspec.Struct)


def _struct(type_: type[_StructT], tree: Mapping[str, Any], place: str, name: str) -> _StructT:
    """`tree` as `type_`, field by field, so that a message can name the field and what it may be."""
    values: dict[str, Any] = {}
    hints = _hints(type_)
    for field in msgspec.structs.fields(type_):
        where = f"{place}.{field.name}" if place else field.name
        given = tree.get(field.encode_name)
        if _means_default(given, hints[field.name]):
            if field.required:
                what = found(given) if field.encode_name in tree else "nothing"
                raise SettingsError(f"{name}: {where} must be {describe(hints[field.name])}, found {what}")
            continue
        values[field.name] = _value(hints[field.name], given, where, name)
    return type_(**values)


def _value(hint: Any, given: Any, where: str, name: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        if not isinstance(given, dict):
            raise SettingsError(f"{name}: {where} must be an object {{…}}, found {found(given)}")
        return _struct(hint, given, where, name)
    if get_origin(hint) is list:
        if not isinstance(given, list):
            raise SettingsError(f"{name}: {where} must be a list […], found {found(given)}")
        (item,) = get_args(hint)
        return [_value(item, v, f"{where}[{i}]", name) for i, v in enumerate(given) if v is not None]
    if get_origin(hint) is dict and isinstance(given, dict):
        given = {k: v for k, v in given.items() if v is not None}
    base, _ = _plain(hint)
    if base is int and isinstance(given, float) and given.is_integer():
        given = int(given)
    try:
        return msgspec.convert(given, hint)
    except msgspec.ValidationError as e:
        message = f"{name}: {where} must be {describe(hint)}, found {found(given)}"
        raise SettingsError(message) from e


def _means_default(given: Any, hint: Any) -> bool:
    """Whether this is how "not set" is written: absent, null, or a zero value the field does not allow."""
    if given is None:
        return True
    base, meta = _plain(hint)
    if given == "":
        return base in (str, int, float) or get_origin(base) is Literal
    if base in (int, float) and isinstance(given, (int, float)) and not isinstance(given, bool):
        floor = meta.ge if meta is not None and meta.ge is not None else 0
        always = bool(meta is not None and (meta.extra or {}).get("below_is_default"))
        return given < floor and (given == 0 or always)
    return False


@functools.cache
def _hints(type_: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(type_, include_extras=True)


def _plain(hint: Any) -> tuple[Any, Meta | None]:
    """The bare type, and what `Annotated` says of it."""
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        return base, next((e for e in extras if isinstance(e, Meta)), None)
    return hint, None


def describe(hint: Any) -> str:
    """What a field may be, in words."""
    base, meta = _plain(hint)
    origin = get_origin(base)
    if origin is Literal:
        *most, last = (json.dumps(v) for v in get_args(base))
        return f"{', '.join(most)} or {last}"
    if origin in (Union, types.UnionType):
        return " or ".join("null" if t is type(None) else describe(t) for t in get_args(base))
    if origin is dict:
        return "an object of texts"
    if origin is list:
        return "a list of texts"
    words = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}[base]
    if meta is not None and meta.ge is not None:
        words += f" from {_figure(meta.ge)} to {_figure(meta.le)}"
    return words


def _figure(number: float | None) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def found(value: Any) -> str:
    """The value as the file has it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _refuse_newer(tree: Mapping[str, Any], name: str) -> None:
    """Before anything else is looked at: fields of a newer form may be of any kind."""
    version = tree.get("settings_version")
    if isinstance(version, (int, float)) and version > SETTINGS_VERSION:
        raise SettingsError(
            f"{name}: was written by a newer openusage (settings version {version:g}, "
            f"this one knows {SETTINGS_VERSION})",
            "Update openusage on this machine.",
        )


_SECRET_NAMES = {"apikey", "authorization", "bearer", "password", "secret", "secretkey"}


def _refuse_secrets(tree: Mapping[str, Any], name: str) -> None:
    for place in ("", "export", "hub"):
        section = tree.get(place) if place else tree
        for key in _secrets(section):
            where = f"{place}.{key}" if place else key
            raise SettingsError(
                f"{name}: {where} holds a secret, and tokens are never kept in this file",
                f"Remove it, treat it as known to others, and set {HUB_TOKEN_ENV} in the environment "
                "of the daemon, the hub or hub-view instead.",
            )
    accounts = tree.get("accounts")
    for i, account in enumerate(accounts if isinstance(accounts, list) else ()):
        for key in _secrets(account):
            raise SettingsError(
                f"{name}: accounts[{i}].{key} holds a secret, and keys are never kept in this file",
                "Put the key into an environment variable, and the variable's name into api_key_env.",
            )


def _secrets(section: Any) -> Iterator[str]:
    if isinstance(section, Mapping):
        for key, value in section.items():
            plain = str(key).lower().replace("_", "").replace("-", "")
            if (plain in _SECRET_NAMES or plain.endswith("token")) and value not in (None, "", False):
                yield str(key)
