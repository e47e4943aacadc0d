"""``seewhy evaluate``: photos with truth in, grades of methods and settings out."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seewhy.cli import run_options, signals
from seewhy.cli.exit import DONE, FAILED
from seewhy.cli.explain import read_settings
from seewhy.cli.flags import Option, Sectioned
from seewhy.cli.from_files import check_paths
from seewhy.cli.model import MODEL_HELP, model_options, named_models
from seewhy.cli.replaced import Held
from seewhy.cli.run_options import DETAILS
from seewhy.cli.terminal import Printed, Rows, put, say, say_json
from seewhy.core.errors import InvalidInput
from seewhy.core.progress import is_terminal
from seewhy.core.text import Words
from seewhy.core.types import JsonObject
from seewhy.evaluate.asking import DEFAULT_METRICS
from seewhy.methods import METHODS
from seewhy.metrics import BASELINES, METRICS

if TYPE_CHECKING:
    from seewhy.evaluate.result import Evaluation

_LISTS = ("--methods", "--settings", "--metrics", "--baselines", "--model")
_ROWS = 60
"""Rows of the table of photos that are printed."""
_FAULTS = 10


class Listing(Sectioned):
    """A command some of whose options take several words: ``--methods lime rise``."""

    lists: tuple[str, ...] = _LISTS

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each further word, which is what click reads."""
        return super().parse_args(ctx, _repeated(args, self.lists))


def _repeated(args: list[str], lists: Collection[str]) -> list[str]:
    found: list[str] = []
    option, given = "", 0
    for i, word in enumerate(args):
        if word == "--":
            return found + args[i:]
        if word.startswith("-") and len(word) > 1:
            option, given = (word, 0) if word in lists else ("", 0)
        elif option:
            found += [option] if given else []
            given += 1
        found.append(word)
    return found


@click.command(
    cls=Listing,
    short_help="Explain photos by several methods, and grade them.",
    epilog=(
        "Exit codes: 0 done, 1 something failed, 2 wrong usage or input, 130 interrupted; the same command resumes."
    ),
)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTOS...")
@click.option(
    "--truth",
    metavar="TRUTH",
    help=(
        "Ground truth: a folder of PNG masks or Pascal VOC XML, COCO JSON, a JSON list of photos, or a CSV of boxes."
    ),
)
@click.option("--methods", multiple=True, metavar="NAME...", help=f"{', '.join(METHODS)} (default auto).")
@click.option("--settings", multiple=True, metavar="FILE...", help="Settings files written by seewhy explain.")
@click.option(
    "--metrics",
    multiple=True,
    metavar="NAME...",
    help=(f"{', '.join(METRICS)} (default {', '.join(DEFAULT_METRICS)}); seconds and calls are always reported."),
)
@click.option(
    "--model", "models", multiple=True, metavar="MODEL...", help=f"{MODEL_HELP} (default efficientnet-lite0)."
)
@run_options.out("seewhy-evaluation", "Folder of the run; the same command resumes an interrupted run")
@run_options.as_json
@run_options.quiet
@click.option(
    "--baselines",
    cls=Option,
    section=DETAILS,
    multiple=True,
    metavar="NAME...",
    help=f"Baseline maps that do not use the model: {', '.join(BASELINES)}, or none (default all).",
)
@run_options.groups
@run_options.seed()
@run_options.batch_size
@click.option("--retry", cls=Option, section=DETAILS, is_flag=True, help="Retry what failed before.")
@click.option("--parquet", cls=Option, section=DETAILS, is_flag=True, help="Also write the tables as Parquet.")
@click.option(
    "--ray",
    cls=Option,
    section=DETAILS,
    metavar="ADDRESS",
    help="Work on a Ray cluster; local starts one on this machine.",
)
@model_options
def evaluate(photos: tuple[str, ...], **given: Any) -> int:
    """Explain PHOTOS (files or folders) by several methods, and grade the explanations.

    Results are stored in the folder of the run as soon as they are done: the same command resumes an interrupted run.

    \b
      seewhy evaluate photos --truth masks --methods lime rise
      seewhy evaluate photos --truth annotations.json --settings a.toml b.toml --metrics iou ap srg
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy.evaluate import evaluate as evaluated

    held, methods = Held(given["out"], "photos.csv"), _methods(given)
    baselines = given["baselines"] or tuple(BASELINES)
    found = evaluated(
        photos,
        truth=given["truth"],
        methods=methods,
        metrics=given["metrics"] or None,
        model=named_models(given),
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
    _emit(found, given, held.notes(quiet=given["quiet"] and not given["as_json"]))
    if not found.complete:
        say("interrupted; run the same command to resume", err=True)
        return signals.exit_code()
    return FAILED if found.faults else DONE


def _methods(given: dict[str, Any]) -> dict[str, object]:
    """Return methods by their labels."""
    found: dict[str, object] = {name: name for name in given["methods"]}
    files = given["settings"]
    for file in files:
        read = read_settings(file)
        if "method" not in read:
            raise InvalidInput.of(file, "hold a method to be evaluated", Words(", ".join(read) or "nothing"))
        check_paths(read["method"], file)
        label = Path(file).stem
        label = file if label in found or [Path(other).stem for other in files].count(label) > 1 else label
        found[label] = read
    return found or {"auto": "auto"}


def _emit(found: Evaluation, given: dict[str, Any], notes: list[str]) -> None:
    if given["as_json"]:
        say_json(found.to_dict() | {"out": str(found.out), "notes": [*found.notes, *notes]})
    elif not given["quiet"]:
        put(str(_page(found, notes)))
    for photo, why in list(found.faults.items())[:_FAULTS]:
        say(f"error: {'' if why.startswith(photo) else f'{photo}: '}{why}", err=True)
    if len(found.faults) > _FAULTS:
        say(f"error: and {len(found.faults) - _FAULTS} more photos; see photos.csv", err=True)


def _page(found: Evaluation, notes: list[str]) -> Printed:
    """Return the tables: photos, summary, differences; then what was decided, and the files."""
    page = Printed(None) if is_terminal(sys.stdout) else Printed()  # as wide as the terminal, if there is one
    _photos(page, found)
    page.line()
    _summary(page, found)
    _differences(page, found)
    page.lines([*found.notes, *notes], "note: ")
    if not found.complete:
        page.line("note: some grades are missing: the run was interrupted")
    page.line(f"wrote {found.out}: photos.csv, cells.csv, summary.csv, differences.csv, summary.json, summary.html")
    return page


def _photos(page: Printed, found: Evaluation) -> None:
    several = len(found.plan.models) > 1
    table = Rows("photo", *(["model"] if several else []), "contender", "class", overflow="fold")
    names = (*found.metrics, "seconds")
    table.numbers(*names)
    for row in found.rows[:_ROWS]:
        facts = {} if row.explanation is None else row.explanation.facts
        label = f"{facts['label']} ({'truth' if facts['class_from'] == 'truth' else 'top'})" if facts else "-"
        model = [row.model] if several else []
        table.row(row.photo, *model, row.contender, label, *(_number(row.value(name)) for name in names))
    page.table(table)
    if len(found.rows) > _ROWS:
        page.line(f"... and {len(found.rows) - _ROWS} more rows in photos.csv")


def _summary(page: Printed, found: Evaluation) -> None:
    several = len(found.plan.models) > 1
    table = Rows(*(["model"] if several else []), "contender", overflow="fold")
    names = [name for name in found.metrics if name != "iou"]
    iou = ["iou 95 %"] if "iou" in found.metrics else []
    table.numbers("avg_iou", "avg_time", *iou, *names, "photos", "failed")
    for line in found.summary:
        cells = [_number(line["avg_iou"]), _number(line["avg_time"])]
        if "iou" in found.metrics:
            cells.append(_spread(line, "iou"))
        for name in names:
            one = line["metrics"][name]
            cells.append("-" if one is None else f"{_number(one['value'])} {_spread(line, name)}".strip())
        named = [line["model"]] if several else []
        table.row(*named, line["contender"], *cells, str(line["photos"]), str(line["failed"]))
    page.table(table)


def _spread(line: JsonObject, metric: str) -> str:
    """Return the interval of a mean, and of how many photos it is where those are not all that were explained."""
    one = line["metrics"][metric]
    some = "" if one is None or one["photos"] == line["photos"] else f"({one['photos']} of {line['photos']})"
    return f"{_ends(one)} {some}".strip()


def _differences(page: Printed, found: Evaluation) -> None:
    """Print how the others differ from the first contender, on the photos that both have."""
    first = found.plan.contenders[0].label
    several = len(found.plan.models) > 1
    lines = [one for one in found.differences if one["first"] == first]
    if not lines:
        return
    page.line()
    page.line(f"differences from {first}, on the same photos")
    table = Rows(*(["model"] if several else []), "contender", "metric", overflow="fold")
    table.numbers("difference", "95 %", "better", "photos")
    for one in lines:
        named = [one["model"]] if several else []
        better = one["better"] or "?"
        table.row(*named, one["second"], one["metric"], f"{one['value']:+.3g}", _ends(one), better, str(one["photos"]))
    page.table(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) >= 100 else f"{value:.3f}"


def _ends(one: JsonObject | None) -> str:
    return "" if one is None or one["low"] is None else f"[{one['low']:.3f} {one['high']:.3f}]"
