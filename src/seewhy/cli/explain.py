"""``seewhy explain``: photos in; figures, masks, result files and a short report out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from seewhy._types import JsonObject
from seewhy.cli import DONE, INTERRUPTED, report
from seewhy.cli.flags import apply, method_flags, options
from seewhy.cli.output import Writer, summary
from seewhy.display import Display
from seewhy.errors import FileError, InvalidInput
from seewhy.methods import METHODS
from seewhy.presets import PRESETS
from seewhy.settings import read_toml

_METHOD_FLAGS = method_flags()
_TOP_LEVEL = ("method", "model", "targets", "seed", "display")


@click.command(epilog="Exit codes: 0 done, 1 failure, 2 wrong usage or input, 130 interrupted.")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@click.option("--method", "method_name", metavar="NAME", help=f"{' or '.join(METHODS)} (default lime).")
@click.option("--preset", metavar="NAME", help=f"A known way of working: {', '.join(PRESETS)}.")
@click.option("--settings", "settings_file", metavar="FILE.toml", help="Settings, as a run before wrote them.")
@click.option("--model", metavar="MODEL", help="Name of a model, or py:module:attribute (default efficientnet-lite0).")
@click.option("--targets", multiple=True, metavar="CLASS", help="top1, topN, class index or name; may be repeated.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random (default 0).")
@click.option("--batch-size", type=click.IntRange(min=1), help="Pictures a model call (default: what suits the model).")
@click.option(
    "--background",
    metavar="COLOR",
    default="white",
    help="What shows through transparent photos (default white).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("seewhy-out"),
    help="Folder for the files (default seewhy-out).",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also draw N masked pictures with their scores.",
)
@click.option("--regions", metavar="N", help="Segments shown (default 5).")
@click.option("--share", metavar="SHARE", help="Share of the photo shown, for maps (default 0.2).")
@click.option(
    "--sign",
    metavar="SIGN",
    help="positive, negative, both, or auto: both for segments, positive for maps (default auto).",
)
@click.option("--hide-rest/--show-rest", default=None, help="Show the chosen regions alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per photo, and nothing else.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors; no progress bar.")
@options(_METHOD_FLAGS)
@click.pass_context
def explain(context: click.Context, /, photos: tuple[str, ...], **given: Any) -> int:
    """Explain why a model gives each PHOTO its class.

    Writes the figure, the heat map, the region mask, the result file and the settings.
    """
    from seewhy import api

    asked = settings_from(given)
    display = Display(**asked["display"])
    method = api.as_method(asked["method"])
    writer = Writer(given["out"], photos)
    debug = bool(context.parent and context.parent.params.get("debug"))
    codes = []
    for photo in photos:
        try:
            explanation = api.explain(
                Path(photo),
                model=asked["model"],
                method=method,
                targets=asked["targets"],
                seed=asked["seed"],
                batch_size=given["batch_size"],
                background=given["background"],
                progress=False if given["quiet"] else None,
            )
            files = writer.write(photo, explanation, asked, display, given["examples"])
        except Exception as error:  # noqa: BLE001  # one bad photo must not cost the others
            codes.append(report(error, debug=debug, place="" if str(photo) in str(error) else f"{photo}: "))
            continue
        if given["as_json"]:
            click.echo(json.dumps(explanation.to_dict() | {"files": files}, allow_nan=False))
        elif not given["quiet"]:
            summary(explanation, files, display)
        if not explanation.complete:
            return INTERRUPTED
    return max(codes, default=DONE)


def settings_from(given: dict[str, Any]) -> JsonObject:
    """Merge preset or settings file with the flags, which win; return method, model, targets, seed, display."""
    if given["preset"] and given["settings_file"]:
        raise InvalidInput("--preset and --settings cannot be given together")
    asked = _start(given)
    base = asked["method"] if isinstance(asked["method"], dict) else {"name": asked["method"]}
    name = given["method_name"] or base.get("name", "lime")
    if name not in METHODS:
        raise InvalidInput(f"--method must be one of {', '.join(METHODS)}, got {name!r}")
    full = METHODS[name](**({} if base.get("name") != name else base)).to_dict()
    asked["method"] = apply(full, given, _METHOD_FLAGS)
    for key in ("model", "seed"):
        asked[key] = asked[key] if given[key] is None else given[key]
    if given["targets"]:
        asked["targets"] = list(given["targets"])
    shown = {key: given[key] for key in Display.model_fields if given[key] is not None}
    asked["display"] = asked["display"] | shown
    return asked


def _start(given: dict[str, Any]) -> JsonObject:
    asked: JsonObject = {"method": "lime", "model": None, "targets": "top1", "seed": 0, "display": {}}
    if given["preset"]:
        preset = PRESETS.get(given["preset"])
        if preset is None:
            raise InvalidInput(f"--preset must be one of {', '.join(PRESETS)}, got {given['preset']!r}")
        chosen = {
            "method": preset.method.to_dict(),
            "targets": preset.targets,
            "display": preset.display.to_dict(),
        }
        return asked | chosen
    if given["settings_file"]:
        read = read_toml(given["settings_file"])
        surplus = set(read) - set(_TOP_LEVEL)
        if surplus:
            raise FileError(
                f"{given['settings_file']} must hold only {', '.join(_TOP_LEVEL)}, got {', '.join(sorted(surplus))}"
            )
        return asked | read
    return asked
