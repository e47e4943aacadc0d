"""``seewhy explain``: photos in; figures, masks, result files and a short report out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seewhy.cli import run_options
from seewhy.cli.deliver import Delivery
from seewhy.cli.exit import DONE, report
from seewhy.cli.flags import Option, Sectioned, method_flags, options, settings_of
from seewhy.cli.from_files import check_paths, model_in
from seewhy.cli.model import MODEL_HELP, asked_model, model_options, named_model
from seewhy.cli.photos import photos_of
from seewhy.cli.run_options import DETAILS
from seewhy.cli.shown_options import SHOWN, shown_options
from seewhy.cli.terminal import say
from seewhy.cli.writer import Wanted, Writer, stems_of
from seewhy.core.errors import InvalidInput
from seewhy.core.settings import read_toml
from seewhy.core.text import Words
from seewhy.core.types import JsonObject
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.smallest import SmallestRegion
from seewhy.methods import METHODS, Auto
from seewhy.methods.presets import PRESETS
from seewhy.render.display import Display

if TYPE_CHECKING:
    from seewhy.engine.protocols import Model
    from seewhy.methods import MethodSetting

_METHOD_FLAGS = method_flags()
_METHOD_HELP = f"{', '.join(METHODS)} (default auto, or the first method that has the given settings)."
_FILE_HOLDS: dict[str, tuple[tuple[type, ...], str]] = {
    "method": ((str, dict), "a name or a table"),
    "model": ((str, dict), "text, or a table with a name and model settings"),
    "targets": ((str, int, list), "text, a number, or a list of them"),
    "seed": ((int,), "a whole number of at least 0"),
    "display": ((dict,), "a table"),
}
"""What a settings file may hold."""


@click.command(
    cls=Sectioned,
    short_help="Show which regions of a photo led the model to its class.",
    epilog="Exit codes: 0 done, 1 failure, 2 wrong usage or input, 130 interrupted.",
)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@click.option("--method", "method_name", metavar="NAME", help=_METHOD_HELP)
@click.option("--auto", is_flag=True, help="Choose settings for each photo (same as --method auto).")
@click.option("--preset", metavar="NAME", help=f"Named settings: {', '.join(PRESETS)}.")
@click.option("--settings", "settings_file", metavar="FILE.toml", help="Settings file written by an earlier run.")
@click.option("--model", metavar="MODEL", help=f"{MODEL_HELP} (default efficientnet-lite0).")
@click.option(
    "--targets", multiple=True, metavar="CLASS", help="top1, topN, class index or name, or 'A vs B'; may be repeated."
)
@run_options.seed(None)
@run_options.out()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per photo, and nothing else.")
@run_options.quiet
@shown_options
@click.option(
    "--smallest",
    cls=Option,
    section=SHOWN,
    is_flag=True,
    help="Also find the smallest part of the photo that keeps the class (21 model calls a class).",
)
@run_options.batch_size
@click.option(
    "--keep-scores",
    cls=Option,
    section=DETAILS,
    type=click.Choice(["top10", "all"]),
    default="top10",
    help="Classes kept for seewhy refit (default top10).",
)
@run_options.overwrite
@run_options.reading
@run_options.preflight
@run_options.verdict
@model_options
@options(_METHOD_FLAGS)
@click.pass_context
def explain(context: click.Context, /, photos: tuple[str, ...], **given: Any) -> int:
    """Show which regions of each PHOTO led the model to its class; a folder means all photos in it.

    Writes a figure, a heat map, a region mask, a result file and the settings.

    \b
      seewhy explain photo.jpg
      seewhy explain photo.jpg --method rise --targets top3
      seewhy explain photos/ --model keras:Xception
      seewhy explain photos/*.jpg --segmentation slic --slic-n-segments 20 --n-samples 500
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy.methods import as_method

    asked = settings_from(given)
    display = Display(**asked["display"])
    method = as_method(asked["method"])
    photos, left = photos_of(photos)
    writer = Writer(given["out"], stems_of(photos), protected=photos, overwrite=given["overwrite"])
    run_options.reading_of(given)  # said once, not for each photo
    model = named_model(asked["model"], given["batch_size"])
    if isinstance(asked["model"], dict):
        asked["model"] = asked["model"] | {"name": asked["model"].get("name") or model.name}
    else:
        asked["model"] = asked["model"] or model.name
    debug, silent = bool(context.obj), given["quiet"]
    delivery = Delivery(writer, asked, display, Wanted.of(given), given["as_json"], silent, debug)
    codes, explained = list[int](), False
    for i, (photo, found) in enumerate(_explanations(photos, model, method, delivery, given)):
        if isinstance(found, Exception):  # one bad photo must not cost the others
            place = "" if str(found).startswith(photo) else f"{photo}: "
            codes.append(report(found, debug=debug, place=place))
            writer.write_asked(photo, method.to_dict(), asked, display)
            continue
        smallest = _smallest if given["smallest"] else None
        codes.append(delivery.give(photo, found, later=bool(i), smallest=smallest))
        explained = True
    if explained and not silent and not given["as_json"]:
        for note in [*left, *_notes(given, _kind(method))]:
            say(f"note: {note}")
    return max(codes, default=DONE)


def _kind(method: MethodSetting) -> str:
    """Return the method that the result will be of."""
    return method.becomes if isinstance(method, Auto) else method.name


def _notes(given: dict[str, Any], kind: str) -> Iterator[str]:
    """Yield what flags did that people may not expect, or did not do."""
    by_flags = given["method_name"] is None and given["preset"] is None and given["settings_file"] is None
    used = [flag.name for flag in _METHOD_FLAGS if given.get(flag.key) is not None and "auto" not in flag.owners]
    if by_flags and kind != Auto.becomes and used:
        yield f"auto has no setting {used[0]}, so the method is {kind}; use --method to choose another"
    segments = "segmentation" in METHODS[kind].model_fields
    if given["regions"] is not None and not segments:
        yield f"--regions selects segments, but {kind} gives a map; use --share to show a part of a map"
    if given["share"] is not None and segments:
        yield (
            f"--share selects a part of a map, but {kind} gives segments; use --regions to show a number of segments"
        )


def _explanations(
    photos: tuple[str, ...],
    model: Model,
    method: MethodSetting,
    delivery: Delivery,
    given: dict[str, Any],
) -> Iterator[tuple[str, Explanation | Exception]]:
    """Yield each photo with its explanation, or with what went wrong; several photos share the model."""
    from seewhy.api import explain as explain_one
    from seewhy.core.progress import reporting
    from seewhy.many import with_photos

    paths = {Path(photo): photo for photo in photos}
    writer, asked, display = delivery.writer, delivery.asked, delivery.display
    settings: dict[str, Any] = {key: given[key] for key in ("batch_size", "keep_scores", "preflight")}
    settings |= run_options.reading_of(given) | {"verdict": display if given["verdict"] else False}
    settings |= {"model": model, "method": method, "targets": asked["targets"], "seed": asked["seed"]}
    progress = False if given["quiet"] else None
    if len(photos) == 1:
        save = writer.checkpoint(photos[0], display)
        try:
            yield photos[0], explain_one(Path(photos[0]), progress=progress, checkpoint=save, **settings)
        except Exception as error:  # noqa: BLE001  # reported by the caller, as for many
            yield photos[0], error
        return
    with reporting(progress, "photos", unit="photos") as bar:
        found = with_photos(
            map(Path, photos),
            errors="return",
            checkpoint=lambda photo: writer.checkpoint(paths[Path(str(photo))], display),
            progress=lambda done: bar(done, len(photos)),
            **settings,
        )
        yield from ((paths[Path(str(photo))], one) for photo, one in found)  # fewer where it was interrupted


def _smallest(explanation: Explanation) -> dict[int, SmallestRegion]:
    """Return the smallest region of each target that is a class."""
    return {i: explanation.smallest_region(i) for i, one in enumerate(explanation.targets) if one.versus is None}


def settings_from(given: dict[str, Any]) -> JsonObject:
    """Merge preset or settings file with the flags, which win; return method, model, targets, seed, display."""
    if given["auto"]:
        if given["method_name"] not in {None, "auto"}:
            raise InvalidInput(
                f"--auto and --method {given['method_name']} exclude each other; give one of them",
                setting="--auto",
                rule="not be given with --method",
                value=given["method_name"],
            )
        given = given | {"method_name": "auto"}
    asked, source = _start(given)
    base: JsonObject = asked["method"] or METHODS[_usual(given)]().to_dict()
    name = given["method_name"] or base["name"]
    _one_of("--method", name, METHODS)
    if name != base["name"]:
        if source:
            raise InvalidInput.of("--method", f"be {base['name']}, as in {source}, or not be given", name)
        base = METHODS[name]().to_dict()
    asked["method"] = settings_of(base, given, _METHOD_FLAGS).to_dict()
    file = given["settings_file"]
    if file is not None:
        check_paths(asked["method"], file, given)
        asked["model"] = model_in(asked["model"], file, given)
    asked["model"] = asked_model(asked["model"], given)
    asked["seed"] = asked["seed"] if given["seed"] is None else given["seed"]
    if given["targets"]:
        asked["targets"] = targets_of(given["targets"])
    asked["display"] = display_of(given, asked["display"]).to_dict()
    return asked


def _usual(given: dict[str, Any]) -> str:
    """Return the method that is meant where none is named: auto, or the first that has the settings that were given."""
    used = [flag for flag in _METHOD_FLAGS if given.get(flag.key) is not None]
    if given.get("until") is not None:
        return "lime"  # the strongest segments are distinguishable, and maps have none
    return next((name for name in ("auto", *METHODS) if all(name in flag.owners for flag in used)), "lime")


def _start(given: dict[str, Any]) -> tuple[JsonObject, str]:
    """Return what the flags start from, and what it was read from."""
    asked: JsonObject = {"method": None}
    asked |= {"model": None, "targets": "top1", "seed": 0, "display": {}}
    if given["preset"] is not None and given["settings_file"] is not None:
        raise InvalidInput(
            "--preset and --settings exclude each other; give one of them, and flags for the rest",
            setting="--preset",
            rule="not be given with --settings",
        )
    if given["preset"] is not None:
        _one_of("--preset", given["preset"], PRESETS)
        preset = PRESETS[given["preset"]]
        chosen = {"method": preset.method.to_dict(), "targets": preset.targets, "display": preset.display.to_dict()}
        return asked | chosen, f"--preset {given['preset']}"
    if given["settings_file"] is not None:
        read = read_settings(given["settings_file"])
        return asked | read, given["settings_file"] if "method" in read else ""
    return asked, ""


def read_settings(path: str) -> JsonObject:
    """Return a settings file, checked; every message names the file."""
    from seewhy.methods import as_method

    read = read_toml(path)
    surplus = set(read) - set(_FILE_HOLDS)
    if surplus:
        raise InvalidInput.of(path, f"hold only {', '.join(_FILE_HOLDS)}", Words(", ".join(sorted(surplus))))
    for key in read:
        value: Any = read[key]
        kinds, rule = _FILE_HOLDS[key]
        fits = isinstance(value, kinds) and not isinstance(value, bool)
        if not fits or (key == "seed" and value < 0):
            raise InvalidInput.of(f"{path}: {key}", f"be {rule}", value)
    try:
        if "method" in read:
            read["method"] = as_method(read["method"]).to_dict()
        Display(**read.get("display", {}))
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}", setting=str(path), rule=error.rule, value=error.value) from None
    return read


def display_of(given: dict[str, Any], base: JsonObject | None = None) -> Display:
    """Return what is shown: ``base`` with the flags."""
    shown = {key: given[key] for key in Display.model_fields if given[key] is not None}
    try:
        return Display(**((base or {}) | shown))
    except InvalidInput as error:
        text = str(error)
        for key in shown:
            text = text.replace(f"Display.{key} ", f"--{key.replace('_', '-')} ")
        raise InvalidInput(text, setting=error.setting, rule=error.rule, value=error.value) from None


def targets_of(given: tuple[str, ...]) -> list[str]:
    """Return what ``--targets`` was given, one class or contrast each."""
    for text in given:
        parts = [part.strip() for part in text.split(",")]
        if len(parts) > 1 and all(part.removeprefix("top").isdigit() for part in parts):
            flags = " ".join(f"--targets {part}" for part in parts)
            raise InvalidInput.of("--targets", "name one class", text, f"write {flags}")
    return list(given)


def _one_of(flag: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidInput(
            f"{flag} must be one of {', '.join(names)}, got {name!r}{hint}",
            setting=flag,
            rule="be one of the names",
            value=name,
        )
