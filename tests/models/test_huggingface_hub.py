"""Libraries that ask Hugging Face's hub: no bars of theirs, and no waiting where it does not answer."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seewhy.core.errors import ModelError
from seewhy.models import load_model
from seewhy.models.hub_access import hub
from support.huggingface_nets import MARKS, resnet, saved, transformers
from support.refusing import refuses

huggingface_hub = pytest.importorskip("huggingface_hub", reason="the hub is asked with it")
pytestmark = MARKS
LOGGING = transformers.utils.logging


@pytest.fixture
def online(monkeypatch, offline_hub):
    """Let the hub be asked, at an address of this machine."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)

    def at(port):
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{port}")

    return at


@pytest.fixture
def hanging_up():
    """A port where whoever calls is hung up on; yields it and the list of calls."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                calls.append(1)
                connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("bars", [True, False])
def test_no_bars_are_shown_and_those_of_others_are_left(tmp_path, capfd, bars):
    place = saved(tmp_path, resnet())
    capfd.readouterr()
    was = LOGGING.is_progress_bar_enabled(), huggingface_hub.utils.are_progress_bars_disabled()
    (LOGGING.enable_progress_bar if bars else LOGGING.disable_progress_bar)()
    try:
        load_model(place, runtime="native")
        assert capfd.readouterr() == ("", "")
        assert LOGGING.is_progress_bar_enabled() is bars
        assert huggingface_hub.utils.are_progress_bars_disabled() is not bars
    finally:
        (LOGGING.enable_progress_bar if was[0] else LOGGING.disable_progress_bar)()
        (huggingface_hub.utils.disable_progress_bars if was[1] else huggingface_hub.utils.enable_progress_bars)()


@pytest.mark.parametrize("name", ["hf:seewhy-tests/no-such-model", "timm:resnet18.a1_in1k"])
def test_a_hub_that_does_not_answer_is_asked_once(online, hanging_up, name, tmp_path, monkeypatch):
    pytest.importorskip("timm", reason="the extra timm is not installed")
    port, calls = hanging_up
    online(port)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with refuses(ModelError, "model"):
        load_model(name)
    assert len(calls) == 1
    assert huggingface_hub.constants.HF_HUB_OFFLINE is False


def test_what_is_in_the_cache_is_loaded_where_the_hub_does_not_answer(online, hanging_up, tmp_path, monkeypatch):
    port, calls = hanging_up
    online(port)
    files = tmp_path / "models--seewhy-tests--small"
    saved(files / "snapshots" / ("0" * 40), resnet())
    (files / "refs").mkdir()
    (files / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    model = load_model("hf:seewhy-tests/small", runtime="native")
    assert (model.name, len(calls)) == ("hf:seewhy-tests/small", 1)


class Missing(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_a_hub_that_answers_anything_is_asked_on(online):
    with ThreadingHTTPServer(("127.0.0.1", 0), Missing) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        online(server.server_port)
        with hub("hf", files=True):
            assert huggingface_hub.constants.HF_HUB_OFFLINE is False
        server.shutdown()
        thread.join()
