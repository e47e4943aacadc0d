"""What settings and result files may decide: nothing that runs code, opens files elsewhere or reaches a server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import click
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.cli import from_files
from seewhy.core.errors import FileError
from seewhy.explanation import result_file
from seewhy.models import may_be_named_by_a_file
from support.cli import TINY, Call, environment
from support.patience import PATIENCE

GRID = ("--segmentation", "grid", "--grid-rows", "3", "--grid-columns", "4", "--n-samples", "60")
FILE = "seewhy-out/cat.lime.seewhy"
EVIL = "import pathlib; pathlib.Path('RAN').touch()\ndef f(batch): return batch.mean((1, 2))\n"

FOREIGN = [
    "py:evil:f",
    "py:evil.inner:f",
    "kserve:http://127.0.0.1:9/v2/models/m",
    "tfserving:https://example.org/v1/models/m",
    "torchscript:model.pt",
    "torchexport:model.pt2",
    "onnx:model.onnx",
    "openvino:model.xml",
    "tflite:model.tflite",
    "keras:model.keras",
    "keras:../model.h5",
    "hf:someone/something",
    "hf:folder",
    "timm:hf-hub:someone/something",
    "timm:local-dir:folder",
    "torchvision:resnet50:../weights",
    "torchvision:resnet50\n",
    "PY:evil:f",
]
"""Models that a file may not name: code, files, repositories and addresses."""


@pytest.fixture
def evil(place: Path) -> Path:
    """Python that says when it has run, lying beside everything."""
    for folder in (place, place / "seewhy-out"):
        folder.mkdir(exist_ok=True)
        (folder / "evil.py").write_text(EVIL)
    return place


@pytest.fixture
def result(call: Call, evil: Path) -> Path:
    """A result file whose settings file, by somebody else, names other models than the one that answered."""
    assert call("explain", "cat.png", "--model", TINY, *GRID, "-q").code == 0
    return evil / FILE


def _named(result: Path, name: str) -> Path:
    beside = result.with_suffix(".toml")
    lines = [line for line in beside.read_text().splitlines() if not line.startswith("model")]
    beside.write_text("\n".join([f"model = {json.dumps(name)}", *lines]))
    return beside


@pytest.mark.parametrize("command", ["resume", "explain", "tune"])
def test_a_model_that_a_file_names_is_not_loaded(call: Call, result: Path, command: str) -> None:
    beside = str(result.with_suffix(".toml"))
    asked = {
        "resume": (FILE, "--n-samples", "80"),
        "explain": ("cat.png", "--settings", beside),
        "tune": ("cat.png", "--settings", beside, "--calls", "100"),
    }
    for name in FOREIGN:
        _named(result, name)
        found = call(command, *asked[command])

        assert found.code == 2
        assert found.error.startswith("error: the model in ")
        assert "--model " in found.error
    assert not Path("RAN").exists()
    assert "evil" not in sys.modules


def test_the_error_says_what_to_type_and_that_works(call: Call, result: Path) -> None:
    assert f"add --model {TINY}" in call("resume", FILE, "--n-samples", "80").error
    found = call("resume", FILE, "--n-samples", "80", "--model", TINY, "-q")
    assert (found.code, found.err) == (0, "")


def test_what_a_file_says_beside_the_name_is_kept_where_the_name_is_given_too(call: Call, place: Path) -> None:
    (place / "asked.toml").write_text('[model]\nname = "py:seewhy_tiny:_scores"\ninput_size = 24\n')
    asked = ("explain", "cat.png", "--settings", "asked.toml", *GRID, "-q")
    assert call(*asked, "--model", "py:seewhy_tiny:_scores").code == 0
    assert seewhy.load(FILE).view.height == 24
    assert call(*asked, "--model", "py:seewhy_tiny:model", "--overwrite").code == 0
    assert seewhy.load(FILE).view.height == 32


@pytest.mark.parametrize("name", FOREIGN)
def test_names_that_reach_something_are_told_from_harmless_ones(name: str) -> None:
    assert not may_be_named_by_a_file(name)


@pytest.mark.parametrize(
    "name",
    [
        "efficientnet-lite0",
        "torchvision:resnet50",
        "torchvision:resnet50:IMAGENET1K_V1",
        "timm:convnext_tiny.fb_in1k",
        "timm:resnet18:none",
        "keras:Xception",
        "keras:ResNet50V2:none",
    ],
)
def test_architectures_that_libraries_know_may_be_named(name: str) -> None:
    assert may_be_named_by_a_file(name)


@pytest.mark.parametrize("agreed", [False, True])
def test_on_a_terminal_the_whole_name_is_asked_about(
    call: Call, result: Path, monkeypatch: pytest.MonkeyPatch, *, agreed: bool
) -> None:
    questions = []

    def confirm(text: str, **_: object) -> bool:
        questions.append(text)
        return agreed

    monkeypatch.setattr(click, "confirm", confirm)
    monkeypatch.setattr(from_files, "_is_terminal", lambda: True)
    found = call("resume", FILE, "--n-samples", "80", "-q")

    assert (found.code == 0) == agreed
    assert len(questions) == 1
    assert TINY in questions[0]


def test_a_name_in_a_result_file_alone_is_not_loaded_either(call: Call, result: Path) -> None:
    result.with_suffix(".toml").unlink()
    header, arrays = result_file.read(result)
    header.pop("format")
    for name in ("py:evil:f", "onnx:evil.onnx", "kserve:http://127.0.0.1:9/v2/models/m"):
        result_file.write(result, header | {"model": name}, arrays)
        assert "name the model itself with --model" in call("resume", FILE, "--n-samples", "80").error
    assert not Path("RAN").exists()


class _Counted(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    found = HTTPServer(("127.0.0.1", 0), _Counted)
    found.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def test_a_server_that_a_file_names_hears_nothing_and_gets_no_token(
    call: Call, result: Path, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", "hidden-token")
    beside = _named(result, f"kserve:http://127.0.0.1:{server.server_port}/v2/models/m")
    assert call("explain", "cat.png", "--settings", str(beside)).code == 2
    assert call("explain", "cat.png", "--settings", str(beside), "--model", TINY, "-q", *GRID).code == 0
    assert server.seen == []  # type: ignore[attr-defined]


ELSEWHERE = ["/etc/passwd", "/dev/zero", "../up.png", r"\\host\share\a.png", "//host/share/a.png", "https://a.b/c.png"]


@pytest.mark.parametrize(
    "command",
    [("explain", "--settings"), ("tune", "--settings"), ("evaluate", "--settings"), ("study", "--menu")],
)
def test_paths_in_a_settings_file_lead_nowhere_else(call: Call, place: Path, command: tuple[str, str]) -> None:
    Pillow.new("L", (90, 60)).save(place.parent / "up.png")
    Path("link.png").symlink_to(place.parent / "up.png")
    for path in (*ELSEWHERE, "link.png", "nothing.png", "."):
        for part, name in (("fill", "picture"), ("segmentation", "labels")):
            text = f"[method]\nname = 'lime'\nn_samples = 60\n[method.{part}]\nname = '{name}'\npath = '{path}'\n"
            Path("s.toml").write_text(text)
            found = call(command[0], "cat.png", command[1], "s.toml", "--model", TINY)
            assert found.code == 2
            assert f"the path of {name} in s.toml must be a file in the current folder" in found.error


def test_a_picture_nearby_may_be_named_and_one_elsewhere_by_its_flag(call: Call, place: Path) -> None:
    Pillow.new("RGB", (9, 6), "red").save("near.png")
    Pillow.new("RGB", (9, 6), "red").save(place.parent / "far.png")
    text = "[method]\nname = 'lime'\n[method.fill]\nname = 'picture'\npath = '{}'\n"
    Path("near.toml").write_text(text.format("near.png"))
    Path("far.toml").write_text(text.format("../far.png"))
    asked = ("--model", TINY, *GRID, "-q")

    assert call("explain", "cat.png", "--settings", "near.toml", *asked).code == 0
    assert call("explain", "cat.png", "--settings", "far.toml", *asked).code == 2
    assert (
        call("explain", "cat.png", "--settings", "far.toml", "--picture-path", "../far.png", *asked, "--overwrite").code
        == 0
    )
    again = seewhy.load(FILE)
    assert again.values().shape == (12,)
    with pytest.raises(FileError) as wrong:
        again.refit(kernel="none")
    assert wrong.value.value == "../far.png"


def test_labels_of_a_model_in_a_file_are_not_read_from_elsewhere(call: Call, place: Path) -> None:
    (place.parent / "up.png").write_text("a\nb\nc\n")
    for path in ELSEWHERE:
        Path("s.toml").write_text(f"[model]\nname = 'efficientnet-lite0'\nlabels = '{path}'\n")
        found = call("explain", "cat.png", "--settings", "s.toml")
        assert found.code == 2
        assert "the file of labels in s.toml" in found.error


@pytest.mark.slow
def test_python_files_in_the_current_folder_are_not_taken_for_libraries(place: Path, modules: Path) -> None:
    for name in ("tqdm", "click", "rich", "safetensors"):
        (place / f"{name}.py").write_text(f"import pathlib; pathlib.Path('RAN').touch()\nraise SystemExit('{name}')\n")
    done = subprocess.run(
        [sys.executable, "-m", "seewhy", "models"],
        env=environment(modules) | {"PYTHONSAFEPATH": ""},
        cwd=place,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert not (place / "RAN").exists()
