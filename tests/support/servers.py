"""Model servers on this machine: two protocols by the standard library, well-behaved or not, and real ones.

All of them serve the planted model as ``planted``.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from support.patience import PATIENCE
from support.served_planted import HEIGHT, WIDTH, planted, planted_nchw

HEADER = "Inference-Header-Content-Length"


class Server:
    """A server in threads, for a while: ``with Server() as server``.

    ``plan`` has what is done instead of an answer, one entry a request for numbers: a function of the handler, or None
    to answer as one should. ``asked`` has every request: method, path, headers and body.
    """

    path = ""

    def __init__(self, *plan, always=None):
        self.plan, self.always, self.asked = list(plan), always, []
        self.open, self.most_at_once, self.now = 0, 0, 0
        self.lock = threading.Lock()
        self.let_go = threading.Event()
        """Set at the end, so that nothing hangs on."""

    def __enter__(self):
        self._listen(0)
        self.host = f"127.0.0.1:{self.http.server_port}"
        self.url = f"http://{self.host}{self.path}"
        return self

    def __exit__(self, *_):
        self.let_go.set()
        self.go()

    def _listen(self, port):
        self.http = _Http(("127.0.0.1", port), _Handler)
        self.http.owner = self
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def go(self):
        """Listen no more, as a server that is being started again; what is under way must be over."""
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def come_back(self):
        """Listen again, at the same address."""
        self._listen(self.http.server_port)

    def posts(self):
        """Return the requests for numbers."""
        return [one for one in self.asked if one[0] == "POST"]

    def handle(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self.lock:
            self.asked.append((handler.command, handler.path, dict(handler.headers), body))
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
            post = handler.command == "POST"
            instead = self.always or (self.plan.pop(0) if post and self.plan else None)
        try:
            if instead is not None and instead(handler) is not GO_ON:
                return
            answer = self.post(handler, body) if post else self.get(handler.path)
            if answer is None:
                send(handler, 404, {"error": f"nothing at {handler.path}"})
            else:
                send(handler, 200, *answer) if isinstance(answer, tuple) else send(handler, 200, answer)
        finally:
            with self.lock:
                self.now -= 1


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request, client_address):
        """Be silent: clients that hang up are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def setup(self):
        super().setup()
        with self.server.owner.lock:
            self.server.owner.open += 1

    def finish(self):
        try:
            super().finish()
        finally:
            with self.server.owner.lock:
                self.server.owner.open -= 1

    def do_GET(self):
        self.server.owner.handle(self)

    do_POST = do_GET  # noqa: N815  # the name that http.server looks for

    def log_message(self, *_):
        """Be silent."""


def send(handler, status, body, headers=None):
    """Answer with JSON, or with bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in (
        {"Content-Type": "application/json", "Content-Length": str(len(data))} | (headers or {})
    ).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


# --- what may be done instead of an answer -----------------------------------------------------------------------

GO_ON = object()


def says(status, body=b'{"error": "out of order"}', **headers):
    return lambda handler: send(handler, status, body, {key.replace("_", "-"): value for key, value in headers.items()})


def hangs(handler):
    """Say nothing until the test is over."""
    handler.server.owner.let_go.wait(PATIENCE)
    handler.close_connection = True


def slow(seconds):
    def wait(handler):
        handler.server.owner.let_go.wait(seconds)
        return GO_ON

    return wait


def drips(handler):
    """Send a byte now and then, for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.owner.let_go.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def cuts(handler):
    """Announce more than comes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"outputs": [')
    handler.close_connection = True


def hangs_up(handler):
    """Close before any answer."""
    handler.close_connection = True


def announces_too_much(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**12))
    handler.end_headers()
    handler.close_connection = True


def never_ends(handler):
    """Send more and more, without saying how much."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    while not handler.server.owner.let_go.wait(0.01):
        handler.wfile.write(b" " * 100)


def repeats_headers(handler):
    """Refuse, and say everything that was sent, as careless servers do."""
    send(handler, 400, {"headers": dict(handler.headers)})


# --- Open Inference Protocol -------------------------------------------------------------------------------------


class Inference(Server):
    """Speaks the Open Inference Protocol, with binary tensors if ``binary``."""

    path = "/v2/models/planted"

    def __init__(self, *plan, binary=True, inputs=None, outputs=None, config=None, change=None, **more):
        super().__init__(*plan, **more)
        self.inputs = inputs or [{"name": "pictures", "datatype": "FP32", "shape": [-1, 3, HEIGHT, WIDTH]}]
        self.outputs = outputs or [{"name": "scores", "datatype": "FP32", "shape": [-1, 3]}]
        self.extensions = (["binary_tensor_data"] if binary else []) + (["model_configuration"] if config else [])
        self.config = config
        self.change = change or (lambda head, raw: (head, raw))
        """Last changes to an answer: its JSON, and the bytes behind it."""
        self.sizes = []

    def get(self, path):
        if path == "/v2":
            return {"name": "test", "version": "1", "extensions": self.extensions}
        if path == f"{self.path}/config":
            return self.config
        if path in {self.path, f"{self.path}/versions/7"}:
            return {"name": "planted", "versions": ["7"], "platform": "numpy"} | {
                "inputs": self.inputs,
                "outputs": self.outputs,
            }
        return None

    def post(self, handler, body):
        if not handler.path.endswith("/infer"):
            return None
        length = handler.headers.get(HEADER)
        head = json.loads(body[: int(length)] if length else body)
        tensor = head["inputs"][0]
        number = {"FP32": "<f4", "FP16": "<f2", "FP64": "<f8", "UINT8": "u1", "INT8": "i1"}[tensor["datatype"]]
        if length:
            data = np.frombuffer(body[int(length) :], number)
            assert tensor["parameters"]["binary_data_size"] == data.nbytes
        else:
            data = np.array(tensor["data"], number)
        pictures = data.reshape(tensor["shape"]).astype(np.float32)
        self.sizes.append(len(pictures))
        scores = (planted if tensor["shape"][-1] == 3 else planted_nchw)(pictures)
        wanted = head.get("outputs", [{}])[0].get("parameters", {}).get("binary_data")
        return self.answer(scores, wanted or head.get("parameters", {}).get("binary_data_output"))

    def answer(self, scores, binary):
        outputs, raw = [], b""
        for i, one in enumerate(self.outputs):
            scores = scores + np.float32(i)  # every output has its own
            output = {"name": one["name"], "datatype": "FP32", "shape": list(scores.shape)}
            if binary:
                data = scores.astype("<f4").tobytes()
                outputs.append(output | {"parameters": {"binary_data_size": len(data)}})
                raw += data
            else:
                outputs.append(output | {"data": scores.ravel().tolist()})
        head, raw = self.change({"model_name": "planted", "id": "1", "outputs": outputs}, raw)
        text = json.dumps(head).encode()
        if not raw:
            return (text,)
        return text + raw, {HEADER: str(len(text)), "Content-Type": "application/octet-stream"}


# --- TensorFlow Serving ------------------------------------------------------------------------------------------


class Tensorflow(Server):
    """Speaks the REST API of TensorFlow Serving: metadata, and predictions in rows and in columns."""

    path = "/v1/models/planted"

    def __init__(self, *plan, shape=(-1, HEIGHT, WIDTH, 3), dtype="DT_FLOAT", outputs=("scores",), **more):
        super().__init__(*plan, **more)
        self.dtype, self.names = dtype, outputs
        self.signatures = {"serving_default": signature(shape, dtype, outputs), "__saved_model_init_op": INIT}
        self.sizes = []

    def get(self, path):
        if path not in {f"{self.path}{more}/metadata" for more in ("", "/versions/3", "/labels/stable")}:
            return None
        return {
            "model_spec": {"name": "planted", "signature_name": "", "version": "3"},
            "metadata": {"signature_def": {"signature_def": self.signatures}},
        }

    def post(self, handler, body):
        if handler.path not in {f"{self.path}{more}:predict" for more in ("", "/versions/3", "/labels/stable")}:
            return None
        asked = json.loads(body)
        assert asked.get("signature_name", "serving_default") in self.signatures
        rows = "instances" in asked
        pictures = asked["instances"] if rows else asked["inputs"]
        pictures = pictures["pictures"] if isinstance(pictures, dict) else pictures
        scores = planted(np.array(pictures, np.float32))
        self.sizes.append(len(scores))
        each = {name: (scores + i).tolist() for i, name in enumerate(self.names)}
        if len(each) == 1:
            return {"predictions" if rows else "outputs": scores.tolist()}
        if rows:
            return {"predictions": [{name: each[name][i] for name in each} for i in range(len(scores))]}
        return {"outputs": each}


INIT = {
    "inputs": {},
    "outputs": {"__saved_model_init_op": {"dtype": "DT_INVALID", "tensor_shape": {"dim": [], "unknown_rank": True}}},
    "method_name": "",
}


def signature(shape, dtype="DT_FLOAT", outputs=("scores",)):
    """Return what TensorFlow Serving says of one signature; a shape of None is of unknown rank."""
    return {
        "inputs": {"pictures": _info("serving_default_pictures:0", dtype, shape)},
        "outputs": {name: _info(f"StatefulPartitionedCall:{i}", "DT_FLOAT", (-1, 3)) for i, name in enumerate(outputs)},
        "method_name": "tensorflow/serving/predict",
    }


def _info(name, dtype, shape):
    dims = [{"size": str(n), "name": ""} for n in shape or ()]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": shape is None}, "name": name}


# --- real servers ------------------------------------------------------------------------------------------------

WHERE = "SEEWHY_TEST_SERVERS"
"""Names the folder of environments with a real server each: ``kserve/bin/python``, ``mlserver/bin/python``."""


@contextmanager
def real(name):
    """Run a real server as a process and yield the URL of its model; skips where none is installed."""
    folder = os.environ.get(WHERE)
    if folder is None:
        pytest.skip(f"{WHERE} names no folder with an environment that has {name}")
    python = Path(folder) / name / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        pytest.skip(f"{WHERE} has no environment for {name}: make servers")
    port = free_port()
    script = Path(__file__).with_name("real_server.py")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    process = subprocess.Popen(
        [str(python), str(script), name, str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean
    )
    output = []
    reader = threading.Thread(target=lambda: output.extend(process.stdout))  # a full pipe would stop the server
    reader.start()
    try:
        url = f"http://127.0.0.1:{port}/v2/models/planted"
        _wait(process, f"{url}/ready", output)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        reader.join(10)
        process.stdout.close()


def _wait(process, url, output):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with direct.open(url, timeout=5) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start: {b''.join(output[-20:]).decode(errors='replace')}")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
