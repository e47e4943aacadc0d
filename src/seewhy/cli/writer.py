"""The files of a run: the result first, then the pictures; and names under which nothing of another run is lost.

A result file owns its name, and the pictures and settings beside it have the same. A run replaces the files of one
that it holds whole: the same photo, model, settings and seed, with no more classes and samples. Beside others it gets
a number.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.cli import signals
from seewhy.core.atomic import create_file, drop_abandoned, make_folder, replace_file
from seewhy.core.errors import FileError, SeewhyError
from seewhy.core.settings import read_toml, to_toml
from seewhy.core.types import JsonObject
from seewhy.explanation import record, result_file
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.smallest import SmallestRegion
from seewhy.render.display import Display

_LONGEST = 255
"""Bytes of a name that file systems allow."""
_ENDINGS = 80
"""Bytes kept free behind a photo's name for method, number, target and ending."""
_WITH_RESULT = (".png", ".heatmap.png", ".region.png", ".toml", ".html", ".svg", ".pdf", ".cutout.png", ".map.png")
_SAME = ("settings", "seed", "kind", "view", "fill", "d")


@dataclass(frozen=True)
class Wanted:
    """What is drawn beside the result, and how; none of it is of the run."""

    examples: int | None = None
    """Masked images to draw."""
    html: bool = False
    """Whether the report is written."""
    cutout: bool = False
    """Whether the region alone is written, on nothing."""
    map: bool = False
    """Whether the map without the photo is written."""
    one_scale: bool = False
    """Whether all classes of the figure share one scale."""
    format: str = "png"
    """Of the figure."""
    style: str = "light"
    caption: str | None = None
    """The line below the figure; empty: none; None: with what it was made."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Wanted:
        """Return what flags ask for."""
        caption = "" if given["caption"] == "none" else given["caption"]
        return cls(**{one.name: given[one.name] for one in fields(cls)} | {"caption": caption})


@dataclass
class Written:
    """What was written of one explanation."""

    name: str
    """Name of all its files, without the endings."""
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What people should hear of the names."""
    faults: list[Exception] = field(default_factory=list)
    """Why files are missing."""


class Writer:
    """Writes the files of each photo into one folder.

    Parameters
    ----------
    folder
        Made if it is not there.
    stems
        A name for each photo, as :func:`stems_of` gives it.
    protected
        Photos, which are never overwritten.
    overwrite
        Whether files of other runs are replaced; else a number is added to the name.
    own
        The result file that a run goes on with: it is replaced, and so are the files beside it.
    """

    def __init__(
        self,
        folder: Path,
        stems: Mapping[str, str],
        *,
        protected: Iterable[str] = (),
        overwrite: bool = False,
        own: str | None = None,
    ) -> None:
        self.folder = folder
        self._stems = stems
        self._photos = {Path(photo).resolve() for photo in protected}
        self._overwrite = overwrite
        self._own = None if own is None else Path(own).name.removesuffix(".seewhy")
        self._begun: dict[str, str] = {}
        make_folder(folder, "--out")
        if not os.access(folder, os.W_OK | os.X_OK):  # said before the work, not after it
            raise FileError.of("--out", "be a folder that can be written to", folder)
        drop_abandoned(folder)

    def checkpoint(self, photo: str, display: Display) -> Callable[[Explanation], Path]:
        """Return what saves a run that is not over yet, under a name that it keeps."""

        def save(explanation: Explanation) -> Path:
            data = record.as_file(explanation)
            if photo not in self._begun:
                self._begun[photo] = self._claimed(photo, explanation, data, display)[0]
            return replace_file(self._path(f"{self._begun[photo]}.seewhy"), data)

        return save

    def save(self, photo: str, explanation: Explanation, asked: JsonObject, display: Display) -> Written:
        """Write result and settings; a signal that comes meanwhile waits."""
        with signals.held():
            make_folder(self.folder, "--out")  # it may have gone since
            data = record.as_file(explanation)
            name, notes = self._claimed(photo, explanation, data, display)
            begun = self._begun.pop(photo, name)
            if begun != name:  # what was saved on the way stands under the first name by now
                (self.folder / f"{begun}.seewhy").unlink(missing_ok=True)
            written = Written(name, [str(self._path(f"{name}.seewhy"))], notes)
            settings = _settings(explanation.method.to_dict(), explanation.seed, asked, display)
            self._put(written, ".toml", lambda: to_toml(settings).encode())
        return written

    def draw(
        self,
        written: Written,
        explanation: Explanation,
        display: Display,
        wanted: Wanted,
        smallest: Mapping[int, SmallestRegion] = MappingProxyType({}),
    ) -> None:
        """Write the pictures, and what else is wanted; one that cannot be drawn or written costs no other one."""
        for ending, draw in _pictures(explanation, display, wanted, smallest):
            self._put(written, ending, draw)
        if smallest:
            return
        for ending in (f"{_tag(explanation, i)}.smallest.png" for i in range(len(explanation.targets))):
            (self.folder / f"{written.name}{ending}").unlink(missing_ok=True)  # of another answer

    def write_asked(self, photo: str, method: JsonObject, asked: JsonObject, display: Display) -> None:
        """Write the settings of a run that failed beside the result file of what it had found, for going on."""
        if photo in self._begun:
            text = to_toml(_settings(method, asked["seed"], asked, display))
            replace_file(self._path(f"{self._begun[photo]}.toml"), text.encode())

    def _put(self, written: Written, ending: str, content: Callable[[], bytes]) -> None:
        try:
            written.files.append(str(replace_file(self._path(written.name + ending), content())))
        except Exception as error:  # noqa: BLE001  # the others can be written nevertheless
            written.faults.append(error)

    def _claimed(self, photo: str, explanation: Explanation, data: bytes, display: Display) -> tuple[str, list[str]]:
        """Write the result file under the first name that is free, or of the same run; return it, and what to say."""
        usual = self._own or f"{self._stems[photo]}.{explanation.method.name}"
        if self._own or self._overwrite:
            replace_file(self._path(f"{usual}.seewhy"), data)
            return usual, []
        why = ""
        for number in count(1):
            name = usual if number == 1 else f"{usual}-{number}"
            path = self.folder / f"{name}.seewhy"
            if not path.exists() and any((self.folder / f"{name}{ending}").is_file() for ending in _WITH_RESULT):
                why = why or f"{self.folder / name}.* exist but belong to no result of seewhy"
                continue
            if create_file(path, data):
                break
            other = "" if self._begun.get(photo) == name else _other(path, explanation, display)
            if not other:
                replace_file(path, data)
                break
            why = why or f"{path} {other}"
        if name == usual:
            return name, []
        return name, [f"{why}, so it was kept; the new result is {name} (--overwrite replaces the old one)"]

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if path.resolve() in self._photos:
            raise FileError(
                f"cannot write {path}: it is one of the photos; choose another folder with --out",
                setting=str(path),
                rule="not be one of the photos",
            )
        return path


def _other(path: Path, explanation: Explanation, display: Display) -> str:
    """Say what a result file holds that this run does not replace; empty: nothing that is not in the new one."""
    try:
        there, arrays = result_file.read(path)
    except FileError:
        return "is not a readable result file"
    mine, photo = record.header(explanation), record.arrays(explanation)["photo"]
    differs = {
        "is a result for another photo": not np.array_equal(arrays.get("photo", photo[:0]), photo),
        "is a result for another model": any(there.get(key) != mine[key] for key in ("model", "fingerprint")),
        "is a result for other classes": not _classes(there) <= _classes(mine),
        "has other settings": any(there.get(key) != mine[key] for key in _SAME),
        "has more samples": not isinstance(there.get("n_samples"), int) or there["n_samples"] > mine["n_samples"],
        "has other display settings": _shown(path.with_suffix(".toml")) not in ({}, display.to_dict()),
    }
    return next((words for words, is_so in differs.items() if is_so), "")


def _shown(path: Path) -> JsonObject:
    """Return what the settings beside a result say of what is shown; nothing where they are not there."""
    try:
        found: JsonObject = read_toml(path).get("display", {})
    except SeewhyError:
        return {}
    return found


def _classes(header: JsonObject) -> set[str]:
    """Return what a result explains, and the classes whose scores it keeps."""
    explained = {
        f"{target.get('index')} vs {target.get('versus')}: {target.get('unit')}" for target in header.get("targets", [])
    }
    return explained | set(map(str, header.get("classes") or ()))


def _pictures(
    explanation: Explanation, display: Display, wanted: Wanted, smallest: Mapping[int, SmallestRegion]
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the ending of each picture, and what draws it."""
    from seewhy.render import figure_file, picture_png

    shown = display.to_dict()
    styled = shown | {"style": wanted.style, "caption": wanted.caption, "one_scale": wanted.one_scale}
    yield f".{wanted.format}", lambda: figure_file(explanation.plot(**styled), wanted.format)
    for i in range(len(explanation.targets)):
        tag = _tag(explanation, i)
        yield f"{tag}.heatmap.png", lambda: picture_png(_heat(explanation, i))  # noqa: B023  # called at once
        yield f"{tag}.region.png", lambda: picture_png(_region(explanation, i, display))  # noqa: B023
        if i in smallest:
            yield f"{tag}.smallest.png", lambda: picture_png(_mask(smallest[i].region))  # noqa: B023
        if wanted.map:
            bare = partial(explanation.plot_map, i, style=wanted.style)
            yield f"{tag}.map.{wanted.format}", lambda: figure_file(bare(), wanted.format)  # noqa: B023
        if wanted.cutout:
            yield f"{tag}.cutout.png", lambda: picture_png(explanation.cutout(i, **shown))  # noqa: B023
    if wanted.examples:
        examples = wanted.examples
        yield ".examples.png", lambda: figure_file(explanation.plot_examples(examples), "png")
    if wanted.html:
        yield ".html", lambda: page_bytes(explanation.to_html(**shown))


def page_bytes(html: str) -> bytes:
    """Return a page as it is written to a file; a name of a photo may be no UTF-8."""
    return html.encode("utf-8", "backslashreplace")


def _tag(explanation: Explanation, i: int) -> str:
    target = explanation.targets[i]
    return "" if i == 0 else f".{target.index}" if target.versus is None else f".{target.index}-{target.versus}"


def _heat(explanation: Explanation, i: int) -> NDArray[np.uint8]:
    from seewhy.render import heat_over

    heatmap = explanation.evidence(i)
    seen = None if explanation.view.whole else explanation.seen
    return heat_over(explanation.image.rgb8(), heatmap, float(np.abs(heatmap).max()), seen)


def _region(explanation: Explanation, i: int, display: Display) -> NDArray[np.uint8]:
    share = display.share if explanation.segments is None else None
    region = explanation.region(display.regions, sign=display.sign, target=i, share=share)
    return _mask(region)


def _mask(region: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return region.astype(np.uint8) * 255


def new_file(folder: Path, name: str, ending: str, data: bytes, *, overwrite: bool) -> tuple[Path, str]:
    """Write a file under the first name that is free or holds the same; return its path, and what to say."""
    make_folder(folder, "--out")
    usual = folder / f"{name}{ending}"
    if overwrite:
        return replace_file(usual, data), ""
    for number in count(1):
        path = usual if number == 1 else folder / f"{name}-{number}{ending}"
        if create_file(path, data) or (path.is_file() and path.read_bytes() == data):
            break
    other = f"{usual} already exists with other content; wrote {path.name} instead (--overwrite replaces it)"
    return path, "" if path == usual else other


def stems_of(photos: tuple[str, ...]) -> dict[str, str]:
    """Return a file name without ending for each photo; photos of the same name are numbered, long ones are cut."""
    different = list(dict.fromkeys(photos))
    names = {photo: _cut(Path(photo).stem) for photo in different}
    times = Counter(name.casefold() for name in names.values())
    taken = {name for name, n in times.items() if n == 1}
    stems = {}
    for i, photo in enumerate(different):
        stem, number = names[photo], i + 1
        if times[stem.casefold()] > 1:
            while f"{stem}-{number}".casefold() in taken:
                number += 1
            stem = f"{stem}-{number}"
            taken.add(stem.casefold())
        stems[photo] = stem
    return stems


def _cut(stem: str) -> str:
    """Return a name that leaves room for endings."""
    data = os.fsencode(stem)
    if len(data) <= _LONGEST - _ENDINGS:
        return stem
    while len(os.fsencode(stem)) > _LONGEST - _ENDINGS:
        stem = stem[:-1]
    return stem


def _settings(method: JsonObject, seed: int, asked: JsonObject, display: Display) -> JsonObject:
    model = {} if asked["model"] is None else {"model": asked["model"]}
    return model | {"targets": asked["targets"], "seed": seed, "method": method, "display": display.to_dict()}
