"""A folder with a photo and a module of models, and the command line in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image as Pillow
from skimage import data

import seewhy
from seewhy.cli import main
from support.cli import MODULE, Answer, Call


@pytest.fixture(autouse=True)
def _blank_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing in this process, which is most of a command's time: most tests do not look at the picture.

    Tests marked ``figures`` and commands in processes of their own draw.
    """
    if "figures" not in request.keywords:
        monkeypatch.setattr(seewhy.Explanation, "plot", lambda *_, **__: Figure(figsize=(1, 1)))


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "seewhy_tiny.py").write_text(MODULE)
    sys.path.append(str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("seewhy_tiny", None)


@pytest.fixture
def place(tmp_path: Path, modules: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with one small real photo."""
    Pillow.fromarray(data.chelsea()).resize((90, 60)).save(tmp_path / "cat.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(place: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line in this process."""

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        found = capsys.readouterr()
        return Answer(int(end.value.code or 0), found.out, found.err)

    return run
