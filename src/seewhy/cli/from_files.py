"""What a settings or result file may say: display, numbers and names. It never decides what is run or reached."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from seewhy.core.array_setting import far_paths, is_near
from seewhy.core.errors import InvalidInput
from seewhy.core.masking import PASSWORD, TOKEN, USER
from seewhy.core.text import clean
from seewhy.core.types import JsonObject
from seewhy.models import may_be_named_by_a_file

_LONGEST_NAME = 300
_NAMED = "be named on the command line: a model that a file names may run code, read files or reach a server"


def model_in(held: str | JsonObject | None, source: str, given: dict[str, Any]) -> str | JsonObject | None:
    """Return what a file says of the model, to start from; None where ``--model`` names another one.

    A model that is a program, a file, a repository or a server must be named on the command line too, or be agreed to
    on a terminal.

    Raises
    ------
    InvalidInput
        It is none of these; says what to type.
    """
    said = {"name": None} | held if isinstance(held, dict) else {"name": held}
    name, wanted = said["name"], given.get("model")
    if wanted is not None and wanted != name:
        return None
    if wanted is None and isinstance(name, str) and not may_be_named_by_a_file(name) and not _is_agreed(name, source):
        typed = (
            f"add --model {shlex.quote(clean(name))} if you trust it" if len(name) <= _LONGEST_NAME else "add --model"
        )
        raise InvalidInput.of(f"the model in {source}", _NAMED, name, typed)
    labels = said.get("labels")
    if isinstance(labels, str) and given.get("model_labels") is None and not _is_known(labels, source):
        advice = f"add --labels {shlex.quote(clean(labels))} if you trust it"
        raise InvalidInput.of(f"the file of labels in {source}", _near(source), labels, advice)
    return held


def check_paths(method: JsonObject, source: str, given: dict[str, Any] | None = None) -> None:
    """Refuse pictures and label maps that a settings file looks for elsewhere; those that flags name are the user's.

    Raises
    ------
    InvalidInput
        Names the path.
    """
    for member, path in far_paths(method, Path(source).parent):
        flag = f"--{member}-path"
        if given is None or given.get(f"{member}_path") is None:
            advice = "copy it there" if given is None else f"add {flag} {shlex.quote(clean(path))} if you trust it"
            raise InvalidInput.of(f"the path of {member} in {source}", _near(source), path, advice)


def _is_known(labels: str, source: str) -> bool:
    return labels == "imagenet" or is_near(labels, Path(source).parent)


def _near(source: str) -> str:
    return f"be a file in the current folder or beside {Path(source).name}"


def _is_agreed(name: str, source: str) -> bool:
    """Ask whoever sits at the terminal, if anybody does; the whole name is shown."""
    to_server = name.startswith(("kserve:", "tfserving:"))
    if to_server and any(os.environ.get(one) for one in (TOKEN, USER, PASSWORD)):
        return False  # a token is for hosts that are typed, and never for one that a file names
    if len(name) > _LONGEST_NAME or not _is_terminal():
        return False
    question = (
        f"{clean(source)} names the model {clean(name)}, which may run code, read files or reach a server. Load it?"
    )
    return click.confirm(question, default=False, err=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
