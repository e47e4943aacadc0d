"""Every flag, command and extra that a message, a help text or a page names exists."""

import ast
import re
import tomllib
from pathlib import Path

import click
import pytest

from seewhy import cli
from seewhy.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
FLAG = re.compile(r"(?<![\w/-])--[a-z][a-z0-9_-]*[a-z0-9]")
LINE = re.compile(r"\bseewhy ([a-z]+)((?:[^`\n;|#]|\\\n)*)")
"""What follows the name of the program in a command."""
EXTRA = re.compile(r"seewhy\[([\w,{} -]+)\]")
OTHERS = {
    "--compress_to_fp16",  # of ovc
    "--force-reinstall",  # of pip
    "--preload",  # of gunicorn
    "--strict",  # of mypy
}
"""Flags of other programs."""


def flags_of(command):
    return {name for part in command.params for name in (*part.opts, *part.secondary_opts)} | {"--help"}


cli._commands()  # imported when they are first needed
COMMANDS = {name: flags_of(command) for name, command in app.commands.items()}
FLAGS = set().union(flags_of(app), *COMMANDS.values())


def literals(path):
    """Yield the line and the text of each literal of a module, an f-string as one with ? for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def scripts():
    """Return the flags of scripts that pages tell how to run."""
    places = [path for name in ("bench", "docs", "examples") for path in (ROOT / name).glob("*.py")]
    texts = [text for path in places for _, text in literals(path) if FLAG.fullmatch(text)]
    return {*texts, "--smoke", "--rounds"}


TEXTS = [
    *((f"{path.relative_to(ROOT)}:{line}", text) for path in ROOT.glob("src/**/*.py") for line, text in literals(path)),
    *((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in PAGES),
]


def unknown(text, known):
    return sorted({flag for flag in FLAG.findall(text) if flag not in known and not flag.endswith("-")})


def test_flags_that_are_named_exist():
    elsewhere = scripts()
    known = FLAGS | OTHERS
    missing = {
        place: found
        for place, text in TEXTS
        if (found := unknown(text, known | elsewhere if place.endswith(".md") else known))
    }

    assert not missing


def test_commands_that_are_named_have_the_flags_they_are_named_with():
    wrong = [
        f"{place}: seewhy {command} {' '.join(missing)}"
        for place, text in TEXTS
        for command, rest in LINE.findall(text)
        if command in COMMANDS and (missing := unknown(rest, COMMANDS[command]))
    ]

    assert not wrong


@pytest.mark.slow
def test_extras_that_are_named_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        (place, extra.strip())
        for place, text in TEXTS
        for group in EXTRA.findall(text)
        for extra in group.split(",")
        if "{" not in extra
    }
    needed = {
        (str(path.relative_to(ROOT)), node.args[1].value)
        for path in ROOT.glob("src/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "need" and len(node.args) > 1
        if isinstance(node.args[1], ast.Constant)
    }

    assert needed
    assert not {(place, extra) for place, extra in named | needed if extra not in extras}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("give --nothing-such or --seed 3", ["--nothing-such"]),
        ("a -- b --- c; --n-samples=3", []),
        ("| --- | --- |", []),
    ],
)
def test_a_flag_that_nothing_has_is_found(text, found):
    assert unknown(text, FLAGS) == found


def test_the_commands_were_seen():
    assert {"explain", "check"} <= set(COMMANDS)
    assert "--n-samples" in COMMANDS["explain"]
    assert isinstance(app, click.Group)
