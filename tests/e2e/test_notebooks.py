"""The notebooks run from top to bottom, and are kept without what they print."""

import os
from pathlib import Path

import pytest

from support.patience import PATIENCE

SOURCE = Path(__file__).parents[2] / "src"
NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
SAYS = {
    "lime_lab": [
        "labels: ['espresso'",
        "ridge            strongest segments [",
        "the whole photo 0.951",
        "are enough: 0.",
    ],
    "lime_and_rise_lab": ["espresso         0.951", "controlled  N =  256  error 0.", "rank correlation 0."],
}
"""What each one must print, with the embedded model."""


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path):
    nbclient = pytest.importorskip("nbclient", reason="it runs notebooks")
    pytest.importorskip("ipykernel", reason="it runs notebooks")
    nbformat = pytest.importorskip("nbformat", reason="it reads notebooks")
    paths = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    book = nbformat.read(path, as_version=4)

    client = nbclient.NotebookClient(book, timeout=int(PATIENCE), resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=os.environ | {"PYTHONPATH": paths, "MPLBACKEND": "module://matplotlib_inline.backend_inline"})

    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert [words for words in SAYS[path.stem] if words not in printed] == []
    assert len(pictures) >= 4
    assert not any("Traceback" in output.get("text", "") for output in outputs)


def test_there_are_notebooks_to_run():
    assert {path.stem for path in NOTEBOOKS} == set(SAYS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    nbformat = pytest.importorskip("nbformat", reason="it reads notebooks")
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]

    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
