"""Requests and answers by botocore's model of a service: a request becomes an operation, a value an answer.

Every value is checked against the operation's output shape while it is written: unknown and missing members, types,
enumerations, patterns and lengths. What the model does not know raises NotInTheModel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import OperationModel, Shape

from .errors import COMMON_ERRORS, AwsError, NotInTheModel

Answer = tuple[int, dict[str, str], bytes]
Write = Callable[[Any, str], Any]
_INTEGERS = {"integer", "long"}


@cache
def service_model(name: str) -> ServiceModel:
    return ServiceModel(name)


class ServiceModel:
    """One service: which operation a request asks for, and its answer in the service's protocol."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._model = botocore.session.get_session().get_service_model(name)
        self._query = self._model.metadata["protocol"] == "query"
        self._routes: list[tuple[str, re.Pattern[str], OperationModel]] = []
        self._writers: dict[str, Write] = {}
        for operation in self._model.operation_names if not self._query else ():
            model = self._model.operation_model(operation)
            template = model.http["requestUri"].partition("?")[0]
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
            self._routes.append((model.http["method"], re.compile(pattern + "/?"), model))
        self._routes.sort(key=lambda route: route[1].pattern.count("(?P<"))

    def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[OperationModel, dict[str, Any]]:
        """The operation that a request asks for and its parameters, typed. Raises AwsError for what no model fits."""
        path, _, query = target.partition("?")
        if self._query:
            fields = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
            model = self._model.operation_model(fields.pop("Action"))
            return model, fields
        for verb, pattern, model in self._routes:
            if verb == method and (match := pattern.fullmatch(path)):
                return model, _parameters(model, match.groupdict(), query, headers, body)
        raise AwsError("UnknownOperationException", f"{method} {path} is no operation of {self.name}")

    def answer(self, model: OperationModel, value: Mapping[str, Any], request_id: str) -> Answer:
        """An operation's output as an HTTP answer. Raises NotInTheModel."""
        shape = model.output_shape
        if shape is None:
            if value:
                raise NotInTheModel(f"{model.name} has no output, and {sorted(value)} was answered")
            written: dict[str, Any] = {}
        else:
            written = self._writer(shape)(value, model.name)
        if self._query:
            result = f"<{model.name}Result>{_xml(written)}</{model.name}Result>"
            about = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
            namespace = self._model.metadata["xmlNamespace"]
            text = f'<{model.name}Response xmlns="{namespace}">{result}{about}</{model.name}Response>'
            return 200, {"Content-Type": "text/xml"}, text.encode()
        return 200, {"Content-Type": "application/json"}, json.dumps(written).encode()

    def error(self, model: OperationModel | None, error: AwsError, request_id: str) -> Answer:
        """An error as HTTP answer, with the status of the operation's own model. Raises NotInTheModel."""
        declared = {
            shape.metadata.get("error", {}).get("code", shape.name): shape.metadata.get("error", {})
            for shape in (model.error_shapes if model else [])
        }
        if error.code not in declared and error.code not in COMMON_ERRORS:
            raise NotInTheModel(f"{model.name if model else self.name} has no error {error.code}")
        status = (
            error.status or declared.get(error.code, {}).get("httpStatusCode") or COMMON_ERRORS.get(error.code, 400)
        )
        if self._query:
            inner = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
            namespace = self._model.metadata["xmlNamespace"]
            text = f'<ErrorResponse xmlns="{namespace}"><Error>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>'
            return status, {"Content-Type": "text/xml"}, text.encode()
        text = json.dumps({"message": error.message})
        return status, {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}, text.encode()

    def _writer(self, shape: Shape) -> Write:
        """The function that checks and writes a value of this shape, made once (shapes may hold themselves)."""
        if shape.name not in self._writers:
            self._writers[shape.name] = lambda value, where: self._writers[shape.name](value, where)  # noqa: PLW0108 - looked up when called
            self._writers[shape.name] = self._new_writer(shape)
        return self._writers[shape.name]

    def _new_writer(self, shape: Shape) -> Write:
        if shape.type_name == "structure":
            return _structure(
                {name: self._writer(member) for name, member in shape.members.items()},
                {name: member.serialization.get("name", name) for name, member in shape.members.items()},
                frozenset(shape.required_members),
            )
        if shape.type_name == "list":
            return _list(self._writer(shape.member))
        if shape.type_name == "map":
            return _map(self._writer(shape.key), self._writer(shape.value))
        if shape.type_name == "string":
            return _string(shape.enum, shape.metadata)
        return _scalar(shape.type_name, iso=self._query)


def _structure(members: dict[str, Write], names: dict[str, str], required: frozenset[str]) -> Write:
    def write(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise NotInTheModel(f"{where} is {value!r}, no structure")
        if lacks := required - value.keys():
            raise NotInTheModel(f"{where} lacks {sorted(lacks)}")
        written = {}
        for name, part in value.items():
            if name not in members:
                raise NotInTheModel(f"{where} has no member {name}")
            if part is not None:
                written[names[name]] = members[name](part, f"{where}.{name}")
        return written

    return write


def _list(member: Write) -> Write:
    def write(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise NotInTheModel(f"{where} is {value!r}, no list")
        return [member(item, where) for item in value]

    return write


def _map(key: Write, member: Write) -> Write:
    def write(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise NotInTheModel(f"{where} is {value!r}, no map")
        return {key(name, where): member(part, f"{where}.{name}") for name, part in value.items()}

    return write


def _string(enum: list[str], metadata: Mapping[str, Any]) -> Write:
    least, most = metadata.get("min", 0), metadata.get("max")
    allowed = frozenset(enum)
    text = metadata.get("pattern", "")
    pattern = re.compile(text) if text and r"\p" not in text else None

    def write(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise NotInTheModel(f"{where} is {value!r}, no text")
        if (allowed and value not in allowed) or (pattern and not pattern.fullmatch(value)):
            raise NotInTheModel(f"{where} may not be {value!r}")
        if len(value) < least or (most is not None and len(value) > most):
            raise NotInTheModel(f"{where} has {len(value)} characters")
        return value

    return write


def _scalar(kind: str, *, iso: bool) -> Write:
    def write(value: Any, where: str) -> Any:
        if kind == "boolean":
            fits = isinstance(value, bool)
        elif kind in _INTEGERS:
            fits = isinstance(value, int) and not isinstance(value, bool)
        else:
            fits = isinstance(value, int | float | str)
        if not fits:
            raise NotInTheModel(f"{where} is {value!r}, no {kind}")
        return round(value, 3) if kind == "timestamp" and not iso else value

    return write


def _parameters(
    model: OperationModel, labels: dict[str, str], query: str, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    asked = parse_qs(query, keep_blank_values=True)
    document = json.loads(body) if body.strip() else {}
    parameters: dict[str, Any] = {}
    for name, shape in (model.input_shape.members if model.input_shape else {}).items():
        where, wire = shape.serialization.get("location"), shape.serialization.get("name", name)
        if where == "uri":
            value: Any = unquote(labels[wire])
        elif where == "querystring":
            value = asked[wire][0] if wire in asked else None
        elif where == "header":
            value = headers.get(wire.lower())
        else:
            value = document.get(wire)
        if value is not None:
            parameters[name] = _typed(value, shape, name)
    return parameters


def _typed(value: Any, shape: Shape, name: str) -> Any:
    if shape.type_name in _INTEGERS and isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise AwsError("SerializationException", f"'{value}' can not be converted to Long") from None
    if shape.type_name == "boolean" and isinstance(value, str):
        value = value == "true"
    _check_input(value, shape, name)
    return value


def _check_input(value: Any, shape: Shape, name: str) -> None:
    """Refuse what AWS refuses by its model: AWS's own sentence, as the jobs API words it."""
    limits, wrong = shape.metadata, None
    if shape.type_name in _INTEGERS:
        if value < limits.get("min", value):
            wrong = f"Member must have value greater than or equal to {limits['min']}"
        elif value > limits.get("max", value):
            wrong = f"Member must have value less than or equal to {limits['max']}"
    elif shape.type_name == "string":
        pattern = limits.get("pattern", "")
        if shape.enum and value not in shape.enum:
            wrong = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        elif pattern and r"\p" not in pattern and not re.fullmatch(pattern, value):
            wrong = f"Member must satisfy regular expression pattern: {pattern}"
        elif len(value) > limits.get("max", len(value)):
            wrong = f"Member must have length less than or equal to {limits['max']}"
    if wrong:
        sentence = f"Value '{value}' at '{name}' failed to satisfy constraint: {wrong}"
        raise AwsError("InvalidRequestException", f"1 validation error detected: {sentence}")


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(part)}</{name}>" for name, part in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(part)}</member>" for part in value)
    return escape(str(value))
