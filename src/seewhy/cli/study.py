"""``seewhy study``: which setting explains a photo best, and where else it fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seewhy.cli import run_options, signals
from seewhy.cli.exit import DONE, FAILED
from seewhy.cli.flags import Option, Sectioned
from seewhy.cli.model import MODEL_HELP, model_options, named_models
from seewhy.cli.replaced import Held
from seewhy.cli.run_options import DETAILS
from seewhy.cli.terminal import Printed, Rows, put, say, say_json
from seewhy.core.errors import InvalidInput

if TYPE_CHECKING:
    from seewhy.study.result import Study

_METRICS = "srg, sufficiency, insertion; with --truth also iou, best-iou, ap, pointing, energy"
_FAULTS = 10
"""Lines of what went wrong that are printed."""
_EXAMPLE: dict[str, Any] = {
    "photos": (),
    "kinds": (),
    "models": ("efficientnet-lite0", "efficientnet-lite1"),
    "menu": "small",
    "n_samples": 250,
    "groups": "name",
}
"""What ``--example`` says where nothing else is said."""


@click.command(
    cls=Sectioned,
    short_help="Find the best setting for each photo; test transfer.",
    epilog="Exit codes: 0 done, 1 failure, 2 wrong usage or input, 130 interrupted.",
)
@click.argument("photos", nargs=-1, metavar="[PHOTO_OR_FOLDER]...")
@click.option(
    "--class", "kinds", multiple=True, metavar="NAME=PATH", help="Photos of a class, a folder or a file; repeatable."
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="[NAME=]MODEL",
    help=f"{MODEL_HELP}; repeatable, for questions 4 and 5. NAME=MODEL names it in tables.",
)
@click.option(
    "--metric", metavar="NAME", default="srg", help=f"Metric that compares settings (default srg): {_METRICS}."
)
@click.option(
    "--menu",
    metavar="MENU",
    help="Settings to compare: small, usual (default), FILE.toml, or a file written by seewhy tune.",
)
@click.option("--n-samples", type=int, metavar="N", help="Samples per sampling setting (default 500).")
@click.option("--example", is_flag=True, help="Run on twelve scikit-image photos, two models and a small menu.")
@run_options.out("seewhy-study", "Folder for page, JSON and what is done so far")
@run_options.as_json
@run_options.quiet
@click.option("--target", cls=Option, section=DETAILS, metavar="CLASS", default="top1",
              help="Class to explain (default top1: each model's own prediction).")  # fmt: skip
@click.option("--truth", cls=Option, section=DETAILS, metavar="PATH", help="Ground truth: masks or boxes.")
@run_options.groups
@run_options.seed()
@run_options.batch_size
@model_options
def study(photos: tuple[str, ...], out: Path, *, as_json: bool, quiet: bool, **given: Any) -> int:
    """Find the best setting for each photo, and test whether it transfers.

    The class of a photo is the name of its folder. Answers five questions with numbers: which setting explains this
    photo best, does it also suit another photo of the class, another class, and another model, and is one model
    explained better than the others? To resume an interrupted study, run the same command again.

    \b
      seewhy study --example
      seewhy study photos/bear photos/elephant --model keras:Xception --model keras:ResNet50V2
      seewhy study --class bear=one.jpg --class bear=two.jpg --class cat=three.jpg --metric sufficiency
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy.study import study as run

    given["photos"] = photos
    if given.pop("example"):
        given = _of_example(given, out)
    settings = {name: given[name] for name in ("metric", "truth", "target", "seed", "batch_size")}
    settings |= {name: given[name] for name in ("menu", "n_samples", "groups") if given[name] is not None}
    models = named_models(given)
    found = run(_photos(given), model=models, out=out, progress=False if quiet or as_json else None, **settings)
    held = Held(out, "study.json")
    files = [str(path) for path in found.write(out)]
    notes = held.notes(quiet=quiet and not as_json)
    if as_json:
        say_json(found.to_dict() | {"notes": [*found.notes, *notes]})
    elif not quiet:
        _emit(found, files, notes)
    code = _code(found)
    if code == FAILED:
        _say_faults(found)
    elif code != DONE and (quiet or as_json):
        say("interrupted; run the same command to resume", err=True)
    return code


def _of_example(given: dict[str, Any], out: Path) -> dict[str, Any]:
    """Return what was given, with the example's photos, and its settings where nothing was said."""
    from seewhy.study.example import write_example

    if given["photos"] or given["kinds"]:
        raise InvalidInput(
            "--example brings its own photos; leave out yours", setting="--example", rule="not be given with photos"
        )
    given = {name: _EXAMPLE.get(name, value) if value in (None, ()) else value for name, value in given.items()}
    return given | {"photos": (str(write_example(out / "photos")),)}


def _photos(given: dict[str, Any]) -> Any:
    """Return photos, or photos by class."""
    if not given["kinds"]:
        if not given["photos"]:
            raise InvalidInput(
                "no photos given; name files or folders, or use --class NAME=PATH or --example",
                setting="PHOTO_OR_FOLDER",
                rule="be given",
            )
        return list(given["photos"])
    if given["photos"]:
        raise InvalidInput(
            "give photos either as --class NAME=PATH or as files and folders, not both",
            setting="--class",
            rule="not be given with files or folders",
        )
    kinds: dict[str, list[str]] = {}
    for text in given["kinds"]:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise InvalidInput.of("--class", "be NAME=PATH", text)
        kinds.setdefault(name, []).append(path)
    return kinds


def _code(found: Study) -> int:
    if not found.complete:
        return signals.exit_code()
    judged = bool((found.tensor.best >= 0).any())
    return DONE if judged and not found.faults.photos else FAILED


def _emit(found: Study, files: list[str], notes: list[str]) -> None:
    """Print the best settings, the answers, and the files."""
    page, table = Printed(), Rows("photo", "class", "model", "best setting")
    table.numbers("score", "default")
    kinds = dict(zip(found.photos, found.kinds, strict=True))
    for row in found.to_dict()["best"]:
        scores = ["-" if row[name] is None else f"{row[name]:.3f}" for name in ("score", "default")]
        table.row(row["photo"], kinds[row["photo"]], row["model"], row["setting"] or "-", *scores)
    page.table(table)
    page.lines(["", found.plan.rule.text, ""])
    for i, one in enumerate(found.questions, 1):
        page.lines([f"Q{i} {one.question}", f"   {one.word}. {one.text}"])
    page.lines(found.failed_in_brief, "not judged: ")
    page.lines([*found.notes, *notes], "note: ")
    if not found.complete:
        page.line("interrupted; run the same command to resume")
    page.lines(files, "wrote ")
    put(str(page))


def _say_faults(found: Study) -> None:
    """Say on stderr why the command fails, also where nothing else is printed."""
    faults = found.failed_in_brief or ["no photo could be judged"]
    for fault in faults[:_FAULTS]:
        say(f"error: {fault}", err=True)
    if len(faults) > _FAULTS:
        say(f"error: and {len(faults) - _FAULTS} more; see study.json", err=True)
