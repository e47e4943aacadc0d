"""Libraries that are not installed: each is named, with what to install."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

import seewhy
from seewhy.core.errors import MissingExtra
from seewhy.models.extras import need
from support.refusing import refuses

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]


class Without:
    """Makes a library look as if it were not installed."""

    def __init__(self, library):
        self.library = library

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.library:
            raise ModuleNotFoundError(f"No module named {self.library!r}", name=self.library)


@pytest.mark.parametrize(
    ("model", "library", "extra"),
    [
        ("torchvision:resnet18", "torch", "torch"),
        ("torchvision:resnet18", "torchvision", "torch"),
        ("timm:resnet18", "timm", "timm"),
        ("hf:org/name", "transformers", "hf"),
        ("keras:Xception", "keras", "keras"),
        ("tflite:FILE", "ai_edge_litert", "tflite"),
        ("kserve:http://127.0.0.1:9/v2/models/m", "httpx", "http"),
        ("tfserving:http://127.0.0.1:9/v1/models/m", "httpx", "http"),
    ],
)
def test_a_missing_library_is_named_with_the_command(model, library, extra, monkeypatch, tmp_path):
    if model.endswith("FILE"):
        data = Path(__file__).parents[1] / "data" / "tiny_float.tflite"
        model = model.replace("FILE", str(data))
    for name in [*sys.modules]:
        if name.partition(".")[0] == library:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Without(library), *sys.meta_path])
    with refuses(MissingExtra, library, value=extra):
        seewhy.load_model(model, preprocessing="0..1")
    assert extra in EXTRAS


def test_all_extras_are_in_all():
    named = EXTRAS["all"][0].removeprefix("seewhy[").removesuffix("]").split(",")
    assert set(named) == set(EXTRAS) - {"all", "test"}


def test_a_library_that_is_there_and_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("import no_such_part\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_part") as caught:
        need("broken_library", "broken")
    assert not isinstance(caught.value, MissingExtra)
