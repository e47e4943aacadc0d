"""The one place through which the command line prints: text from elsewhere cannot move the cursor or give orders."""

from __future__ import annotations

import errno
import io
import json
import sys
from collections.abc import Iterable
from typing import Literal

import click
from rich.console import Console
from rich.table import Table

from seewhy.cli import signals
from seewhy.core.progress import is_terminal
from seewhy.core.text import clean

_WIDE = 1000
"""Wide enough for any name: nothing is cut or folded, here or in a pipe; a narrow terminal wraps the lines."""


def say(text: str, *, err: bool = False) -> None:
    """Print lines, with each control character in them written as an escape."""
    put(clean(text, keep="\n") + "\n", err=err)


def put(text: str, *, err: bool = False) -> None:
    """Print what is clean already, as it is."""
    stream = sys.stderr if err else sys.stdout
    if stream is None or getattr(stream, "closed", False):  # a program without a terminal has no streams
        return
    try:
        if hasattr(stream, "flush"):
            click.echo(text, nl=False, err=err)
        else:
            stream.write(text)
    except OSError as error:
        if not (signals.is_hung_up() and error.errno == errno.EIO):
            raise
        # Nobody reads any more. What is left in the stream would fail again when Python ends.
        setattr(sys, "stderr" if err else "stdout", None)


def say_json(values: object) -> None:
    """Print one JSON object on a line; JSON writes control characters as escapes itself."""
    put(json.dumps(values, allow_nan=False) + "\n")


class Printed:
    """Lines and tables of one answer, as plain text of one width."""

    def __init__(self, width: int | None = _WIDE) -> None:
        # A width of None is that of the terminal.
        self._console = Console(
            file=io.StringIO(),  # what stdout is, if it is anything, matters when the page is printed
            force_terminal=is_terminal(sys.stdout),
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=width == _WIDE,
            width=width,
        )
        self._parts: list[str] = []

    def line(self, text: str = "", *, bold: bool = False) -> None:
        """Add a line; a line break in ``text`` is written as an escape."""
        with self._console.capture() as found:
            self._console.print(clean(text), style="bold" if bold else None)
        self._parts.append(found.get())

    def lines(self, texts: Iterable[str], before: str = "") -> None:
        """Add several lines, each with a word before it."""
        for text in texts:
            self.line(f"{before}{text}")

    def table(self, table: Table) -> None:
        """Add a table."""
        with self._console.capture() as found:
            self._console.print(table)
        self._parts.append(found.get())

    def __str__(self) -> str:
        return "".join(self._parts)


class Rows(Table):
    """A table without lines, whose cells are shown as they are."""

    def __init__(self, *left: str, overflow: Literal["fold", "ellipsis"] = "ellipsis") -> None:
        super().__init__(box=None, pad_edge=False)
        for name in left:
            self.add_column(clean(name), overflow=overflow)

    def numbers(self, *names: str) -> None:
        """Add columns that are aligned at the right."""
        for name in names:
            self.add_column(clean(name), justify="right", no_wrap=True)

    def row(self, *cells: str) -> None:
        """Add a row."""
        self.add_row(*map(clean, cells))
