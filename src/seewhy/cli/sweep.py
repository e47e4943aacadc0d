"""``seewhy sweep``: several values of settings of a method, as a grid of maps and a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seewhy.cli import run_options
from seewhy.cli.evaluate import Listing
from seewhy.cli.exit import DONE, FAILED
from seewhy.cli.flags import Flag, Option, method_flags, settings_of
from seewhy.cli.model import MODEL_HELP, asked_model, model_options, named_model
from seewhy.cli.run_options import DETAILS
from seewhy.cli.terminal import Printed, Rows, put, say, say_json
from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.methods import METHODS
from seewhy.render.numbers import as_percent

_FLAGS: list[Flag] = method_flags()


class _Swept(Listing):
    lists = tuple(flag.name for flag in _FLAGS)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember the order of the flags: the figure has it too."""
        ctx.meta[__name__] = list(dict.fromkeys(word.partition("=")[0] for word in args))
        return super().parse_args(ctx, args)


def _flags(command: Any) -> Any:
    for flag in reversed(_FLAGS):
        command = click.option(
            flag.name, flag.key, multiple=True, cls=Option, section=flag.section, metavar="VALUE...", help=flag.help
        )(command)
    return command


@click.command(cls=_Swept, short_help="Compare maps under several values of settings.")
@click.argument("photo", type=click.Path(exists=True, dir_okay=False), metavar="PHOTO")
@click.option("--method", "method_name", metavar="NAME", default="rise", help="Method (default rise).")
@click.option("--model", metavar="MODEL", help=MODEL_HELP)
@run_options.out("seewhy-sweep", "Folder for sweep.png and sweep.json")
@run_options.as_json
@run_options.quiet
@click.option("--target", cls=Option, section=DETAILS, metavar="CLASS", default="top1",
              help="Class to explain (default top1).")  # fmt: skip
@run_options.seed()
@run_options.batch_size
@_flags
@model_options
def sweep(photo: str, method_name: str, out: Path, *, as_json: bool, quiet: bool, **given: Any) -> int:
    """Explain PHOTO under every combination of values of one to three settings; one figure and one table.

    Settings with one value stay. What can be read from the same samples needs no further model calls.

    \b
      seewhy sweep photo.jpg --method rise --grid 4 8 16 --keep 0.1 0.5 --n-samples 250 1000 4000
      seewhy sweep photo.jpg --method lime --n-samples 500 --fill black gray white segment-mean
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy.tune.sweeping import SweepPlan, said
    from seewhy.tune.sweeping import sweep as run

    method, settings = _asked(method_name, given)

    def told(plan: SweepPlan) -> None:
        if not quiet and not as_json:
            say(plan.text, err=True)

    found = run(
        photo,
        model=named_model(asked_model(None, given), given["batch_size"]),
        method=method,
        target=given["target"],
        seed=given["seed"] or 0,
        batch_size=given["batch_size"],
        progress=False if quiet or as_json else None,
        told=told,
        **settings,
    )
    code = DONE if any(cell.explanation is not None for cell in found.cells) else FAILED
    if code == FAILED:
        raise InvalidInput.of("settings", "give at least one map", found.cells[0].reason)
    files = [str(path) for path in found.write(out)]
    if as_json:
        say_json(found.to_dict())
    elif not quiet:
        page, table = Printed(), Rows(*settings)
        table.numbers("samples", "error")
        for cell, row in zip(found.cells, found.rows(), strict=True):
            error = row["why"] or ("unknown" if row["error"] is None else as_percent(row["error"]))
            table.row(*(said(value) for value in cell.values.values()), str(row["samples"]), error)
        page.table(table)
        page.line(f"{found.calls} model calls")
        page.lines(files, "wrote ")
        put(str(page))
    return code


def _asked(name: str, given: dict[str, Any]) -> tuple[Any, dict[str, list[Any]]]:
    """Return the method with the settings that stay, and lists of values of those that are swept."""
    if name not in METHODS or name == "auto":
        raise InvalidInput.of("--method", f"be one of {', '.join(one for one in METHODS if one != 'auto')}", name)
    base: JsonObject = METHODS[name]().to_dict()
    single = {flag.key: given[flag.key][0] for flag in _FLAGS if len(given[flag.key]) == 1}
    start: Any = METHODS[name]()
    free: frozenset[str] = start.free
    typed: list[str] = click.get_current_context().meta[__name__]
    several = (flag for flag in _FLAGS if len(given[flag.key]) > 1)
    # What costs nothing stands in the columns, so that a row is one run; else as it was typed.
    swept = sorted(several, key=lambda flag: (flag.place[0] in free, typed.index(flag.name)))
    if not swept:
        raise InvalidInput(
            "give at least one setting with several values, such as --grid 4 8 16",
            setting="settings", rule="have several values",
        )  # fmt: skip
    places = [flag.place[0] for flag in swept]
    for flag in swept:
        if places.count(flag.place[0]) > 1:
            raise InvalidInput.of(flag.name, f"be the only setting of {flag.place[0]} with several values", flag.name)
    lists = {
        flag.place[0]: [
            getattr(settings_of(base, single | {flag.key: text}, _FLAGS), flag.place[0]) for text in given[flag.key]
        ]
        for flag in swept
    }
    return settings_of(base, single, _FLAGS), lists
