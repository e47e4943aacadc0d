"""Templates filled in: everything foreign is escaped, and nothing but the page's own style and script can act.

The policy in a page's head allows pictures inside it, and style and script by their hashes; no request leaves it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seewhy._version import __version__
from seewhy.core.masking import masked
from seewhy.core.text import clean
from seewhy.core.types import JsonObject

if TYPE_CHECKING:
    from jinja2 import Environment

_STATIC = Path(__file__).parent / "static"


def page(template: str, *, style: tuple[str, ...] = (), script: tuple[str, ...] = (), **facts: Any) -> str:
    """Return the page that a template makes of plain facts.

    Parameters
    ----------
    template
        Its file in ``templates``; it extends ``base.html.j2``.
    style, script
        Files of ``static`` that it needs beside ``page.css``.
    facts
        What it shows.
    """
    from markupsafe import Markup

    looks, acts = _joined(("page.css", *style)), _joined(script)
    sources = [f"style-src {_hash(looks)}", f"script-src {_hash(acts)}" if script else ""]
    policy = ["default-src 'none'", "img-src data:", *filter(None, sources), "base-uri 'none'", "form-action 'none'"]
    html: str = (
        _environment()
        .get_template(template)
        .render(
            facts
            | {
                "version": __version__,
                "policy": "; ".join(policy),
                "style": Markup(looks),  # noqa: S704  # the package's own files
                "script": Markup(acts),  # noqa: S704
            }
        )
    )
    return html


@cache
def _environment() -> Environment:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    found.filters["data"] = _data
    return found


def _shown(value: object) -> object:
    """Return text without credentials, and without characters that hide, reorder or control it.

    Markup of the template is as it is.
    """
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return clean(masked(value), keep="\n")


def _data(values: JsonObject) -> Any:
    """Return plain values as JSON that cannot end the element it stands in."""
    from markupsafe import Markup

    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    for one in "<>&\u2028\u2029":
        text = text.replace(one, f"\\u{ord(one):04x}")
    return Markup(text)  # noqa: S704  # no markup can be written without these


@cache
def _joined(files: tuple[str, ...]) -> str:
    return "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in files)


def _hash(text: str) -> str:
    """Return the source expression that allows an element with this very text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
