"""Which class of a photo is explained, where the truth names those that are right."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Floats, Scores
from seewhy.truth.known import Known
from seewhy.truth.names import index_of


def right_classes(known: Known | None, classes: int, labels: tuple[str, ...] | None) -> list[int]:
    """Return the right classes that the model has, by index; names that it does not have are passed over.

    Raises
    ------
    InvalidInput
        An index is beyond the model's ``classes``.
    """
    if known is None:
        return []
    return [i for one in known.classes if (i := _index(one, classes, labels)) is not None]


def class_of(known: Known | None, scores: Scores | Floats, labels: tuple[str, ...] | None) -> int:
    """Return the class to explain: the photo's own; of several that are right the strongest; else the model's top.

    Parameters
    ----------
    scores
        (K,): what the model answers to the whole photo.
    """
    right = right_classes(known, len(scores), labels)
    if not right:
        return int(np.argmax(scores))
    return right[0] if known is not None and known.sure else max(right, key=lambda i: (scores[i], -i))


def of_others(photos: Iterable[str]) -> list[str]:
    """Return what people should hear of photos in which only objects of other classes are marked."""
    found = list(dict.fromkeys(photos))
    if not found:
        return []
    many = f"{len(found)} photos, such as {found[0]}" if len(found) > 1 else found[0]
    return [f"the ground truth marks no object of the explained class in {many}; all marked objects are used instead"]


def _index(one: int | str, classes: int, labels: tuple[str, ...] | None) -> int | None:
    if isinstance(one, int) and one >= classes:
        raise InvalidInput.of("the truth", f"name classes of the model, 0 to {classes - 1}", one)
    return index_of(one, labels)
