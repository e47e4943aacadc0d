"""How a result is shown: the settings that cost nothing to change."""

from typing import Annotated

from seewhy.core.settings import Settings, setting
from seewhy.core.types import Sign


class Display(Settings):
    """Which regions a figure shows, and how it shows the rest."""

    regions: Annotated[int, setting("segments shown, strongest first", ge=1, le=10_000)] = 5
    share: Annotated[
        float | None,
        setting(
            "share of the seen pixels shown, for maps; not given: 0.2, for ensemble-lime Otsu's threshold", gt=0, le=1
        ),
    ] = None
    sign: Annotated[
        Sign, setting("positive supports, negative contradicts; auto: both for segments, positive for maps")
    ] = "auto"
    hide_rest: Annotated[bool, setting("show the chosen regions alone")] = False
