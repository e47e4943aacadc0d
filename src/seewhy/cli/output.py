"""What ``seewhy explain`` prints and writes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from rich.console import Console
from rich.table import Table

from seewhy._types import JsonObject
from seewhy.display import Display
from seewhy.errors import FileError
from seewhy.explanation import Explanation
from seewhy.settings import to_toml


class Writer:
    """Writes the files of each photo into one folder, under names that do not collide."""

    def __init__(self, folder: Path, photos: tuple[str, ...]) -> None:
        self.folder = folder
        self._twice = {stem for stem, count in Counter(Path(photo).stem for photo in photos).items() if count > 1}
        self._order = {photo: i + 1 for i, photo in enumerate(photos)}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot make the folder {folder}: {error.strerror or error}") from error

    def write(
        self, photo: str, explanation: Explanation, asked: JsonObject, display: Display, examples: int | None
    ) -> list[str]:
        """Write everything and return the paths."""
        from seewhy.render import figure_png, heat_over

        stem = Path(photo).stem
        if stem in self._twice:  # photos of the same name from different folders
            stem = f"{stem}-{self._order[photo]}"
        base = self.folder / f"{stem}.{explanation.method.name}"
        written = [self._bytes(base, ".png", figure_png(explanation.plot(**display.to_dict())))]
        seen = None if explanation.view.whole else explanation.seen
        for i, target in enumerate(explanation.targets):
            tag = "" if i == 0 else f".{target.index}"
            heatmap = explanation.heatmap(i)
            painted = heat_over(explanation.image.rgb8(), heatmap, float(np.abs(heatmap).max()), seen)
            region = explanation.region(
                display.regions,
                sign=display.sign,
                target=i,
                share=display.share if explanation.segments is None else None,
            )
            written.append(self._picture(base, f"{tag}.heatmap.png", painted))
            written.append(self._picture(base, f"{tag}.region.png", region.astype(np.uint8) * 255))
        if examples:
            written.append(self._bytes(base, ".examples.png", figure_png(explanation.plot_examples(examples))))
        written.append(str(explanation.save(base.with_name(base.name + ".seewhy"))))
        written.append(self._bytes(base, ".toml", to_toml(_settings(explanation, asked, display)).encode()))
        return written

    @staticmethod
    def _bytes(base: Path, ending: str, data: bytes) -> str:
        path = base.with_name(base.name + ending)
        try:
            path.write_bytes(data)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        return str(path)

    def _picture(self, base: Path, ending: str, pixels: np.ndarray) -> str:
        path = base.with_name(base.name + ending)
        try:
            Pillow.fromarray(pixels).save(path, compress_level=1)
        except OSError as error:
            raise FileError(f"cannot write {path}: {error.strerror or error}") from error
        return str(path)


def _settings(explanation: Explanation, asked: JsonObject, display: Display) -> JsonObject:
    return {
        "model": asked["model"] or explanation.model.name,
        "targets": asked["targets"],
        "seed": explanation.seed,
        "method": explanation.method.to_dict(),
        "display": display.to_dict(),
    }


def summary(explanation: Explanation, files: list[str], display: Display) -> None:
    """Print predictions, the strongest regions, what it cost, and the files."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"[bold]{explanation.image.name}[/bold] · {explanation.model.name}", markup=True)
    table = Table("class", "name", box=None, pad_edge=False)
    table.add_column("score", justify="right")
    for prediction in explanation.predictions[:5]:
        table.add_row(str(prediction.index), prediction.label, f"{prediction.score:.4f}")
    console.print(table)
    for i in range(len(explanation.targets)):
        _target(console, explanation, i, display)
    seconds, inside = explanation.seconds or 0.0, explanation.seconds_model or 0.0
    state = "" if explanation.complete else " (partial)"
    console.print(
        f"\n{explanation.n_evaluations} model calls{state}, {seconds:.2f} s in all, {inside:.2f} s inside the model"
    )
    for warning in explanation.warnings:
        console.print(f"note: {warning}", markup=False)
    for file in files:
        console.print(f"wrote {file}", markup=False)


def _target(console: Console, explanation: Explanation, i: int, display: Display) -> None:
    target = explanation.targets[i]
    console.print(
        f"\n{explanation.method.name} for {target.label} ({target.index}), {target.unit} {target.score:.4g}",
        markup=False,
    )
    if explanation.segments is None:
        found = explanation.to_dict()["targets"][i]["map"]
        peak = found["peak"]
        console.print(
            f"map from {found['min']:.4g} to {found['max']:.4g}, "
            f"peak {peak['value']:.4g} at x={peak['x']}, y={peak['y']}"
        )
        return
    table = Table("segment", box=None, pad_edge=False)
    for name in ("value", "area", "box x0 y0 x1 y1"):
        table.add_column(name, justify="right")
    total = explanation.seen.sum()
    for region in explanation.top(display.regions, target=i, sign=display.sign):
        box = " ".join(map(str, region.box))
        table.add_row(str(region.segment), f"{region.value:+.4g}", f"{100 * region.area / total:.1f} %", box)
    console.print(table)
