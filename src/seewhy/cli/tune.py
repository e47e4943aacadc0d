"""``seewhy tune``: photos in; the settings that explain them best, with a score that they were not chosen on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, get_args

import click

from seewhy.cli import run_options, signals
from seewhy.cli.exit import DONE
from seewhy.cli.explain import read_settings
from seewhy.cli.flags import Option, Sectioned
from seewhy.cli.from_files import check_paths, model_in
from seewhy.cli.model import MODEL_HELP, asked_model, model_options, named_model
from seewhy.cli.photos import photos_of
from seewhy.cli.replaced import Held
from seewhy.cli.terminal import say, say_json
from seewhy.core.errors import InvalidInput
from seewhy.core.settings import read_toml
from seewhy.core.text import Words
from seewhy.core.types import JsonObject
from seewhy.methods import METHODS
from seewhy.methods.presets import PRESETS
from seewhy.render.display import Display

if TYPE_CHECKING:
    from seewhy.truth import Known

_WHERE = "What to search"
_MUCH = "Budget"


@click.command(
    cls=Sectioned,
    short_help="Search for the settings that explain photos best.",
    epilog="Exit codes: 0 done, 1 failure, 2 wrong usage or input, 130 interrupted.",
)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@click.option(
    "--truth", metavar="PATH", help="Ground truth: a mask (PNG) for one photo, or any format of seewhy evaluate."
)
@click.option("--metric", metavar="NAME", help="Metric to maximize (default iou with ground truth, else srg).")
@click.option("--model", metavar="MODEL", help=f"{MODEL_HELP} (default efficientnet-lite0).")
@click.option(
    "--target",
    metavar="CLASS",
    help="Class to explain: top1, an index or a name (default: the class in --truth, else top1).",
)
@run_options.out("seewhy-tune", "Folder for the files; the same command resumes an interrupted search")
@run_options.as_json
@run_options.quiet
@run_options.seed(None)
@click.option(
    "--seconds",
    cls=Option,
    section=_MUCH,
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Time budget in seconds.",
)
@click.option(
    "--calls", cls=Option, section=_MUCH, type=click.IntRange(min=1), metavar="N", help="Budget of model evaluations."
)
@click.option(
    "--trials",
    cls=Option,
    section=_MUCH,
    type=click.IntRange(min=1),
    metavar="N",
    help="Sampling settings to try (default 30).",
)
@click.option(
    "--n-samples",
    cls=Option,
    section=_MUCH,
    type=click.IntRange(min=2),
    metavar="N",
    help="Samples per explanation (default 512, or as set by the settings or the search space).",
)
@click.option(
    "--method",
    "methods",
    cls=Option,
    section=_WHERE,
    multiple=True,
    metavar="NAME",
    help="May be repeated (default all).",
)
@click.option(
    "--settings",
    "settings_file",
    cls=Option,
    section=_WHERE,
    metavar="FILE.toml",
    help="Settings file to start from and compare with.",
)
@click.option(
    "--preset", cls=Option, section=_WHERE, metavar="NAME", help=f"Named settings to start from: {', '.join(PRESETS)}."
)
@click.option(
    "--space",
    cls=Option,
    section=_WHERE,
    metavar="FILE.toml",
    help="Search space: a file with the tables sampling and free; see docs/tune.md.",
)
@click.option(
    "--free-only",
    cls=Option,
    section=_WHERE,
    is_flag=True,
    help="Sample once, then search only settings that need no model call.",
)
@run_options.groups
@run_options.batch_size
@run_options.background
@run_options.preflight
@model_options
def tune(photos: tuple[str, ...], **given: Any) -> int:
    """Search for the settings that explain the PHOTOs best within a budget; a folder means all photos in it.

    Writes a settings file for seewhy explain, all results as JSON, and a report.

    \b
      seewhy tune photo.jpg --calls 5000
      seewhy tune photos/*.jpg --truth masks/ --metric iou --seconds 600
      seewhy explain photo.jpg --settings seewhy-tune/tune.toml
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy.tune import tune as find

    asked = _asked(given)
    photos, left = photos_of(photos)
    found = find(
        [Path(photo) for photo in photos],
        model=named_model(asked["model"], given["batch_size"]),
        metric=given["metric"],
        truth=None if given["truth"] is None else _known(Path(given["truth"]), photos),
        target=asked["target"],
        start=asked["start"],
        display=asked["display"],
        methods=given["methods"] or None,
        search=not given["free_only"],
        groups=given["groups"],
        seed=asked["seed"],
        out=given["out"],
        progress=False if given["quiet"] else None,
        **_space(given["space"]),
        **{name: given[name] for name in ("n_samples", "seconds", "calls", "batch_size", "background", "preflight")},
        **({} if given["trials"] is None else {"trials": given["trials"]}),
    )
    held = Held(given["out"], "tune.json")
    files = [str(path) for path in found.save(given["out"], asked["model"])]
    left += held.notes(quiet=given["quiet"] and not given["as_json"])
    if given["as_json"]:
        facts = {name: value for name, value in found.to_dict().items() if name != "trials"}  # they are in the file
        say_json(facts | {"files": files, "notes": [*found.notes, *left]})
    elif not given["quiet"]:
        say("\n".join([str(found), *(f"wrote {file}" for file in files), *(f"note: {note}" for note in left)]))
    if found.complete:
        return DONE
    if given["quiet"] or given["as_json"]:
        say("interrupted; run the same command to resume", err=True)
    return signals.exit_code()


def _asked(given: dict[str, Any]) -> JsonObject:
    """Return model, target, seed and what to start from: those of a file or preset, and the flags, which win."""
    if given["preset"] is not None and given["settings_file"] is not None:
        raise InvalidInput(
            "--preset and --settings exclude each other; give one of them",
            setting="--preset",
            rule="not be given with --settings",
        )
    read: JsonObject = {}
    if given["settings_file"] is not None:
        read = read_settings(given["settings_file"])
        check_paths(read.get("method", {}), given["settings_file"])
        read["model"] = model_in(read.get("model"), given["settings_file"], given)
    if given["preset"] is not None:
        if given["preset"] not in PRESETS:
            raise InvalidInput.of("--preset", f"be one of {', '.join(PRESETS)}", given["preset"])
        preset = PRESETS[given["preset"]]
        # The classes of a preset are those that it shows; settings are tuned for one, the truth's or the top one.
        read = {"method": preset.method.to_dict(), "display": preset.display.to_dict()}
    return {
        "model": asked_model(read.get("model"), given),
        "target": _target(given["target"], read.get("targets"), given["settings_file"] or f"preset {given['preset']}"),
        "seed": read.get("seed", 0) if given["seed"] is None else given["seed"],
        "start": read.get("method"),
        "display": Display(**read["display"]) if "display" in read else None,
    }


def _target(given: str | None, read: Any, source: str) -> str | int | None:
    """Return the one class to tune for: the flag's, or that of a file or preset; None: the truth's, else top1."""
    if given is not None:
        return given
    target = read[0] if isinstance(read, list) and len(read) == 1 else read
    if target in (None, "top1"):
        return None
    several = isinstance(target, list) or (
        str(target).removeprefix("top").isdigit() and str(target) not in {"top1", str(target).removeprefix("top")}
    )
    if several:
        raise InvalidInput(
            f"{source} names several targets, {read!r}; choose one with --target",
            setting="--target",
            rule="be one class",
            value=read,
        )
    return target  # type: ignore[no-any-return]  # text or a number, as read_settings has checked


def _space(path: str | None) -> JsonObject:
    """Return what a file says of where to look."""
    if path is None:
        return {}
    read = read_toml(path)
    surplus = set(read) - {"sampling", "free"}
    if surplus:
        raise InvalidInput.of(path, "hold only the tables sampling and free", Words(", ".join(sorted(surplus))))
    for name, table in read.items():
        if not isinstance(table, dict):
            raise InvalidInput.of(f"{path}: {name}", "be a table", table)
    check_paths(read, path)
    free = {name: _with_none(name, values) for name, values in read.get("free", {}).items()}
    return {"sampling": dict(_dotted(read.get("sampling", {}))), "free": free}


def _dotted(table: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def _with_none(name: str, values: Any) -> Any:
    """Return values with None for ``none``, where the setting may be missing: TOML has no word for that."""
    fields = [one.model_fields[name] for one in (Display, *METHODS.values()) if name in one.model_fields]
    optional = any(type(None) in get_args(field.annotation) for field in fields)
    return [None if optional and value == "none" else value for value in values] if isinstance(values, list) else values


def _known(source: Path, photos: tuple[str, ...]) -> list[Known]:
    """Return what a truth says of each photo."""
    from seewhy.truth import Known, MaskPicture, matched, read_truth

    if source.suffix.lower() == ".png" and source.is_file():
        if len(photos) > 1:
            raise InvalidInput.of("--truth", "be a folder, or a file that names the photos, for several photos", source)
        return [Known(source.name, exact=False, marks=MaskPicture(source))]
    names = [PurePath(photo).as_posix() for photo in photos]
    found, _ = matched(read_truth(source)[0], names)
    for photo, name in zip(photos, names, strict=True):
        if name not in found or found[name].marks is None:
            raise InvalidInput(
                f"--truth {source} has no annotation for {photo}",
                setting="--truth",
                rule="annotate each photo",
                value=str(photo),
            )
    return [found[name] for name in names]
