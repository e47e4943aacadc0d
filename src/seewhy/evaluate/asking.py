"""From what was handed in to a plan: photos are found, contenders and metrics named, the truth read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seewhy.api import loaded
from seewhy.core.errors import ImageError, InvalidInput
from seewhy.core.settings import Settings
from seewhy.core.text import Words
from seewhy.core.types import FilePath
from seewhy.evaluate.grouping import Grouping, Independence, check_groups, grouped_by
from seewhy.evaluate.identity import digest_of
from seewhy.evaluate.photo_folder import left_out, photos_in
from seewhy.evaluate.plan import MEASURED_ALWAYS, Contender, NamedModel, Photo
from seewhy.images import Image, load_image
from seewhy.methods import MethodSetting, as_method
from seewhy.metrics import BASELINES, METRICS, Metric
from seewhy.render.display import Display
from seewhy.truth import matched, printable, read_truth

FILE_HOLDS = frozenset({"method", "model", "targets", "seed", "display"})
"""Parts of a settings file."""
DEFAULT_METRICS = ("iou", "ap", "pointing", "srg")


def photos_of(
    sources: Iterable[FilePath], truth: FilePath | None, groups: Grouping
) -> tuple[tuple[Photo, ...], Independence, list[str]]:
    """Return the photos of files and folders with what is known of them, how they count, and what to say of it.

    Raises
    ------
    InvalidInput
        There are none, or the truth fits none of them.
    FileError
        The truth cannot be read.
    """
    how = check_groups(groups)
    entries, masks = ([], ()) if truth is None else read_truth(truth)
    paths, written = _found(sources, set(masks))
    known, others = matched(entries, list(paths))
    notes = left_out(written)
    if truth is not None:
        if not known:
            raise InvalidInput(
                f"truth {truth} is for {others[0]}, which is not among the photos",
                setting="truth",
                rule="name only given photos",
                value=others[0],
            )
        if others:
            notes.append(f"{len(others)} entries of the ground truth match none of these photos, such as {others[0]}")
        bare = [name for name in paths if name not in known or known[name].marks is None]
        if bare:
            notes.append(f"the ground truth marks no object in {len(bare)} photos, such as {bare[0]}")
    digests = [digest_of(path) for path in paths.values()]
    copies = len(digests) - len(set(digests))
    if copies:
        notes.append(f"copies of other photos, which count as one photo with them: {copies}")
    told = [known.get(name) for name in paths]
    files = list(paths.values())
    counted = grouped_by(how, list(paths), told, digests, lambda i: readable(files[i]))
    photos = tuple(map(Photo, paths, files, digests, counted.groups, told))
    return photos, counted.independence, [*notes, *counted.notes]


def contenders_of(
    methods: Iterable[object] | Mapping[str, object] | str, baselines: Iterable[str]
) -> tuple[tuple[Contender, ...], list[str]]:
    """Return what is to be graded, and what people should hear of it: methods under labels of their own, and baselines.

    Settings may be those of a method, or ``method`` and ``display`` as settings files hold them.

    Raises
    ------
    InvalidInput
        A name is not known, or the same thing is asked twice.
    """
    listed = [methods] if isinstance(methods, str | dict | Settings) and not _labels(methods) else methods
    alone = [] if isinstance(listed, Mapping) else [(None, one) for one in _iterable("methods", listed)]
    named = list(listed.items()) if isinstance(listed, Mapping) else alone
    found = []
    for label, one in named:
        method, display = _settings(one)
        found.append(Contender(method.name if label is None else printable(str(label)), method, display))
    found = _numbered(found)
    for name in _iterable("baselines", baselines):
        found.append(Contender(_known("baselines", name, BASELINES)))
    if not found:
        raise InvalidInput(
            "methods must name at least one, got none", setting="methods", rule="name at least one", value=()
        )
    twice = [label for label, n in Counter(one.label for one in found).items() if n > 1]
    if twice:
        raise InvalidInput(
            f"methods must have different labels, got {twice[0]} twice",
            setting="methods",
            rule="have different labels",
            value=twice[0],
        )
    more = {key for _, one in named if _is_file(one) for key in one} - {"method", "display"}
    said = f"settings files: only method and display are used; ignored: {', '.join(sorted(more))}"
    return tuple(found), [said] if more else []


def metrics_of(metrics: Iterable[str | Metric] | None) -> dict[str, Metric]:
    """Return metrics by name; ``seconds`` and ``calls`` are always there and may be named."""
    found: dict[str, Metric] = {}
    for one in _iterable("metrics", DEFAULT_METRICS if metrics is None else metrics):
        if isinstance(one, Metric):
            found[one.facts.name] = one
        elif one not in MEASURED_ALWAYS:
            name = _known("metrics", one, [*METRICS, *MEASURED_ALWAYS])
            found[name] = METRICS[name]
    return found


def lacking(metrics: Mapping[str, Metric], photos: Iterable[Photo], *, named: bool) -> list[str]:
    """Return what people should hear of metrics that need truth where no photo has any.

    Raises
    ------
    InvalidInput
        Such a metric was ``named``.
    """
    needy = [name for name, metric in metrics.items() if metric.facts.needs == "truth"]
    if not needy or any(photo.known is not None and photo.known.marks is not None for photo in photos):
        return []
    if named:
        raise InvalidInput.of(
            "metrics", "not need ground truth where there is none", Words(", ".join(needy)), "give truth (--truth)"
        )
    return [f"skipped, because they need ground truth: {', '.join(needy)}"]


def models_of(model: object, batch_size: int | None = None) -> tuple[NamedModel, ...]:
    """Return the models to ask; a list or tuple means several, a dict without ``name`` several by names of the user's.

    One that is loaded here is told ``batch_size``.
    """
    if isinstance(model, Mapping) and "name" not in model:
        sources: list[object] = [_called(name, one, batch_size) for name, one in model.items()]
    else:
        sources = list(model) if isinstance(model, list | tuple) else [model]
    if not sources:
        raise InvalidInput("give at least one model", setting="model", rule="be at least one", value=())
    found = [one if isinstance(one, NamedModel) else NamedModel("", loaded(one, batch_size)[0], one) for one in sources]
    labels = _unlike([printable(one.label or one.model.name) for one in found])
    return tuple(replace(one, label=label) for one, label in zip(found, labels, strict=True))


def _called(name: object, source: object, batch_size: int | None) -> NamedModel:
    """Return a model under a name of the user's."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput.of("the name of a model", "be text", name)
    return NamedModel(name, loaded(source, batch_size)[0], source)


def _found(sources: Iterable[FilePath], masks: set[Path]) -> tuple[dict[str, Path], list[Path]]:
    """Return photos by their name: the path in the folder, or the file's name; in order, masks left out.

    Of a folder, what seewhy wrote is left out as well, and returned beside them.
    """
    paths: dict[str, Path] = {}
    written: list[Path] = []
    for source in _iterable("photos", [sources] if isinstance(sources, os.PathLike) else sources):
        place = Path(source)
        if place.is_dir():
            inside, ours = photos_in(place)
            bare = [path for path in inside if path.resolve() not in masks]
            found = {printable(path.relative_to(place).as_posix()): path for path in bare}
            written += ours
        elif place.exists():
            found = {printable(place.name): place}
        else:
            raise InvalidInput(f"{place}: no such file or folder", setting="photos", rule="exist", value=str(place))
        for name, path in found.items():
            if name in paths and paths[name].resolve() != path.resolve():
                raise InvalidInput(
                    f"photos must have different names, got {paths[name]} and {path}",
                    setting="photos",
                    rule="have different names",
                    value=str(path),
                )
            paths[name] = path
    if not paths:
        raise InvalidInput("give at least one photo", setting="photos", rule="be at least one", value=())
    return paths, written


def readable(path: Path) -> Image | None:
    """Return a photo; None where it cannot be read, which is reported when it is its turn."""
    try:
        return load_image(path)
    except ImageError:
        return None


def _labels(methods: object) -> bool:
    """Say whether a dict names contenders, and is neither the settings of one method nor a settings file."""
    if not isinstance(methods, dict) or isinstance(methods.get("name"), str):
        return False
    # Alone, settings under ``method`` carry a label; as plain values they are a settings file that holds nothing else.
    return not _is_file(methods) or (len(methods) == 1 and isinstance(methods["method"], Settings))


def _is_file(one: object) -> bool:
    """Say whether a dict is what a settings file holds."""
    return isinstance(one, dict) and isinstance(one.get("method"), dict | Settings) and set(one) <= FILE_HOLDS


def _settings(one: Any) -> tuple[MethodSetting, Display]:
    if not _is_file(one):
        return as_method(one), Display()
    display = one.get("display", {})
    if not isinstance(display, dict | Display):
        raise InvalidInput.of("methods", "hold display as a dict", display)
    return as_method(one["method"]), display if isinstance(display, Display) else Display(**display)


def _iterable(name: str, values: Any) -> Sequence[Any]:
    if isinstance(values, str):
        return [values]
    try:
        return list(values)
    except TypeError:
        raise InvalidInput.of(name, "be one or several", values) from None


def _known(what: str, name: object, known: Iterable[str]) -> str:
    names = list(known)
    if not isinstance(name, str) or name not in names:
        raise InvalidInput.of(what, f"be of {', '.join(names)}", name)
    return name


def _numbered(found: list[Contender]) -> list[Contender]:
    labels = _unlike([one.label for one in found])
    return [replace(one, label=label) for label, one in zip(labels, found, strict=True)]


def _unlike(labels: list[str]) -> list[str]:
    """Return the labels, those that are alike numbered from 1 on."""
    count, at = Counter(labels), Counter[str]()
    unlike = []
    for label in labels:
        at[label] += 1
        unlike.append(label if count[label] == 1 else f"{label} {at[label]}")
    return unlike
