"""``seewhy check``: what must hold of a model before its explanations are believed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from seewhy.cli import run_options
from seewhy.cli.exit import DONE, FAILED
from seewhy.cli.flags import Sectioned
from seewhy.cli.model import asked_model, model_options, named_model
from seewhy.cli.terminal import say, say_json


@click.command(
    cls=Sectioned,
    short_help="Check a model before you explain with it.",
    epilog="Exit codes: 0 no warnings, 1 warnings or failure, 2 wrong usage or input.",
)
@click.argument("model", metavar="MODEL")
@click.argument("photo", required=False, metavar="[PHOTO]")
@run_options.batch_size
@run_options.seed()
@run_options.as_json
@model_options
def check(model: str, photo: str | None, batch_size: int | None, seed: int, *, as_json: bool, **given: Any) -> int:
    """Check MODEL on PHOTO (default: a cat) before you explain with it.

    Evaluates the same few images alone, in a batch and repeatedly. Tests output shapes, dependence on the batch,
    changes from call to call, the score type, the input range, and the error of a compiled model.

    \b
      seewhy check torchvision:resnet50 photo.jpg
      seewhy check onnx:model.onnx --preprocessing imagenet --labels imagenet
    """  # noqa: D301  # \b keeps click from joining the lines
    from seewhy import api

    black_box = named_model(asked_model(model, given), batch_size)
    found = api.check(black_box, None if photo is None else Path(photo), seed=seed, batch_size=batch_size)
    if as_json:
        say_json(asdict(found) | {"fine": found.fine})
    else:
        say(str(found))
    return DONE if found.fine else FAILED
