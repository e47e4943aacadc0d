"""The Open Inference Protocol, version 2, over HTTP: KServe, Triton, MLServer, OpenVINO Model Server.

Sources: the protocol's specification of HTTP/REST, and Triton's extension for binary tensors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import ModelError
from seewhy.core.text import shown
from seewhy.models.extras import need
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.served.http_bodies import count, name_of
from seewhy.models.served.http_requests import Request, Server, ServerAnswer
from seewhy.models.served.networks import Place, Served, chosen_output, only_input
from seewhy.models.served.tensors import UNLIKE, TensorSpec, as_numbers, is_shape, listed

NUMBERS = {
    "FP32": "float32",
    "FP16": "float16",
    "FP64": "float64",
    "UINT8": "uint8",
    "INT8": "int8",
    "UINT16": "uint16",
    "INT16": "int16",
    "UINT32": "uint32",
    "INT32": "int32",
    "UINT64": "uint64",
    "INT64": "int64",
}
"""Datatypes of the protocol that hold pictures and scores. BYTES would be files or words."""

_BINARY = "binary_tensor_data"
_SPEAK_BINARY = {"kserve", "OpenVINO Model Server"}
"""Servers that take and give binary tensors, though their metadata does not list the extension."""
_HEADER = "Inference-Header-Content-Length"
_FORM = "http://HOST:PORT/v2/models/NAME or .../NAME/versions/VERSION"


def load_kserve(rest: str, options: ModelOptions) -> NetworkModel:
    """Return the model at ``http://HOST:PORT/v2/models/NAME``, asked by the Open Inference Protocol.

    Parameters
    ----------
    rest
        Its URL; ``/versions/VERSION`` may follow, and ``#output=NAME`` where it has several outputs.
    options
        Preprocessing must be given: no server knows it.

    Raises
    ------
    InvalidInput
        The URL is none, the model does not take one batch of pictures, or options do not fit it.
    ModelError
        The server cannot be reached, or does not answer as the protocol says.
    MissingExtra
        httpx or orjson is not installed.
    """
    path = r"/v2/models/(?P<name>[^/]+)(?:/versions/[^/]+)?"
    place = Place.of("kserve", rest, path, _FORM, ["output"])
    server = Server(place.url)
    metadata, inputs, outputs = _metadata(server, place)
    tensor, number = only_input(inputs, NUMBERS, place.name)
    name, extensions, unsaid = _about(server, place)
    binary = _BINARY in extensions or name in _SPEAK_BINARY
    why = f"does not say whether it takes binary tensors ({unsaid})" if unsaid else "lists no binary tensors"
    notes = () if binary else (f"{place.name}: its server {why}, so images were sent as JSON",)
    output = chosen_output(outputs, place, options)
    return Served(
        place=place,
        server=server,
        dialect=_Binary(server, place.url, tensor, output) if binary else _Json(server, place.url, tensor, output),
        input=tensor,
        number=number,
        version=_version(metadata),
        metadata=metadata,
        notes=notes,
        most=_most(server, place) if "model_configuration" in extensions else None,
    ).model(options)


def _metadata(server: Server, place: Place) -> tuple[dict[str, Any], list[TensorSpec], list[TensorSpec]]:
    request = Request("GET", place.url)
    answer = server.ask(request)
    found = server.read_json(answer)
    try:
        inputs, outputs = ([_tensor(one) for one in found.get(side) or []] for side in ("inputs", "outputs"))
    except UNLIKE as error:
        raise server.malformed(request, f"the metadata of a model, got: {server.excerpt(answer.body)}") from error
    return found, inputs, outputs


def _tensor(one: dict[str, Any]) -> TensorSpec:
    return TensorSpec.of(one["name"], one["datatype"], one["shape"])


def _version(metadata: dict[str, Any]) -> str:
    """Return the versions that the server lists; it may list anything."""
    versions = metadata.get("versions") or ["unknown"]
    return name_of(" ".join(str(one) for one in versions) if isinstance(versions, list) else versions)


def _about(server: Server, place: Place) -> tuple[str, list[str], str]:
    """Return name and extensions of the server, or why they are not known: a gateway may show its models alone."""
    request = Request("GET", f"{place.root}/v2")
    try:
        answer = server.ask(request)
        found = server.read_json(answer)
        if not isinstance(found, dict) or not isinstance(found.get("extensions") or [], list):
            raise server.malformed(request, f"name and extensions, got: {server.excerpt(answer.body)}")
    except ModelError as error:
        return "", [], str(error)
    return str(found.get("name", "")), [str(name) for name in found.get("extensions") or []], ""


def _most(server: Server, place: Place) -> int | None:
    """Return the largest batch by Triton's model configuration; it states 0 where the shape says it all."""
    request = Request("GET", f"{place.url}/config")
    answer = server.ask(request)
    found = server.read_json(answer)
    most = found.get("max_batch_size", 0) if isinstance(found, dict) else None
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        raise server.malformed(request, f"a configuration with max_batch_size, got: {server.excerpt(answer.body)}")
    return most or None


class _Json:
    """Tensors as lists of numbers."""

    def __init__(self, server: Server, url: str, tensor: TensorSpec, output: str | None) -> None:
        self._server = server
        self._url = f"{url}/infer"
        self._input = tensor
        self._output = output
        self._dumps: Any = need("orjson", "http").dumps
        self._options = need("orjson", "http").OPT_SERIALIZE_NUMPY
        self._answered_by: dict[str, str] = {}

    def request(self, pictures: NDArray[Any]) -> Request:
        head = self._head(pictures)
        head["inputs"][0]["data"] = np.ascontiguousarray(pictures).reshape(-1)
        body = self._dumps(head, option=self._options)
        return Request("POST", self._url, body, {"Content-Type": "application/json"})

    def numbers(self, answer: ServerAnswer) -> NDArray[Any]:
        head, rest = self._parts(answer)
        self._check_model(answer, head)
        output, data = self._chosen(answer, head, rest)
        datatype, shape = output.get("datatype"), output.get("shape")
        if not isinstance(datatype, str) or datatype not in NUMBERS:
            raise self._malformed(answer, f"numbers, got datatype {shown(datatype)}")
        if data is not None:
            found: NDArray[Any] | None = self._from_bytes(answer, data, datatype)
        else:
            found = as_numbers(output.get("data"))
        lengths = shape if is_shape(shape) else None
        if found is None or lengths is None or found.size != math.prod(lengths):
            count = "no numbers" if found is None else f"{found.size} numbers"
            raise self._malformed(answer, f"as many numbers as its shape says, got {count} for {shown(shape)}")
        return found.reshape(lengths)

    def _head(self, pictures: NDArray[Any]) -> dict[str, Any]:
        tensor = {"name": self._input.name, "datatype": self._input.datatype, "shape": list(pictures.shape)}
        head: dict[str, Any] = {"inputs": [tensor]}
        if self._output is not None:
            head["outputs"] = [{"name": self._output}]
        return head

    def _parts(self, answer: ServerAnswer) -> tuple[dict[str, Any], bytes]:
        """Return the JSON of an answer, and the binary tensors that follow it."""
        length = answer.headers.get(_HEADER.lower())
        if length is None:
            size = len(answer.body)
        elif (stated := count(length)) is not None and stated <= len(answer.body):
            size = stated
        else:
            raise self._malformed(answer, f"a {_HEADER} of at most {len(answer.body)} bytes, got {shown(length)}")
        head = self._server.read_json(answer, answer.body[:size])
        if not isinstance(head, dict) or not isinstance(head.get("outputs"), list):
            raise self._malformed(answer, f"outputs, got: {self._server.excerpt(answer.body[:size])}")
        return head, answer.body[size:]

    def _check_model(self, answer: ServerAnswer, head: dict[str, Any]) -> None:
        """Refuse an answer of another model than the first answer's, which a server may put in its place any time."""
        said = {key: str(head[key]) for key in ("model_name", "model_version") if head.get(key) is not None}
        known = self._answered_by
        self._answered_by = said | known  # what is not said once may be any
        if any(known.get(key, one) != one for key, one in said.items()):
            model, before = (
                self._server.excerpt(", ".join(f"{key} {one}" for key, one in sorted(of.items())).encode())
                for of in (said, known)
            )
            raise self._malformed(
                answer,
                f"the outputs of one model all the time, got those of {model}, after {before}; start again, "
                f"or use one version, /v2/models/NAME/versions/VERSION",
            )

    def _chosen(self, answer: ServerAnswer, head: dict[str, Any], rest: bytes) -> tuple[dict[str, Any], bytes | None]:
        """Return the output that is meant, and its bytes if it is binary."""
        found: list[tuple[dict[str, Any], bytes | None]] = []
        names = []
        for output in head["outputs"]:
            parameters = output.get("parameters") if isinstance(output, dict) else None
            size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
            whole = isinstance(size, int | None) and not isinstance(size, bool) and 0 <= (size or 0) <= len(rest)
            if not isinstance(output, dict) or not isinstance(output.get("name"), str | None) or not whole:
                raise self._malformed(
                    answer, f"tensors as long as they say, got {shown(output)} with {len(rest)} bytes"
                )
            names.append(output.get("name"))
            if self._output in {None, names[-1]}:
                found.append((output, None if size is None else rest[:size]))
            rest = rest[size or 0 :]
        if len(found) != 1:
            which = "one output" if self._output is None else f"one output {name_of(self._output)}"
            raise self._malformed(answer, f"{which}, got {len(found)} of {listed(names)}")
        return found[0]

    def _from_bytes(self, answer: ServerAnswer, data: bytes, datatype: str) -> NDArray[Any]:
        number = np.dtype(NUMBERS[datatype]).newbyteorder("<")
        if len(data) % number.itemsize:
            raise self._malformed(answer, f"whole numbers of {datatype}, got {len(data)} bytes")
        return np.frombuffer(data, number)

    def _malformed(self, answer: ServerAnswer, rule_and_value: str) -> ModelError:
        return self._server.malformed(answer.request, rule_and_value)


class _Binary(_Json):
    """Tensors as their bytes, behind the JSON that describes them."""

    def request(self, pictures: NDArray[Any]) -> Request:
        head = self._head(pictures)
        data = pictures.astype(pictures.dtype.newbyteorder("<"), copy=False).tobytes()
        head["inputs"][0]["parameters"] = {"binary_data_size": len(data)}
        if self._output is None:
            head["parameters"] = {"binary_data_output": True}
        else:
            head["outputs"][0]["parameters"] = {"binary_data": True}
        text = self._dumps(head)
        headers = {"Content-Type": "application/octet-stream", _HEADER: str(len(text))}
        return Request("POST", self._url, text + data, headers)
