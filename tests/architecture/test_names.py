"""A name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "seewhy"


def named_types(tree):
    """Yield the classes of a module, and its names of types such as ``Cancel = Callable[[], bool]``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Callable["):
            yield from map(ast.unparse, node.targets)


def test_no_name_of_a_class_or_a_type_stands_for_two():
    places = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for name in named_types(ast.parse(path.read_text(encoding="utf-8"))):
            places[name].append(str(path.relative_to(SOURCE)))

    assert {name: where for name, where in places.items() if len(where) > 1} == {}
