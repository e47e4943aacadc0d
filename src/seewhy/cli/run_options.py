"""Options that several commands take, in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from seewhy.cli.flags import Option
from seewhy.images import MAX_PIXELS, Reading

DETAILS = "Details of the run"

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
quiet = click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors; no progress bar.")
batch_size = click.option(
    "--batch-size",
    cls=Option,
    section=DETAILS,
    type=click.IntRange(min=1),
    metavar="N",
    help="Images per model call (default: chosen for the model).",
)
background = click.option(
    "--background",
    cls=Option,
    section=DETAILS,
    metavar="COLOR",
    default="white",
    help="Background of transparent photos (default white).",
)
_READING = [
    background,
    click.option(
        "--scale",
        cls=Option,
        section=DETAILS,
        metavar="WHITE",
        help="Value of white, such as 4095 or 12-bit (default: 255 for 8 bits, 65535 for 16 bits).",
    ),
    click.option(
        "--page",
        cls=Option,
        section=DETAILS,
        type=click.IntRange(min=1),
        metavar="N",
        help="Page of a TIFF, or frame of a GIF, PNG or WebP (default 1).",
    ),
    click.option(
        "--max-pixels",
        cls=Option,
        section=DETAILS,
        type=click.IntRange(min=4),
        metavar="N",
        default=MAX_PIXELS,
        help=f"Maximum pixels per photo, checked before decoding (default {MAX_PIXELS}).",
    ),
]


def reading(command: Any) -> Any:
    """Give a command the flags that say how photos are read."""
    for flag in reversed(_READING):
        command = flag(command)
    return command


def reading_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return what those flags say, by the names of :class:`seewhy.images.Reading`; checked."""
    told = {name: given[name] for name in ("background", "scale", "page", "max_pixels")}
    Reading(**told).check()
    return told


overwrite = click.option(
    "--overwrite",
    cls=Option,
    section=DETAILS,
    is_flag=True,
    help="Replace files of another run with the same name (default: number the new ones).",
)
verdict = click.option(
    "--verdict/--no-verdict",
    cls=Option,
    section=DETAILS,
    default=True,
    help="Evaluate the supporting region alone, and the photo without it, for the verdict (6 evaluations; default).",
)
preflight = click.option(
    "--preflight/--no-preflight",
    cls=Option,
    section=DETAILS,
    default=True,
    help="Check the model first (default yes); see seewhy check.",
)
groups = click.option(
    "--groups",
    cls=Option,
    section=DETAILS,
    metavar="HOW",
    default="auto",
    help=(
        "Photos to treat as one group: auto (from the ground truth, else sequences and near "
        "copies), name (same name except for a number), folder, none, or a CSV file with the "
        "columns file and group (default auto)."
    ),
)


def out(folder: str = "seewhy-out", meaning: str = "Folder for the files") -> Callable[[Any], Any]:
    """Return the option of the folder that a command writes to."""
    first, _, rest = meaning.partition(";")
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=Path(folder),
        metavar="FOLDER",
        help=f"{first} (default {folder}){';' if rest else ''}{rest}.",
    )


def seed(default: int | None = 0) -> Callable[[Any], Any]:
    """Return the option of the seed; None where a file may say another one than 0."""
    help_ = "Seed of everything random (default 0)."
    return click.option("--seed", type=click.IntRange(min=0), default=default, metavar="N", help=help_)
