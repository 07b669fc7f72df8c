"""`GET /openapi.json`: the table of calls and the types they carry, as one OpenAPI document."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from openusage import __version__
from openusage.hub.calls import CALLS, JSON, LIMITS, Call, Json, Parameter, Says
from openusage.wire.stream import CONTENT_TYPE

_ABOUT = (
    "Times are RFC 3339 in UTC, money is US dollars, `null` is not known. Every GET answers HEAD as well. "
    "A hub that was started without a token asks for none."
)
_TEXT: Json = {"type": "string"}


@functools.cache
def document() -> tuple[bytes, bytes]:
    """(tag, JSON), made when it is asked for first."""
    carried = (body for call in CALLS for body in (call.body, *(a.body for a in call.all_answers())))
    types = {body: None for body in carried if body is not None}
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    shape = dict(zip(types, schemas, strict=True))
    for struct in _structs(types):
        _mark_times(struct, components[struct.cls.__name__]["properties"])
    for name, limits in LIMITS.items():
        for field, limit in limits.items():
            _narrow(components[name]["properties"][field], limit)
    paths: dict[str, Json] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, shape)
    body = msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "openusage hub",
                "version": __version__,
                "description": _ABOUT,
            },
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }
    )
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'.encode(), body


def _operation(call: Call, shape: Mapping[Any, Json]) -> Json:
    said: Json = {
        "operationId": "_".join((call.method.lower(), *re.findall(r"\w+", call.path))),
        "summary": call.what,
        "security": [{"token": []}] if call.needs_token else [],
        "responses": {str(a.status): _response(a, shape) for a in call.all_answers()},
    }
    if call.parameters:
        said["parameters"] = [_parameter(p) for p in call.parameters]
    if call.body is not None:
        said["requestBody"] = {"required": True, "content": {JSON: {"schema": shape[call.body]}}}
    return said


def _response(answer: Says, shape: Mapping[Any, Json]) -> Json:
    said: Json = {"description": answer.what}
    if answer.headers:
        said["headers"] = {name: {"schema": _TEXT, "required": True} for name in answer.headers}
    if CONTENT_TYPE in answer.media:
        # The data of one event; OpenAPI 3.1 has no words for a sequence of them.
        said["content"] = {CONTENT_TYPE: {"schema": _TEXT, "x-event-data": shape[answer.body]}}
    elif answer.body is not None:
        said["content"] = {media: {"schema": shape[answer.body]} for media in answer.media}
    return said


def _parameter(parameter: Parameter) -> Json:
    said: Json = {"name": parameter.name, "in": parameter.where, "description": parameter.what}
    if parameter.where == "path" or parameter.required:
        said["required"] = True
    if not parameter.is_list:
        return said | {"schema": parameter.schema}
    schema = {"type": "array", "items": parameter.schema}
    return said | {"schema": schema, "style": "form", "explode": not parameter.commas}


def _structs(types: Any) -> Iterator[inspect.StructType]:
    """Every struct in `types`, however deep. None of ours holds itself."""
    waiting: list[object] = list(inspect.multi_type_info(types))
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.StructType):
            yield kind
        if isinstance(kind, inspect.Type | inspect.Field):
            waiting += [getattr(kind, name) for name in kind.__struct_fields__]
        elif isinstance(kind, tuple):
            waiting += kind


def _mark_times(struct: inspect.StructType, properties: Json) -> None:
    """A type's schema calls a time a string."""
    for field in struct.fields:
        kinds: list[object] = [field.type]
        if isinstance(field.type, inspect.UnionType):
            kinds += field.type.types
        elif isinstance(field.type, inspect.DictType):
            kinds.append(field.type.value_type)
        if any(isinstance(kind, inspect.DateTimeType) for kind in kinds):
            _narrow(properties[field.encode_name], {"format": "date-time"})


def _narrow(schema: Json, limit: Json) -> None:
    """Adds to what is not null, or to what a map holds."""
    if "additionalProperties" in schema:
        return _narrow(schema["additionalProperties"], limit)
    for choice in schema.get("anyOf", [schema]):
        if choice.get("type") != "null":
            choice.update(limit)
