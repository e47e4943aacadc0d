"""Hugging Face's hub, asked without progress bars, and not again and again where it cannot be reached."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from seewhy.core.errors import ModelError
from seewhy.models.compiled.assembly import one_line
from seewhy.models.extras import need

_PATIENCE = 10.0
"""Seconds for the hub to answer at all."""


@contextmanager
def hub(extra: str, *, files: bool) -> Iterator[None]:
    """Load something by a library that asks the hub.

    Its bars are away until then. Where the hub does not answer, the caches alone are looked into: libraries would try
    for half a minute first, each file anew.

    Parameters
    ----------
    extra
        What the library comes with.
    files
        Whether files of the hub may be needed.

    Raises
    ------
    ModelError
        As raised inside, with why the hub could not be reached.
    """
    with ExitStack() as restored:
        _silence(restored, extra)
        constants = need("huggingface_hub.constants", extra)
        why = _unreachable(constants, extra) if files and not constants.HF_HUB_OFFLINE else ""
        if why:
            restored.callback(setattr, constants, "HF_HUB_OFFLINE", constants.HF_HUB_OFFLINE)
            constants.HF_HUB_OFFLINE = True
        try:
            yield
        except ModelError as error:
            if not why:
                raise
            raise ModelError(
                f"{error} ({constants.ENDPOINT} does not respond: {why})",
                setting="model",
                rule="be within reach",
                value=constants.ENDPOINT,
            ) from error


def _unreachable(constants: Any, extra: str) -> str:
    """Return why the hub cannot be reached; empty if it answers, whatever it says."""
    try:
        need("huggingface_hub.utils", extra).get_session().head(constants.ENDPOINT, timeout=_PATIENCE)
    except Exception as error:  # noqa: BLE001  # whichever library it asks by
        return one_line(error) or type(error).__name__
    return ""


def _silence(restored: ExitStack, extra: str) -> None:
    """Switch off the bars of the hub and of transformers, until ``restored`` is closed."""
    hub_utils = need("huggingface_hub.utils", extra)
    if need("huggingface_hub.constants", extra).HF_HUB_DISABLE_PROGRESS_BARS is False:
        return  # whoever runs this has asked for them, and nobody else may switch them off
    if not hub_utils.are_progress_bars_disabled():
        hub_utils.disable_progress_bars()
        restored.callback(hub_utils.enable_progress_bars)
    else:
        restored.callback(hub_utils.disable_progress_bars)  # since transformers switches both on
    bars: Any = sys.modules.get("transformers.utils.logging")
    if bars is not None and bars.is_progress_bar_enabled():
        bars.disable_progress_bar()
        restored.callback(bars.enable_progress_bar)
