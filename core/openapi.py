"""What the OpenAPI document of a service says beyond its views: errors, examples, links."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from apiflask import APIFlask
from pydantic import BaseModel

from core.envelope import MESSAGES, Envelope, ErrorEnvelope

Spec = dict[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")


class Clue(NamedTuple):
    """Something in an answer that other calls take as the parameter of that name.

    `pointer` is where it is in the answer's body (RFC 6901).
    """

    method: str
    path: str
    status: str
    pointer: str
    parameter: str


def complete(
    app: APIFlask,
    *,
    clues: Sequence[Clue],
    headers: Mapping[str, type[BaseModel]] | None = None,
    bodies: Spec | None = None,
) -> None:
    """Let the document of `app` tell the errors of each call, and the calls that follow from one.

    `headers` and `bodies` map paths to those of the `POST` calls whose view reads them by itself.
    """

    def process(spec: Spec) -> Spec:
        for path, model in (headers or {}).items():
            spec["paths"][path]["post"]["parameters"] = _headers(model)
        for path, body in (bodies or {}).items():
            spec["paths"][path]["post"]["requestBody"] = body
        _document_errors(spec)
        for clue in clues:
            _link(spec, clue)
        return spec

    app.spec_processor(process)  # type: ignore[arg-type]  # ours is made as a dict


def _headers(model: type[BaseModel]) -> list[Spec]:
    schema = model.model_json_schema()
    return [
        {"name": name, "in": "header", "required": name in schema.get("required", ()), "schema": of}
        for name, of in schema["properties"].items()
    ]


def _document_errors(spec: Spec) -> None:
    """Document errors as they are, and those that any call may answer.

    APIFlask would put their schema into an envelope's `data`.
    """
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPError", "ValidationError"):
        schemas.pop(name, None)
    schemas["ErrorEnvelope"] = ErrorEnvelope.model_json_schema()
    envelope = {"application/json": {"schema": Envelope.model_json_schema()}}
    for path, operation in _operations(spec):
        responses = operation.setdefault("responses", {})
        responses.setdefault("503", {"description": "Service Unavailable"})
        if not any(status < "400" for status in responses):
            responses["200"] = {"description": "Successful response", "content": envelope}
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
            responses.setdefault("400", {"description": "Bad Request"})
            responses.setdefault("413", {"description": "Content Too Large"})
        for status, response in responses.items():
            if status >= "400":
                response["content"] = response.get("content", {}) | _error(path, status)


def _error(path: str, status: str) -> Spec:
    example: Spec = {
        "status": int(status),
        "resource": path.strip("/").split("/")[0],
        "message": MESSAGES.get(int(status), "Erro."),
        "data": None,
    }
    if status == "422":
        example["errors"] = {"campo": ["O que há de errado com ele."]}
    schema = {"$ref": "#/components/schemas/ErrorEnvelope"}
    return {"application/json": {"schema": schema, "example": example}}


def _link(spec: Spec, clue: Clue) -> None:
    """Link an answer to every call that takes what is in it (OpenAPI 3.1, 4.8.20)."""
    response = spec["paths"][clue.path][clue.method]["responses"][clue.status]
    links = response.setdefault("links", {})
    for _, operation in _operations(spec):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if clue.parameter in names:
            links[operation["operationId"]] = {
                "operationId": operation["operationId"],
                "parameters": {clue.parameter: f"$response.body#{clue.pointer}"},
            }


def _operations(spec: Spec) -> Iterator[tuple[str, Spec]]:
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, item[method]
