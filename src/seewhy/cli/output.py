"""What ``seewhy explain`` prints and writes."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import click
import numpy as np
from PIL import Image as Pillow
from rich.console import Console
from rich.table import Table

from seewhy.core.errors import FileError
from seewhy.core.settings import to_toml
from seewhy.core.types import JsonObject
from seewhy.engine.stopping import WORDS
from seewhy.estimation.attribution import SegmentAttribution
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.smallest import SmallestRegion
from seewhy.images.regions import Region
from seewhy.render.display import Display

_NOTHING = {
    "positive": "nothing supports: no segment has a positive value that can be told from 0",
    "negative": "nothing contradicts: no segment has a negative value that can be told from 0",
}


class Writer:
    """Writes the files of each photo into one folder, under names that do not collide."""

    def __init__(self, folder: Path, stems: dict[str, str], *, protected: Iterable[str] = ()) -> None:
        self.folder = folder
        self._stems = stems
        self._photos = {Path(photo).resolve() for photo in protected}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise FileError(f"--out must be a folder, but {folder} is a file") from None
        except OSError as error:
            raise FileError(f"--out: cannot make the folder {folder}: {error.strerror or error}") from error
        if not os.access(folder, os.W_OK | os.X_OK):  # said before the work, not after it
            raise FileError(f"--out must be a folder that can be written to, got {folder}")

    def write(
        self,
        photo: str,
        explanation: Explanation,
        asked: JsonObject,
        display: Display,
        examples: int | None,
        smallest: Mapping[int, SmallestRegion] = MappingProxyType({}),
    ) -> list[str]:
        """Write everything and return the paths."""
        from seewhy.render import figure_png, heat_over

        name = f"{self._stems[photo]}.{explanation.method.name}"
        written = [self._bytes(name + ".png", figure_png(explanation.plot(**display.to_dict())))]
        seen = None if explanation.view.whole else explanation.seen
        for i, target in enumerate(explanation.targets):
            tag = "" if i == 0 else f".{target.index}" if target.versus is None else f".{target.index}-{target.versus}"
            heatmap = explanation.evidence(i)
            painted = heat_over(explanation.image.rgb8(), heatmap, float(np.abs(heatmap).max()), seen)
            region = explanation.region(
                display.regions,
                sign=display.sign,
                target=i,
                share=display.share if explanation.segments is None else None,
            )
            written.append(self._picture(f"{name}{tag}.heatmap.png", painted))
            written.append(self._picture(f"{name}{tag}.region.png", region.astype(np.uint8) * 255))
            (self.folder / f"{name}{tag}.smallest.png").unlink(missing_ok=True)  # of another answer
            if i in smallest:
                written.append(self._picture(f"{name}{tag}.smallest.png", smallest[i].region.astype(np.uint8) * 255))
        if examples:
            written.append(self._bytes(name + ".examples.png", figure_png(explanation.plot_examples(examples))))
        written.append(str(explanation.save(self.result_path(photo, explanation.method.name))))
        settings = _settings(explanation.method.to_dict(), explanation.seed, asked, display)
        written.append(self._bytes(name + ".toml", to_toml(settings).encode()))
        return written

    def write_asked(self, photo: str, kind: str, method: JsonObject, asked: JsonObject, display: Display) -> None:
        """Write the settings of a run that failed beside the result file of what it had found, for going on."""
        settings = _settings(method, asked["seed"], asked, display)
        self._bytes(f"{self._stems[photo]}.{kind}.toml", to_toml(settings).encode())

    def result_path(self, photo: str, method: str) -> Path:
        """Return where the result file of a photo goes."""
        return self._path(f"{self._stems[photo]}.{method}.seewhy")

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if path.resolve() in self._photos:
            raise FileError(f"cannot write {path}: it is one of the photos; choose another folder with --out")
        return path

    def _bytes(self, name: str, data: bytes) -> str:
        path = self._path(name)
        try:
            path.write_bytes(data)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        return str(path)

    def _picture(self, name: str, pixels: np.ndarray) -> str:
        path = self._path(name)
        try:
            Pillow.fromarray(pixels).save(path, compress_level=1)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        return str(path)


def stems_of(photos: tuple[str, ...]) -> dict[str, str]:
    """Return a file name without ending for each photo; photos of the same name are numbered."""
    different = list(dict.fromkeys(photos))
    count = Counter(Path(photo).stem.casefold() for photo in different)
    taken = {stem for stem, times in count.items() if times == 1}
    stems = {}
    for i, photo in enumerate(different):
        stem, number = Path(photo).stem, i + 1
        if count[stem.casefold()] > 1:
            while f"{stem}-{number}".casefold() in taken:
                number += 1
            stem = f"{stem}-{number}"
            taken.add(stem.casefold())
        stems[photo] = stem
    return stems


def _settings(method: JsonObject, seed: int, asked: JsonObject, display: Display) -> JsonObject:
    model = {} if asked["model"] is None else {"model": asked["model"]}
    return model | {
        "targets": asked["targets"],
        "seed": seed,
        "method": method,
        "display": display.to_dict(),
    }


def emit(
    explanation: Explanation,
    files: list[str],
    display: Display,
    *,
    as_json: bool,
    quiet: bool,
    later: bool = False,
    smallest: Mapping[int, SmallestRegion] = MappingProxyType({}),
) -> None:
    """Print the result as text or as one JSON object; ``later``: others were printed before it."""
    if as_json:
        found = explanation.to_dict() | {"files": files}
        for i, one in smallest.items():
            found["targets"][i]["smallest"] = {"share": one.share, "score": one.score}
        click.echo(json.dumps(found, allow_nan=False))
    elif not quiet:
        said = "".join(
            f"smallest part that keeps {explanation.targets[i].label}: {100 * one.share:.0f} % of the picture, "
            f"{explanation.targets[i].unit} {one.score:.4g}\n"
            for i, one in smallest.items()
        )
        click.echo("\n" * later + summary(explanation, files, display) + said, nl=False)


def summary(explanation: Explanation, files: list[str], display: Display) -> str:
    """Return predictions, the strongest regions, what it cost, and the files."""
    # Wide enough for any name: nothing is cut or folded, here or in a pipe; a narrow terminal wraps the lines.
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True, width=1000)
    with console.capture() as text:
        _predictions(console, explanation)
        for i in range(len(explanation.targets)):
            _target(console, explanation, i, display)
        seconds, inside = explanation.seconds or 0.0, explanation.seconds_model or 0.0
        state = "" if explanation.complete else " (partial)"
        spent = f", {seconds:.2f} s in all, {inside:.2f} s inside the model" if seconds else ""
        console.print(f"\n{explanation.n_evaluations} model calls{state}{spent}; {WORDS[explanation.stop.by]}")
        corrected = explanation.samples.n_exact
        if corrected is not None:
            ran = f"run by {explanation.model.run_by}"
            console.print(f"{ran}; {corrected} rows were also sent to the original, and correct the rest")
        for warning in explanation.warnings:
            console.print(f"note: {warning}")
        for file in files:
            console.print(f"wrote {file}")
    return text.get()


def _predictions(console: Console, explanation: Explanation) -> None:
    console.print(f"{explanation.image.name} ({explanation.model.name})", style="bold")
    table = Table("class", "name", box=None, pad_edge=False)
    table.add_column("score", justify="right")
    for prediction in explanation.predictions[:5]:
        table.add_row(str(prediction.index), prediction.label, f"{prediction.score:.4f}")
    console.print(table)


def _target(console: Console, explanation: Explanation, i: int, display: Display) -> None:
    target = explanation.targets[i]
    console.print(
        f"\n{explanation.method.name} for {target.label} ({target.index}), {target.unit} {target.score:.4g}",
    )
    found = explanation.attributions[i]
    if not isinstance(found, SegmentAttribution):
        facts = explanation.to_dict()["targets"][i]["map"]
        peak = facts["peak"]
        console.print(
            f"map from {facts['min']:.4g} to {facts['max']:.4g}, "
            f"peak {peak['value']:.4g} at x={peak['x']}, y={peak['y']}{_error(found.error)}"
        )
        signs = ("positive", "negative") if display.sign == "both" else (display.sign,)
        evidence = explanation.evidence(i)
        for sign in signs:
            if not (evidence < 0 if sign == "negative" else evidence > 0).any():
                console.print("nothing contradicts" if sign == "negative" else "nothing supports")
        return
    top = explanation.top(display.regions, target=i, sign=display.sign)
    if top:
        console.print(_table(explanation, i, top))
    else:
        console.print(_NOTHING.get(display.sign, "no segment can be told from 0"))
    r2 = "" if found.success is None else f", R2 {found.success:.3f}"
    console.print(f"surrogate {found.prediction:.4g}, model {target.score:.4g}{r2}{_error(found.error)}")
    same = None if found.stability is None else found.stability.same_top
    if same and len(top) <= len(same) and top:
        console.print(f"chance that another run finds the same {len(top)} strongest: {100 * same[len(top) - 1]:.0f} %")


def _table(explanation: Explanation, i: int, top: list[Region]) -> Table:
    """Return the strongest segments with their intervals; a question mark where the interval includes 0."""
    found = explanation.attributions[i]
    total = explanation.seen.sum()
    table = Table("segment", box=None, pad_edge=False)
    columns = [_aligned([region.value for region in top])]
    names = ["value"]
    if isinstance(found, SegmentAttribution) and found.se is not None and found.ranks is not None:
        low, high = explanation.interval(i)
        ends = _aligned([float(end[region.segment]) for end in (low, high) for region in top])
        columns += [ends[: len(top)], ends[len(top) :]]
        columns.append(["-".join(map(str, np.unique(found.ranks[region.segment]))) for region in top])
        columns.append(["" if low[r.segment] > 0 or high[r.segment] < 0 else "?" for r in top])
        names += ["95 % from", "to", "rank", ""]
    for name in (*names, "area", "box x0 y0 x1 y1"):
        table.add_column(name, justify="right", no_wrap=True)
    for k, region in enumerate(top):
        box = " ".join(map(str, region.box))
        cells = [column[k] for column in columns]
        table.add_row(str(region.segment), *cells, f"{100 * region.area / total:.1f} %", box)
    return table


def _error(error: float | None) -> str:
    if error is None:
        return ""
    return ", more noise than signal" if math.isinf(error) else f", estimated error {100 * error:.2g} %"


def _aligned(values: Iterable[float]) -> list[str]:
    """Return values with the same number of decimals, four digits for the largest."""
    listed = list(values)
    largest = max((abs(value) for value in listed), default=0.0)
    decimals = 4 if largest == 0 else 3 - math.floor(math.log10(largest))
    if -3 <= decimals <= 8:
        return [f"{value:+.{max(decimals, 0)}f}" for value in listed]
    return [f"{value:+.3e}" for value in listed]


def side_by_side(explanation: Explanation, *, as_json: bool) -> str:
    """Return how far relatives of the method agree on every target, as a table or as JSON."""
    found = [explanation.compare(i) for i in range(len(explanation.targets))]
    if as_json:
        return json.dumps([one.to_dict() for one in found], allow_nan=False) + "\n"
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True, width=1000)
    with console.capture() as text:
        for one in found:
            console.print(f"{one.target}, {len(explanation.samples)} samples", style="bold")
            table = Table("read as", box=None, pad_edge=False)
            for name in ("error", "correlation", "difference", "same top 5"):
                table.add_column(name, justify="right")
            for k, name in enumerate(one.names):
                error = one.errors[k]
                shown = "?" if error is None or math.isinf(error) else f"{100 * error:.2g} %"
                row = (f"{one.correlation[0, k]:.4f}", f"{100 * one.apart[k]:.2g} %", str(one.same_top[0, k]))
                table.add_row(name, shown, *row)
            console.print(table)
            for name, why in one.missing.items():
                console.print(f"{name}: {why}")
    return text.get()
