"""``seewhy report``: result files in, one HTML page out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seewhy.cli import run_options
from seewhy.cli.again import asked_before
from seewhy.cli.exit import DONE
from seewhy.cli.explain import display_of
from seewhy.cli.flags import Sectioned
from seewhy.cli.terminal import say
from seewhy.cli.writer import new_file, page_bytes


@click.command(cls=Sectioned, short_help="Write one HTML page about results.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False), metavar="FILE...")
@click.option("--regions", metavar="N", help="Segments marked at first, strongest first (default: as in each run).")
@click.option("--share", metavar="SHARE", help="Share of a map marked at first (default: as in each run).")
@run_options.out()
@run_options.overwrite
@run_options.quiet
def report(files: tuple[str, ...], out: Path, *, overwrite: bool, quiet: bool, **given: Any) -> int:
    """Write one HTML page about result FILEs; the model is not needed.

    The page holds everything it shows: it can be mailed, printed and read without a connection.

    \b
      seewhy report seewhy-out/photo.lime.seewhy
      seewhy report seewhy-out/*.seewhy --out reports
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy.explanation.loading import load
    from seewhy.explanation.report import report as written

    given |= {"sign": None, "hide_rest": None}
    results = [(load(file), display_of(given, asked_before(file).get("display"))) for file in files]
    name = Path(files[0]).name.removesuffix(".seewhy") if len(files) == 1 else "report"
    path, note = new_file(out, name, ".html", page_bytes(written(results)), overwrite=overwrite)
    if not quiet:
        say(f"wrote {path}")
        if note:
            say(f"note: {note}")
    return DONE
