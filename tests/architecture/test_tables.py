"""Every table in docs/benchmarks.md says how it is made again: a command that its script accepts, and the version."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs" / "benchmarks.md",)
COMMAND = re.compile(r"`python ((?:bench|docs|examples)/\w+\.py)([^`]*)`")
VERSION = re.compile(r"seewhy \d+\.\d+\.\d+ of \d{4}-\d\d-\d\d")


def tables(page):
    """Yield the number of the line where a table begins, and what stands between it and the table before."""
    before, inside = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        starts = line.startswith("```") and not inside
        if starts or (line.startswith("|") and not (before and before[-1].startswith("|"))):
            yield number, "\n".join(before)
        if line.startswith("```"):
            inside, before = not inside, []
        elif not inside:
            before.append(line)
    assert not inside


TABLES = [(page.name, number, text) for page in PAGES for number, text in tables(page)]


@pytest.mark.parametrize(("page", "number", "text"), TABLES, ids=[f"{page}:{line}" for page, line, _ in TABLES])
def test_a_table_names_its_command_and_version(page, number, text):
    commands = COMMAND.findall(text)

    assert commands, f"{page}:{number}: no command before this table"
    assert VERSION.search(text), f"{page}:{number}: no version before this table"


MENTIONED = {
    f"{script}{rest}": (script, rest)
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    for script, rest in COMMAND.findall(page.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize(("script", "rest"), MENTIONED.values(), ids=MENTIONED)
def test_scripts_accept_the_commands_in_the_docs(script, rest, monkeypatch):
    parser = arguments_of(ROOT / script, monkeypatch)

    parser.parse_args(shlex.split(rest))


def test_a_flag_that_a_script_does_not_have_is_found(monkeypatch):
    parser = arguments_of(ROOT / "bench" / "startup.py", monkeypatch)

    with pytest.raises(SystemExit):
        parser.parse_args(["--round-trips", "3"])


def arguments_of(path, monkeypatch):
    """Return the parser of a script, which is imported under a name of its own."""
    monkeypatch.syspath_prepend(str(path.parent))
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    before = set(sys.modules)
    try:
        spec.loader.exec_module(module)
    finally:
        for name in set(sys.modules) - before:
            if str(path.parent) in str(getattr(sys.modules[name], "__file__", None)):
                del sys.modules[name]  # names such as "measure" are too short to be left to others
    return module.arguments()
