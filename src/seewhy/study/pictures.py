"""The pictures of the page: each photo with its default and its best explanation, small, as data URIs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seewhy.core.types import JsonObject
from seewhy.evaluate.store import Store
from seewhy.explanation.explanation import Explanation
from seewhy.study.menu import StudySetting
from seewhy.study.plan import Sitting, StudyPlan
from seewhy.study.tensor import Tensor
from seewhy.study.work import read, refitted

MOST = 12
"""Photos of which the page shows pictures."""
_LONGEST = 220
"""Pixels of a picture's longer side."""
_BYTES = 20_000
"""Bytes that it may take."""


@dataclass(frozen=True)
class Shown:
    """A small picture of the page, with what it is."""

    caption: str
    alt: str
    source: str
    """Data URI."""
    width: int
    height: int


def pictures(
    plan: StudyPlan, store: Store, tensor: Tensor, answers: Mapping[tuple[str, str], JsonObject]
) -> dict[tuple[str, str], tuple[Shown, ...]]:
    """Return the pictures of the first photos, by photo and model: the photo, the default, the best."""
    views: dict[tuple[str, str], tuple[Shown, ...]] = {}
    for i, sitting in enumerate(plan.sittings()):
        p, m = divmod(i, len(plan.models))
        if p >= MOST:
            break
        if tensor.best[m, p] < 0:
            continue
        best = plan.menu.settings[tensor.best[m, p]]
        place = (sitting.photo.photo.name, sitting.model.label)
        bare = not any(photo == place[0] for photo, _ in views)  # the photo itself is shown once
        shown = _of_sitting(sitting, store, plan, best, answers[place]["label"], bare=bare)
        if shown:
            views[place] = shown
    return views


def _of_sitting(
    sitting: Sitting, store: Store, plan: StudyPlan, best: StudySetting, label: str, *, bare: bool
) -> tuple[Shown, ...]:
    drawn: list[Shown] = []
    name = sitting.photo.photo.name
    wanted = {"Default": plan.menu.default, "Best": best} if best != plan.menu.default else {"Default and best": best}
    for word, setting in wanted.items():
        explanation = read(store.explanation(sitting.explanations[setting.sampling]))
        if explanation is None:
            continue
        if bare and not drawn:
            drawn.append(_shown("Photo", f"The photo {name}", explanation.image.rgb8()))
        fitted = refitted(explanation, setting)
        what = "the region shown" if plan.rule.region else "blue supports the class, orange contradicts it"
        alt = f"{word} setting ({setting.label}) on {name} under {sitting.model.label}, class {label}: {what}"
        drawn.append(_shown(f"{word}: {setting.label}", alt, _painted(fitted, setting, region=plan.rule.region)))
    return tuple(drawn)


def _painted(explanation: Explanation, setting: StudySetting, *, region: bool) -> np.ndarray:
    """Paint what the metric judges: the region, or the map."""
    from seewhy.render import heat_over, mask_over

    photo = explanation.image.rgb8()
    if region:
        display = setting.display
        return mask_over(photo, explanation.region(display.regions, sign=display.sign, share=display.share))
    heatmap = explanation.evidence()
    seen = None if explanation.view.whole else explanation.seen
    return heat_over(photo, heatmap, float(np.abs(heatmap).max()), seen)


def _shown(caption: str, alt: str, picture: np.ndarray) -> Shown:
    from seewhy.render.pages import embedded

    return Shown(caption, alt, *embedded(picture, _LONGEST, _BYTES))
