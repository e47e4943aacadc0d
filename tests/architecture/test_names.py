"""A name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

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


@pytest.mark.slow
def test_no_name_of_a_class_or_a_type_stands_for_two():
    places = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for name in named_types(ast.parse(path.read_text(encoding="utf-8"))):
            places[name].append(str(path.relative_to(SOURCE)))

    assert {name: where for name, where in places.items() if len(where) > 1} == {}


# Files of one name in several folders play the same part in each of them.
SAME_PART = {
    "__init__.py",
    "again.py",  # what is done with a result that is there: the command, and the work
    "baselines.py",  # maps that do not use the model: the maps, and their scores for a tuning
    "canvas.py",  # what composes masked images: what is promised, and torch's
    "facts.py",  # what was found out, as data; the verbs are a class above it
    "networks.py",  # what describes a framework's networks
    "page.py",  # the result as one HTML page
    "photos.py",  # which photos are meant
    "plan.py",  # the work to be done, each piece with its name
    "protocols.py",  # what a part must offer to those that use it
    "result.py",  # what a run returns
    "shapley.py",  # the Shapley value: which coalitions, their weights, their regression
    "store.py",  # what was done already, in SQLite
    "work.py",  # one piece of the plan, done
}


def test_no_name_of_a_file_stands_for_two_parts():
    places = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        places[path.name].append(str(path.relative_to(SOURCE)))

    assert {name for name, where in places.items() if len(where) > 1} == SAME_PART


VAGUE = {"found", "one", "place", "said"}


def results_of(function):
    """Yield the names of the local values that a function returns, alone or in a tuple."""
    given = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    waiting = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Return):
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            yield from (part.id for part in parts if isinstance(part, ast.Name) and part.id not in given)
        waiting.extend(ast.iter_child_nodes(node))


@pytest.mark.slow
def test_longer_functions_call_their_result_by_what_it_is():
    vague = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name} returns {', '.join(sorted(names))}"
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno - node.lineno + 1 > 15
        and (names := VAGUE.intersection(results_of(node)))
    ]

    assert vague == []
