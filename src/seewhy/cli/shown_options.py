"""Flags that say what is shown of a result, and what is drawn beside it: the same for all commands that draw one."""

from __future__ import annotations

from typing import Any

import click

from seewhy.cli.flags import Option, describe
from seewhy.render.display import Display
from seewhy.render.png import FORMATS
from seewhy.render.theme import THEMES

SHOWN = "What is shown"
"""The section of the help that they stand in."""


def _shown(name: str) -> str:
    return describe(Display.model_fields[name])


_FLAGS = (
    click.option("--regions", cls=Option, section=SHOWN, metavar="N", help=_shown("regions")),
    click.option("--share", cls=Option, section=SHOWN, metavar="SHARE", help=_shown("share")),
    click.option("--sign", cls=Option, section=SHOWN, metavar="SIGN", help=_shown("sign")),
    click.option("--hide-rest/--show-rest", cls=Option, section=SHOWN, default=None, help=_shown("hide_rest")),
    click.option(
        "--examples",
        cls=Option,
        section=SHOWN,
        type=click.IntRange(min=1),
        metavar="N",
        help="Also draw N masked images with their scores.",
    ),
    click.option("--html", cls=Option, section=SHOWN, is_flag=True, help="Also write the report: one HTML page."),
    click.option(
        "--cutout",
        cls=Option,
        section=SHOWN,
        is_flag=True,
        help="Also write the region alone, the rest transparent.",
    ),
    click.option(
        "--map",
        cls=Option,
        section=SHOWN,
        is_flag=True,
        help="Also write the map of each class without the photo, with its scale.",
    ),
    click.option(
        "--one-scale",
        cls=Option,
        section=SHOWN,
        is_flag=True,
        help="Give all classes of the figure the same color scale.",
    ),
    click.option(
        "--caption",
        cls=Option,
        section=SHOWN,
        metavar="TEXT",
        help="Line below the figure; none: no line (default: with what it was made).",
    ),
    click.option(
        "--format",
        cls=Option,
        section=SHOWN,
        type=click.Choice(FORMATS),
        default="png",
        help="File format of the figure (default png).",
    ),
    click.option(
        "--style",
        cls=Option,
        section=SHOWN,
        type=click.Choice([*THEMES]),
        default="light",
        help="Paper and ink of the figure (default light).",
    ),
)


def shown_options(command: Any) -> Any:
    """Give a command the flags that say what is shown."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command
