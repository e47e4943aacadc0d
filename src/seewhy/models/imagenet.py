"""Names of the 1000 classes of ImageNet-1k, by index.

Source: ``_IMAGENET_CATEGORIES`` of torchvision 0.28.0 (``torchvision/models/_meta.py``, BSD 3-Clause), itself
the first of the WordNet synonyms of each class.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

# Two of torchvision's names differ only in a capital: the dog 264 "Cardigan" and the garment 474 "cardigan".
# Here the dog has its other WordNet synonym, "Cardigan Welsh corgi". All else is torchvision's, unchanged.

BACKGROUND = "background"
"""The first of 1001 classes."""


@cache
def labels() -> tuple[str, ...]:
    """Return the names; no two are equal, whatever the case."""
    text = files("seewhy.models").joinpath("imagenet_classes.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def labels_for(classes: int | None) -> tuple[str, ...]:
    """Return the names for a network of so many classes: of 1001 the first is a background, as TensorFlow has it."""
    found = labels()
    return (BACKGROUND, *found) if classes == 1 + len(found) else found
