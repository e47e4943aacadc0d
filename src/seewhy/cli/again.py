"""``seewhy refit``, ``resume`` and ``compare``: a result file in, the same photo explained again."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import click

from seewhy.cli import run_options
from seewhy.cli.deliver import Delivery
from seewhy.cli.exit import DONE
from seewhy.cli.explain import display_of, read_settings, targets_of
from seewhy.cli.flags import Flag, Sectioned, method_flags, options, settings_of
from seewhy.cli.from_files import model_in
from seewhy.cli.model import asked_model, model_options, named_model
from seewhy.cli.shown_options import shown_options
from seewhy.cli.writer import Wanted, Writer
from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.engine.stopping import AMOUNT
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.loading import load
from seewhy.methods import METHODS
from seewhy.models import MODELS, may_be_named_by_a_file

_FREE = {name for method in METHODS.values() for name in method.fits} | {"unit", "n_samples"}
_FREE_FLAGS: list[Flag] = [flag for flag in method_flags() if flag.place[0] in _FREE]
_AMOUNT_FLAGS: list[Flag] = [flag for flag in method_flags() if flag.place[0] in AMOUNT]


@click.command(cls=Sectioned, short_help="Recompute an explanation from its saved samples.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), metavar="FILE")
@click.option(
    "--targets", multiple=True, metavar="CLASS", help="Other classes whose scores were kept; may be repeated."
)
@run_options.out()
@run_options.as_json
@run_options.quiet
@shown_options
@run_options.overwrite
@options(_FREE_FLAGS)
@click.pass_context
def refit(context: click.Context, /, file: str, targets: tuple[str, ...], out: Path, **given: Any) -> int:
    """Recompute the explanation in FILE from its saved samples; needs no model calls.

    \b
      seewhy refit seewhy-out/photo.lime.seewhy --surrogate lasso --lasso-alpha 0.001
      seewhy refit seewhy-out/photo.lime.seewhy --targets "tabby vs Egyptian cat"
    """  # noqa: D301  # \b keeps click from joining the lines
    started = perf_counter()
    before = load(file)
    found = before.refit(targets=targets_of(targets) if targets else None, **_changes(before, given, _FREE_FLAGS))
    stem = f"{_stem(file, before)}.refit"
    given["targets"] = targets
    writer = Writer(out, {file: stem}, overwrite=given["overwrite"])
    return _given(found, writer, file, given | {"debug": context.obj}, perf_counter() - started)


@click.command(cls=Sectioned, short_help="Resume a run: add samples.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), metavar="FILE")
@click.option("--model", metavar="MODEL", help="The model that was explained (default: the one named in the file).")
@run_options.batch_size
@run_options.verdict
@run_options.as_json
@run_options.quiet
@shown_options
@model_options
@options(_AMOUNT_FLAGS)
@click.pass_context
def resume(context: click.Context, /, file: str, model: str | None, batch_size: int | None, **given: Any) -> int:
    """Resume the run in FILE: add samples, up to its own limit or a new one.

    The result file and its figures are rewritten at the end, or when the run is stopped.

    \b
      seewhy resume seewhy-out/photo.lime.seewhy --tolerance 0.05
    """  # noqa: D301  # \b keeps click from joining the lines
    started = perf_counter()
    before = load(file)
    source = str(_beside(file))
    held = asked_before(file).get("model")
    if held is None and may_be_named_by_a_file(before.model.name):
        source, held = file, before.model.name
    if held is None and model is None:
        raise InvalidInput(
            (f"{file} records only the model's name, {before.model.name!r}; name the model itself with --model"),
            setting="--model",
            rule="be given",
            value=before.model.name,
        )
    given["model"] = model
    asked = asked_model(model_in(held, source, given), given)
    found = before.continue_(
        model=named_model(asked, batch_size),
        checkpoint=file,
        batch_size=batch_size,
        progress=False if given["quiet"] else None,
        verdict=display_of(given, asked_before(file).get("display")) if given["verdict"] else False,
        **_changes(before, given, _AMOUNT_FLAGS),
    )
    given["model"] = asked
    spent = perf_counter() - started - (found.seconds or 0.0)
    return _given(found, Writer(Path(file).parent, {}, own=file), file, given | {"debug": context.obj}, spent)


@click.command(short_help="Compare related methods on the samples of a result.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), metavar="FILE")
@run_options.as_json
def compare(file: str, *, as_json: bool) -> int:
    """Compare related methods on the samples in FILE; needs no model calls."""
    from seewhy.cli.output import side_by_side
    from seewhy.cli.terminal import put

    put(side_by_side(load(file), as_json=as_json))
    return DONE


def _changes(before: Explanation, given: dict[str, Any], flags: list[Flag]) -> JsonObject:
    """Return the settings that flags change."""
    used = {flag.place[0] for flag in flags if given.get(flag.key) is not None}
    if not used:
        return {}
    base = {"name": before.method.name} | {key: value for key, value in before.method.to_dict().items() if key in used}
    changed = settings_of(base, given, flags)
    return {name: getattr(changed, name) for name in used}


def asked_before(file: str) -> JsonObject:
    """Return what stands beside a result file: what was asked and shown."""
    beside = _beside(file)
    return read_settings(str(beside)) if beside.is_file() else {}


def _beside(file: str) -> Path:
    return Path(file).with_suffix(".toml")


def _stem(file: str, before: Explanation) -> str:
    return Path(file).name.removesuffix(".seewhy").removesuffix(f".{before.method.name}")


def _given(found: Explanation, writer: Writer, file: str, given: dict[str, Any], before: float) -> int:
    before_it = asked_before(file)
    display = display_of(given, before_it.get("display"))
    named = found.model.labels is not None
    names = [t.index if t.versus is None else t.label if named else f"{t.index} vs {t.versus}" for t in found.targets]
    known = found.model.name if found.model.name in MODELS else None
    asked = {"model": given.get("model") or before_it.get("model") or known, "targets": names}
    if not given.get("targets") and "targets" in before_it:
        asked["targets"] = before_it["targets"]
    how = (Wanted.of(given), given["as_json"], given["quiet"], bool(given["debug"]))
    return Delivery(writer, asked, display, *how).give(file, found, before=before)
