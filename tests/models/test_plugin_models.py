"""Models that other packages bring, and the one in the documentation: mistakes of theirs are named."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import seewhy
from seewhy import models
from seewhy.core.errors import InvalidInput
from seewhy.engine.traits import ModelTraits
from seewhy.testing import check_model
from support.refusing import refuses

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
(EXAMPLE,) = (
    block for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL) if "GrayWorld" in block
)


def gray_world() -> type:
    place: dict[str, object] = {"__name__": "docs"}
    exec(EXAMPLE, place)
    return place["GrayWorld"]  # type: ignore[return-value]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return what makes a package with a ``load`` of this source, under the prefix ``gray``."""

    def make(source: str) -> None:
        (tmp_path / "gray_package.py").write_text(f"{EXAMPLE}\n{textwrap.dedent(source)}")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "gray_package", raising=False)
        monkeypatch.setitem(models._OTHERS, "gray", EntryPoint("gray", "gray_package:load", "seewhy.models"))

    return make


def test_the_example_of_the_documentation_is_a_model() -> None:
    check_model(gray_world()())
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:, :30] = 200
    found = seewhy.explain(photo, model=gray_world()(), method="occlusion", progress=False)
    assert found.predictions[0].label == "left"


@pytest.mark.parametrize("missing", ["in_flight", "layout", "labels"])
def test_a_member_that_a_model_has_not_is_named(missing: str) -> None:
    kind = gray_world()
    delattr(kind, missing)
    with pytest.raises(AssertionError) as found:
        check_model(kind())
    assert missing in str(found.value)
    with refuses(InvalidInput, "model", rule=missing):
        seewhy.load_model(kind())


@pytest.mark.parametrize("ends", [(0.0, 1.0), (0.0, 255.0), (-1.0, 2.0)])
def test_a_range_that_is_not_what_prepare_makes_is_found(ends: tuple[float, float]) -> None:
    kind = gray_world()
    kind.traits = ModelTraits(ends=ends)
    with pytest.raises(AssertionError) as found:
        check_model(kind())
    assert "traits.ends" in str(found.value)


@pytest.mark.parametrize(
    ("source", "got"),
    [
        ("load = lambda rest, options: None", "NoneType"),
        ("load = lambda rest, options: lambda batch: batch", "function"),
    ],
)
def test_what_is_no_model_is_never_taken_for_one(plugin: object, source: str, got: str) -> None:
    plugin(source)
    with refuses(InvalidInput, "gray:here", rule="return a model") as found:
        seewhy.load_model("gray:here")
    assert got in str(found.value.value)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def load(rest): return GrayWorld()", TypeError),
        ("def load(rest, options): raise FileNotFoundError(rest)", FileNotFoundError),
        ("import nowhere_at_all", ModuleNotFoundError),
    ],
)
def test_an_error_inside_names_the_prefix(plugin: object, source: str, kind: type[Exception]) -> None:
    plugin(source)
    with pytest.raises(kind) as found:
        seewhy.load_model("gray:here")
    assert any("gray:here" in note for note in found.value.__notes__)


def test_options_are_its_own_to_refuse(plugin: object) -> None:
    plugin("""
        def load(rest, options):
            options.refuse("gray")
            return GrayWorld()
    """)
    assert seewhy.load_model("gray:here").name == "grayworld"
    with refuses(InvalidInput, "head"):
        seewhy.load_model("gray:here", head="softmax")


def test_a_prefix_that_is_nearly_right_is_suggested(plugin: object) -> None:
    plugin("load = None")
    with refuses(InvalidInput, "model") as found:
        seewhy.load_model("grya:net.json")
    assert str(found.value).endswith("did you mean gray:net.json?")


def test_the_path_of_a_file_is_kept_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet50").touch()
    (tmp_path / "net.onnx").touch()
    assert models._in_full("onnx:net.onnx") == f"onnx:{tmp_path / 'net.onnx'}"
    assert models._in_full("torchvision:resnet50") == "torchvision:resnet50"
    assert models._in_full(Path("net.onnx")) == tmp_path / "net.onnx"
    assert models._in_full("onnx:gone.onnx") == "onnx:gone.onnx"
    assert os.fspath(tmp_path) not in str(models._in_full("efficientnet-lite0"))


def test_every_kind_of_model_stands_in_the_documentation() -> None:
    text = DOCS.read_text()
    assert [name for name in models.PREFIXES if f"`{name}:" not in text] == []
