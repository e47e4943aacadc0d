"""``seewhy info``: what a bug report needs to say about an installation, and nothing about whose it is."""

from __future__ import annotations

import getpass
import locale
import os
import platform
import re
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path
from typing import Any, get_args

import click

from seewhy._version import __version__
from seewhy.cli import run_options
from seewhy.cli.exit import DONE
from seewhy.cli.terminal import say, say_json
from seewhy.core import memory
from seewhy.core.environment import given
from seewhy.core.masking import MASK, masked
from seewhy.core.plugins import Group, package_of
from seewhy.core.text import clean, shortened
from seewhy.core.types import JsonObject

_BACKENDS = ("tensorflow", "jax")
"""Libraries that seewhy does not ask for by itself, but that decide how Keras runs."""

_ENCODINGS = {"output": "output_encoding", "file names": "file_name_encoding", "locale": "locale_encoding"}


@click.command(short_help="Print versions and environment for a bug report.")
@run_options.as_json
def info(*, as_json: bool) -> int:
    """Print versions, processor, cache and environment settings for a bug report.

    User name, home folder, host name and credentials are omitted.
    """
    facts = _without_owner(_facts())
    if as_json:
        say_json(facts)
    else:
        say("\n".join(_lines(facts)))
    return DONE


def _facts() -> JsonObject:
    return {
        "seewhy": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "packages": _packages(),
        "processor": _processor(),
        "runtime": _runtime(),
        "memory": _memory(),
        "cache": _cache(),
        "environment": {name: MASK if one.secret else _value(text) for one, name, text in given(os.environ)},
        "plugins": _plugins(),
        "terminal": _terminal(),
    }


def _packages() -> dict[str, str | None]:
    """Return the version of each package that seewhy uses, with all extras; None: not installed. None is imported."""
    try:
        wanted = [one for one in requires("seewhy") or () if "test" not in one.partition(";")[2]]
    except PackageNotFoundError:  # run from its source
        wanted = ["numpy", "scipy", "scikit-image", "scikit-learn", "openvino", "torch", "keras", "onnxruntime"]
    names = [re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0] for one in wanted]
    return {name: _version(name) for name in dict.fromkeys([*names, *_BACKENDS]) if name != "seewhy"}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> JsonObject:
    import numpy as np

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    extensions: JsonObject = dict(np.show_config(mode="dicts")).get("SIMD Extensions", {})  # type: ignore[assignment]
    return {
        "name": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        "instructions": [*extensions.get("baseline", ()), *extensions.get("found", ())],
    }


def _runtime() -> JsonObject:
    """Return what the compiled models run on."""

    def asked() -> JsonObject:
        from seewhy.models.compiled.openvino_runtime import processor

        name, capabilities = processor()
        return {"name": "OpenVINO on the CPU", "processor": name, "capabilities": capabilities}

    return _or_reason(asked)


def _memory() -> JsonObject:
    found: JsonObject = {"installed": None, "free": None}
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        page = os.sysconf("SC_PAGE_SIZE")
        found = {
            name: page * os.sysconf(f"SC_{pages}_PAGES") for name, pages in (("installed", "PHYS"), ("free", "AVPHYS"))
        }
    return found | {"limit_for_files": _or_reason(lambda: {"bytes": memory.most()})}


def _cache() -> JsonObject:
    def read() -> JsonObject:
        from seewhy.models.compiled.conversions import cache_folder, cache_size

        folder = cache_folder()
        if folder is None:
            return {"folder": None}
        entries, size = cache_size(folder)
        return {"folder": str(folder), "networks": entries, "bytes": size}

    return _or_reason(read)


def _or_reason(read: Callable[[], JsonObject]) -> JsonObject:
    """Return what is read, or why it cannot be: a broken installation is what this command is for."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001
        return {"problem": f"{type(error).__name__}: {error}"}


def _plugins() -> list[JsonObject]:
    """Return what other packages bring along; whether it works is said where it is used."""
    return [
        {
            "group": group,
            "name": one.name,
            "package": package_of(one),
            "version": one.dist.version if one.dist else None,
        }
        for group in get_args(Group)
        for one in entry_points(group=group)
    ]


def _terminal() -> JsonObject:
    return {
        "interactive": sys.stdout.isatty(),
        "columns": shutil.get_terminal_size().columns,
        "output_encoding": sys.stdout.encoding,
        "file_name_encoding": sys.getfilesystemencoding(),
        "locale_encoding": locale.getpreferredencoding(do_setlocale=False),
    }


def _value(text: str) -> str:
    """Return a variable's value; what stands before an @ is a user and a password."""
    return f"{MASK}@{text.rpartition('@')[2]}" if "@" in text else text


def _without_owner(value: Any) -> Any:
    """Return facts with every text in them free of credentials, home folder, user name and host name."""
    if isinstance(value, dict):
        return {_without_owner(key): _without_owner(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_owner(one) for one in value]
    return shortened(clean(_anonymous(masked(value)))) if isinstance(value, str) else value


def _anonymous(text: str) -> str:
    for home in sorted(_homes(), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(home)}(?!\w)", "~", text)
    for user in {_name(getpass.getuser), *(Path(home).name for home in _homes())} - {""}:  # a path's parts alone
        text = re.sub(rf"(?<=[/\\]){re.escape(user)}(?![\w.-])", "USER", text)
    host = _name(socket.gethostname)
    if host and host != "localhost":
        for name in (host, host.partition(".")[0]):
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "HOST", text, flags=re.IGNORECASE)
    return text


def _homes() -> set[str]:
    found = set()
    with suppress(RuntimeError, OSError):  # there is none
        found = {str(Path.home()), str(Path.home().resolve())}
    return {home for home in found if len(home) > 1}


def _name(of: Callable[[], str]) -> str:
    try:
        return of()
    except Exception:  # noqa: BLE001  # an account without a name
        return ""


def _lines(facts: JsonObject) -> list[str]:
    cpu = facts["processor"]
    installed = [f"{name} {one}" for name, one in facts["packages"].items() if one is not None]
    missing = [name for name, one in facts["packages"].items() if one is None]
    plugins = [f"{one['name']} ({one['group']}, {one['package']} {one['version']})" for one in facts["plugins"]]
    variables = [f"{name}={value}" for name, value in facts["environment"].items()]
    return [
        f"seewhy {facts['seewhy']}, {facts['python']}, {facts['system']}",
        f"packages: {', '.join(installed)}",
        f"not installed: {', '.join(missing) or 'nothing'}",
        f"processor: {cpu['name']}, {cpu['usable_cores']} of {cpu['cores']} cores usable",
        f"instruction sets (numpy): {' '.join(cpu['instructions']) or 'not known'}",
        f"runtime: {_runtime_words(facts['runtime'])}",
        f"memory: {_memory_words(facts['memory'])}",
        f"cache: {_cache_words(facts['cache'])}",
        "environment:" + ("" if variables else " no variable that seewhy reads is set"),
        *(f"  {one}" for one in variables),
        "plugins:" + ("" if plugins else " none"),
        *(f"  {one}" for one in plugins),
        f"terminal: {_terminal_words(facts['terminal'])}",
    ]


def _runtime_words(runtime: JsonObject) -> str:
    if "problem" in runtime:
        return str(runtime["problem"])
    return f"{runtime['name']}, {runtime['processor']}; {' '.join(runtime['capabilities'])}"


def _memory_words(found: JsonObject) -> str:
    sizes = [f"{memory.size(found[name])} {name}" for name in ("installed", "free") if found[name] is not None]
    limit = found["limit_for_files"]
    shown = limit["problem"] if "problem" in limit else memory.size(limit["bytes"])
    return ", ".join([*sizes, f"limit for files and servers {shown}"])


def _cache_words(cache: JsonObject) -> str:
    if "problem" in cache:
        return str(cache["problem"])
    if cache["folder"] is None:
        return "off"
    return f"{cache['folder']}, {cache['networks']} networks, {memory.size(cache['bytes'])}"


def _terminal_words(terminal: JsonObject) -> str:
    kind = "interactive" if terminal["interactive"] else "not interactive"
    encodings = (f"{name} {terminal[key]}" for name, key in _ENCODINGS.items())
    return ", ".join([kind, f"{terminal['columns']} columns", *encodings])
