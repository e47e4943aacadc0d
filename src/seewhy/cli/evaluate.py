"""``seewhy evaluate``: photos with truth in, grades of methods and settings out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seewhy.cli import DONE, FAILED, INTERRUPTED, run_options
from seewhy.cli.explain import read_settings
from seewhy.cli.flags import Option, Sectioned
from seewhy.cli.from_files import check_paths
from seewhy.cli.model import MODEL_HELP, asked_model, model_options, named_model
from seewhy.cli.run_options import DETAILS
from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.evaluate.asking import DEFAULT_METRICS
from seewhy.evaluate.plan import NamedModel
from seewhy.methods import METHODS
from seewhy.metrics import BASELINES, METRICS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from seewhy.evaluate.result import Evaluation

_LISTS = ("--methods", "--settings", "--metrics", "--baselines", "--model")
_ROWS = 60
"""Rows of the table of photos that are printed."""
_FAULTS = 10


class Listing(Sectioned):
    """A command some of whose options take several words: ``--methods lime rise``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each further word, which is what click reads."""
        return super().parse_args(ctx, _repeated(args))


def _repeated(args: list[str]) -> list[str]:
    found: list[str] = []
    option, given = "", 0
    for i, word in enumerate(args):
        if word == "--":
            return found + args[i:]
        if word.startswith("-") and len(word) > 1:
            option, given = (word, 0) if word in _LISTS else ("", 0)
        elif option:
            found += [option] if given else []
            given += 1
        found.append(word)
    return found


@click.command(
    cls=Listing,
    epilog="Exit codes: 0 done, 1 something failed, 2 wrong usage or input, 130 interrupted; the same call goes on.",
)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTOS...")
@click.option(
    "--truth",
    metavar="TRUTH",
    help="Where the objects are: a folder of PNG masks or of Pascal VOC XML, COCO JSON, a JSON list of photos, a CSV "
    "of boxes.",
)
@click.option("--methods", multiple=True, metavar="NAME...", help=f"{', '.join(METHODS)} (default auto).")
@click.option("--settings", multiple=True, metavar="FILE...", help="Methods with settings, as explain writes them.")
@click.option(
    "--metrics",
    multiple=True,
    metavar="NAME...",
    help=f"{', '.join(METRICS)} (default {', '.join(DEFAULT_METRICS)}); seconds and calls are always there.",
)
@click.option(
    "--model", "models", multiple=True, metavar="MODEL...", help=f"{MODEL_HELP} (default efficientnet-lite0)."
)
@run_options.out("seewhy-evaluation", "Folder of the run; the same call again does what is missing")
@run_options.as_json
@run_options.quiet
@click.option(
    "--baselines",
    cls=Option,
    section=DETAILS,
    multiple=True,
    metavar="NAME...",
    help=f"Maps that know nothing of the model: {', '.join(BASELINES)}, or none (default all).",
)
@run_options.groups
@run_options.seed()
@run_options.batch_size
@click.option("--retry", cls=Option, section=DETAILS, is_flag=True, help="Try what failed before once more.")
@click.option("--parquet", cls=Option, section=DETAILS, is_flag=True, help="Write the tables as Parquet too.")
@click.option(
    "--ray",
    cls=Option,
    section=DETAILS,
    metavar="ADDRESS",
    help="Work on a Ray cluster; local starts one on this machine.",
)
@model_options
def evaluate(photos: tuple[str, ...], **given: Any) -> int:
    """Explain PHOTOS, files or folders, by several methods, and grade what they say.

    Everything is stored in the folder of the run as soon as it is done: the same call goes on where it was stopped.

    \b
      seewhy evaluate photos --truth masks --methods lime rise
      seewhy evaluate photos --truth annotations.json --settings a.toml b.toml --metrics iou ap srg
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy.evaluate import evaluate as evaluated

    methods = _methods(given)
    baselines = given["baselines"] or tuple(BASELINES)
    found = evaluated(
        photos,
        truth=given["truth"],
        methods=methods,
        metrics=given["metrics"] or None,
        model=_models(given),
        baselines=() if baselines == ("none",) else baselines,
        groups=given["groups"],
        seed=given["seed"],
        batch_size=given["batch_size"],
        out=given["out"],
        parquet=given["parquet"],
        ray=given["ray"],
        retry=given["retry"],
        progress=False if given["quiet"] else None,
    )
    _emit(found, given)
    if not found.complete:
        click.echo("interrupted; the same call goes on", err=True)
        return INTERRUPTED
    return FAILED if found.faults else DONE


def _methods(given: dict[str, Any]) -> dict[str, object]:
    """Return methods by their labels."""
    found: dict[str, object] = {name: name for name in given["methods"]}
    files = given["settings"]
    for file in files:
        read = read_settings(file)
        if "method" not in read:
            raise InvalidInput(f"{file} must hold a method to be evaluated, got {', '.join(read) or 'nothing'}")
        check_paths(read["method"], file)
        label = Path(file).stem
        label = file if label in found or [Path(other).stem for other in files].count(label) > 1 else label
        found[label] = read
    return found or {"auto": "auto"}


def _models(given: dict[str, Any]) -> list[NamedModel]:
    """Return the models; what is said about one holds for all."""
    asked = [asked_model(None, given | {"model": name}) for name in given["models"] or (None,)]
    return [NamedModel("", named_model(one, given["batch_size"]), one) for one in asked]


def _emit(found: Evaluation, given: dict[str, Any]) -> None:
    if given["as_json"]:
        click.echo(json.dumps(found.to_dict() | {"out": str(found.out)}, allow_nan=False))
        return
    if not given["quiet"]:
        click.echo(_text(found), nl=False)
    for photo, why in list(found.faults.items())[:_FAULTS]:
        click.echo(f"error: {'' if why.startswith(photo) else f'{photo}: '}{why}", err=True)
    if len(found.faults) > _FAULTS:
        click.echo(f"error: and {len(found.faults) - _FAULTS} more photos; see photos.csv", err=True)


def _text(found: Evaluation) -> str:
    """Return the tables: photos, summary, differences; then what was decided, and the files."""
    from rich.console import Console

    # As wide as the terminal where there is one; in a pipe nothing is cut or folded.
    width = None if sys.stdout.isatty() else 1000
    console = Console(markup=False, emoji=False, highlight=False, width=width)
    with console.capture() as text:
        _photos(console, found)
        console.print()
        _summary(console, found)
        _differences(console, found)
        for note in found.notes:
            console.print(f"note: {note}")
        if not found.complete:
            console.print("note: some grades are missing: the run was interrupted")
        console.print(f"wrote {found.out}: photos.csv, cells.csv, summary.csv, differences.csv, summary.json")
    return text.get()


def _table(*left: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in left:
        table.add_column(name, overflow="fold")
    return table


def _photos(console: Console, found: Evaluation) -> None:
    several = len(found.plan.models) > 1
    table = _table("photo", *(["model"] if several else []), "contender", "class")
    names = (*found.metrics, "seconds")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.rows[:_ROWS]:
        facts = {} if row.explanation is None else row.explanation.facts
        label = f"{facts['label']} ({'truth' if facts['class_from'] == 'truth' else 'top'})" if facts else "-"
        model = [row.model] if several else []
        table.add_row(row.photo, *model, row.contender, label, *(_number(row.value(name)) for name in names))
    console.print(table)
    if len(found.rows) > _ROWS:
        console.print(f"... and {len(found.rows) - _ROWS} more rows in photos.csv")


def _summary(console: Console, found: Evaluation) -> None:
    several = len(found.plan.models) > 1
    table = _table(*(["model"] if several else []), "contender")
    names = [name for name in found.metrics if name != "iou"]
    shown = ["avg_iou", "avg_time", *(["iou 95 %"] if "iou" in found.metrics else []), *names, "photos", "failed"]
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for line in found.summary:
        cells = [_number(line["avg_iou"]), _number(line["avg_time"])]
        if "iou" in found.metrics:
            cells.append(_spread(line, "iou"))
        for name in names:
            one = line["metrics"][name]
            cells.append("-" if one is None else f"{_number(one['value'])} {_spread(line, name)}".strip())
        named = [line["model"]] if several else []
        table.add_row(*named, line["contender"], *cells, str(line["photos"]), str(line["failed"]))
    console.print(table)


def _spread(line: JsonObject, metric: str) -> str:
    """Return the interval of a mean, and of how many photos it is where those are not all that were explained."""
    one = line["metrics"][metric]
    some = "" if one is None or one["photos"] == line["photos"] else f"({one['photos']} of {line['photos']})"
    return f"{_ends(one)} {some}".strip()


def _differences(console: Console, found: Evaluation) -> None:
    """Print how the others differ from the first contender, on the photos that both have."""
    first = found.plan.contenders[0].label
    several = len(found.plan.models) > 1
    lines = [one for one in found.differences if one["first"] == first]
    if not lines:
        return
    console.print(f"\ndifferences from {first}, on the same photos")
    table = _table(*(["model"] if several else []), "contender", "metric")
    for name in ("difference", "95 %", "better", "photos"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in lines:
        named = [one["model"]] if several else []
        better = one["better"] or "?"
        table.add_row(
            *named, one["second"], one["metric"], f"{one['value']:+.3g}", _ends(one), better, str(one["photos"])
        )
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) >= 100 else f"{value:.3f}"


def _ends(one: JsonObject | None) -> str:
    return "" if one is None or one["low"] is None else f"[{one['low']:.3f} {one['high']:.3f}]"
