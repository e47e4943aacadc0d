"""Who imports whom, read from the source: imports for annotations alone and those inside functions count as well."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

from seewhy.models import _OBJECTS, PREFIXES

ROOT = Path(__file__).parents[2] / "src"


def named(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root):
    """Return which modules of a tree each of its modules imports."""
    modules = {named(path, root): path for path in sorted(root.rglob("*.py"))}

    def of(path):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    inner = f"{node.module}.{one.name}"
                    yield inner if inner in modules else node.module

    return {name: {other for other in of(path) if other in modules and other != name} for name, path in modules.items()}


def circle(graph):
    """Return modules that import each other in a circle; none if there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.mark.slow
def test_no_modules_import_each_other_in_a_circle():
    assert circle(imports(ROOT)) == []


@pytest.mark.parametrize(
    "line",
    [
        "from house.upper import name",
        "if TYPE_CHECKING:\n    import house.upper",
        "def f():\n    from house import upper",
    ],
)
def test_a_circle_is_found_however_it_is_written(tmp_path, line):
    room = tmp_path / "house"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "upper.py").write_text("from house.lower import other\n")
    (room / "lower.py").write_text(f"{line}\n")

    assert set(circle(imports(tmp_path))) == {"house.upper", "house.lower"}


def test_no_import_is_left_out_of_the_contracts():
    assert "exclude_type_checking_imports" not in (ROOT.parent / "pyproject.toml").read_text()


def test_the_registry_of_adapters_names_modules_that_exist():
    named = {adapter.module for adapter in PREFIXES.values()} | set(_OBJECTS.values())

    assert [name for name in sorted(named) if find_spec(f"seewhy.models.{name}") is None] == []
