"""The rules of the house that a machine can check."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import seewhy
from seewhy.engine.traits import ModelTraits

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "seewhy"
MODULES = sorted(SOURCE.rglob("*.py"))
HEAVY = ("torch", "tensorflow", "keras", "openvino", "matplotlib", "sklearn", "skimage", "tqdm", "rich", "scipy")


def test_import_is_light_and_loads_no_framework():
    code = f"import sys, seewhy; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_all_is_exact():
    public = {name for name in vars(seewhy) if not name.startswith("_")}
    modules = {name for name in public if type(getattr(seewhy, name)).__name__ == "module"}

    assert set(seewhy.__all__) - {"__version__"} == public - modules
    assert len(set(seewhy.__all__)) == len(seewhy.__all__)


@pytest.mark.parametrize("name", [name for name in seewhy.__all__ if not name.isupper() and name != "__version__"])
def test_everything_public_says_what_it_is(name):
    assert (getattr(seewhy, name).__doc__ or "").strip()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_and_functions_fit_a_screen(path):
    text = path.read_text(encoding="utf-8")
    lengths = {
        node.name: node.end_lineno - node.lineno + 1 - docstring_lines(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }

    assert len(text.splitlines()) <= 400
    assert {name: n for name, n in lengths.items() if n > 55} == {}


def docstring_lines(node):
    first = node.body[0] if node.body else None
    text = first.value if isinstance(first, ast.Expr) else None
    is_docstring = isinstance(text, ast.Constant) and isinstance(text.value, str)
    return first.end_lineno - first.lineno + 1 if is_docstring else 0


@pytest.mark.slow
def test_nothing_is_unpickled_but_the_embedded_weights():
    users = [p.name for p in MODULES if re.search(r"import pickle\b|\bpickle\.|joblib|allow_pickle=True", code_of(p))]

    assert users == ["weights.py"]


@pytest.mark.slow
def test_frameworks_are_named_only_by_their_adapters():
    named = re.compile(r"import_openvino|import (openvino|torch|tensorflow|keras|onnxruntime)")
    users = {path.relative_to(SOURCE).parts[0] for path in MODULES if named.search(code_of(path))}

    assert users == {"models"}


@pytest.mark.slow
def test_nothing_is_asked_of_a_model_but_what_its_protocol_and_its_traits_say():
    known = {field.name for field in fields(ModelTraits)} | {"traits", "head", "preprocessing", "runtime", "original"}
    asked = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.args[1].value}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"getattr", "hasattr"}
        and isinstance(node.args[1], ast.Constant)
        and (node.args[1].value in known or (ast.unparse(node.args[0]) == "model" and "models" not in path.parts))
    ]
    of_code = [one for one in asked if one.startswith(str(Path("models", "code_digest.py")))]

    assert [one.split(":")[0] for one in asked if one not in of_code] == [str(Path("engine", "traits.py"))]
    assert [one.split()[-1] for one in of_code] == ["code"]  # of what torch compiled, which is no model


@pytest.mark.slow
def test_no_global_randomness():
    for path in MODULES:
        assert not re.search(
            r"np\.random\.(seed|rand|randn|randint|choice)\(|^import random", code_of(path), re.MULTILINE
        )


def code_of(path):
    """Source without docstrings and comments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and docstring_lines(node):
            node.body[0] = ast.Expr(ast.Constant(""))
    return ast.unparse(tree)


def test_architecture_names_the_layers_of_the_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [[name.strip() for name in layer.split("|")] for layer in contracts[0]["layers"]]
    rows = re.findall(r"^\| (`[^|]+) \|", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    written = [re.findall(r"`([\w]+)`", row) for row in rows]

    assert written == layers


def test_the_top_of_the_house_is_seen_at_a_glance():
    entries = [path.name for path in SOURCE.iterdir() if path.name != "__pycache__"]

    assert len(entries) <= 25


def test_every_method_has_its_page():
    pages = {path.stem for path in (ROOT / "docs" / "methods").glob("*.md")}

    assert set(seewhy.METHODS) <= pages


def test_the_docs_show_only_pictures_that_are_there():
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_version_stands_in_changelog_and_citation():
    assert f"## {seewhy.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert f"version: {seewhy.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_import_contracts_hold():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_result_files_are_read_from_where_scripts_know_it():
    code = "from seewhy import result_file; from seewhy.record import fingerprint; print(result_file.read.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "read\n", done.stderr
