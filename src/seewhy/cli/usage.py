"""Wrong usage of the command line as one line: place, rule, value, what to do."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path

import click

_RULES = (
    (r"Invalid value for '(.+?)': (.+) is not in the range x>=([^ ]+)", r"\1 must be at least \3, got \2"),
    (r"Invalid value for '(.+?)': (.+) is not in the range x>([^ ]+)", r"\1 must be above \3, got \2"),
    (r"Invalid value for '(.+?)': ('.*') is not a valid integer(?: range)?", r"\1 must be a whole number, got \2"),
    (r"Invalid value for '(.+?)': ('.*') is not a valid float(?: range)?", r"\1 must be a number, got \2"),
    (r"Invalid value for '(.+?)': ('.*') is not one of (.+)", r"\1 must be one of \3, got \2"),
    (r"Invalid value for '.+?': (?:File|Path|Directory) '(.+)' does not exist", r"\1: no such file"),
)
"""What click says, and the same as a rule and a value."""


def usage(error: click.ClickException, given: list[str], commands: Container[str]) -> str:
    """Return click's complaint as one line with the rule, and with what to do."""
    text = " ".join(error.format_message().split())
    text = text.replace("'. (Did", "' (did").rstrip(".")
    for pattern, words in _RULES:
        text = re.sub(rf"^{pattern}$", words, text)
    context = getattr(error, "ctx", None)
    command = given[0] if given and given[0] in commands else ""
    advice = f"; see {context.command_path if context else f'seewhy {command}'.strip()} --help"
    if isinstance(error, click.NoSuchOption):
        if elsewhere := _elsewhere(error.option_name, command):
            return f"error: seewhy {command} has no {error.option_name}; {elsewhere}"
        dashed = [word for word in given if word.startswith("-") and Path(word).is_file()]
        advice = f"; a photo of that name is given as ./{dashed[0]}" if dashed else advice
    start = text if text.startswith("-") or ": no such file" in text else f"{text[:1].lower()}{text[1:]}"
    return f"error: {start}{advice}"


def _elsewhere(option: str, command: str) -> str:
    """Say which command has a setting that this one does not have; empty: none, or it is no setting of a method."""
    from seewhy.cli.flags import method_flags
    from seewhy.methods import METHODS

    if command not in {"refit", "resume"}:
        return ""
    flag = next((flag for flag in method_flags() if flag.name == option), None)
    if flag is None:
        return ""
    if any(flag.place[0] in method.fits for method in METHODS.values()):
        return "use seewhy refit to change it"
    return "it changes the masked images, so it needs a new run of seewhy explain"
