"""TensorFlow Serving over its REST API, and servers that speak it too.

Source: the description of TensorFlow Serving's RESTful API.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.models.extras import need
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.served.http_bodies import name_of
from seewhy.models.served.http_requests import Request, Server, ServerAnswer
from seewhy.models.served.networks import Place, Served, chosen_output, only_input
from seewhy.models.served.tensors import UNLIKE, TensorSpec, as_numbers, listed

NUMBERS = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_UINT8": "uint8",
    "DT_INT8": "int8",
    "DT_UINT16": "uint16",
    "DT_INT16": "int16",
    "DT_UINT32": "uint32",
    "DT_INT32": "int32",
    "DT_UINT64": "uint64",
    "DT_INT64": "int64",
}
"""Types that the API writes as numbers. DT_STRING would be files or words."""

_USUAL = "serving_default"
_PREDICT = "tensorflow/serving/predict"
_FORM = "http://HOST:PORT/v1/models/NAME, or .../NAME/versions/NUMBER, or .../NAME/labels/LABEL"


def load_tfserving(rest: str, options: ModelOptions) -> NetworkModel:
    """Return the model at ``http://HOST:PORT/v1/models/NAME`` of a TensorFlow Serving.

    Parameters
    ----------
    rest
        Its URL; ``/versions/NUMBER`` or ``/labels/LABEL`` may follow, and ``#output=NAME`` or ``#signature=NAME``, with
        ``&`` between them, where it has several.
    options
        Preprocessing must be given: no server knows it.

    Raises
    ------
    InvalidInput
        The URL is none, the model does not take one batch of pictures, or options do not fit it.
    ModelError
        The server cannot be reached, or does not answer as its API says.
    MissingExtra
        httpx or orjson is not installed.
    """
    path = r"/v1/models/(?P<name>[^/:]+)(?:/versions/[0-9]+|/labels/[^/:]+)?"
    place = Place.of("tfserving", rest, path, _FORM, ["output", "signature"])
    server = Server(place.url)
    request = Request("GET", f"{place.url}/metadata")
    answer = server.ask(request)
    metadata = server.read_json(answer)
    try:
        version = name_of(metadata["model_spec"]["version"])
        signatures = metadata["metadata"]["signature_def"]["signature_def"]
        of_predict = {key: one for key, one in signatures.items() if one.get("method_name") == _PREDICT}
        sides = {key: (_tensors(one["inputs"]), _tensors(one["outputs"])) for key, one in of_predict.items()}
    except UNLIKE as error:
        raise server.malformed(request, f"the signatures of a model, got: {server.excerpt(answer.body)}") from error
    signature = _signature(place, list(sides))
    inputs, outputs = sides[signature]
    tensor, number = only_input(inputs, NUMBERS, place.name)
    return Served(
        place=place,
        server=server,
        dialect=_Columns(server, place.url, signature, tensor, chosen_output(outputs, place, options)),
        input=tensor,
        number=number,
        version=version,
        metadata=metadata,
    ).model(options)


def _tensors(side: dict[str, Any]) -> list[TensorSpec]:
    return [TensorSpec.of(name, one["dtype"], _shape(one.get("tensor_shape") or {})) for name, one in side.items()]


def _shape(shape: dict[str, Any]) -> tuple[object, ...]:
    """Return the lengths; a batch of pictures where nothing is known of them."""
    if shape.get("unknown_rank"):
        return (-1, -1, -1, -1)
    return tuple(one["size"] for one in shape.get("dim") or [])


def _signature(place: Place, names: list[str]) -> str:
    wanted = place.wanted.get("signature", _USUAL if _USUAL in names or len(names) != 1 else names[0])
    if wanted not in names:
        known = listed(names) if names else "none that predicts"
        got = name_of(wanted)
        raise InvalidInput.of("signature", f"be one of {known} of {place.name}", got, "choose by #signature=NAME")
    return wanted


class _Columns:
    """The columnar format: all pictures under the name of the input."""

    def __init__(self, server: Server, url: str, signature: str, tensor: TensorSpec, output: str | None) -> None:
        self._server = server
        self._url = f"{url}:predict"
        self._signature = signature
        self._input = tensor
        self._output = output
        self._orjson = need("orjson", "http")

    def request(self, pictures: NDArray[Any]) -> Request:
        asked = {"signature_name": self._signature, "inputs": {self._input.name: np.ascontiguousarray(pictures)}}
        body = self._orjson.dumps(asked, option=self._orjson.OPT_SERIALIZE_NUMPY)
        return Request("POST", self._url, body, {"Content-Type": "application/json"})

    def numbers(self, answer: ServerAnswer) -> NDArray[Any]:
        found = self._server.read_json(answer)
        found = self._named(found.get("outputs", found.get("predictions")) if isinstance(found, dict) else None)
        numbers = None if found is None else as_numbers(found)
        if numbers is None:
            which = f" named {name_of(self._output)}" if self._output else ""
            got = self._server.excerpt(answer.body)
            raise self._server.malformed(answer.request, f"outputs{which} of numbers, got: {got}")
        return numbers

    def _named(self, found: Any) -> Any:
        """Return the chosen output of several: a column under its name, or rows that have it each; one has no name."""
        if isinstance(found, dict):
            return found.get(self._output)
        if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
            rows = [row.get(self._output) for row in found]
            return None if any(row is None for row in rows) else rows
        return found
