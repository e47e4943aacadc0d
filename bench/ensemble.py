"""How good maps are that average LIME over many segmentations, by family, weighting, fill and unit.

Every block of model calls draws its own segmentation from a family, asks one foldover Hadamard block over its
segments and takes the difference of means of each segment, which is least squares there; the maps of the blocks are
averaged. Answers to a block are asked once and serve every unit, weighting and smaller budget. Beside them: a centered
Gaussian, LIME on one segmentation, and RISE.

The photos have masks of their object (DAVIS frames and others, see their README). AP is the average precision of the
pixels, IoU is that of Otsu's threshold and of the strongest fifth, pointing says whether the strongest pixel is on the
object. SRG is the area between the curves of the probability when the least and the most relevant pixels go first,
for two fills. Means are over sequences of frames, so that a long sequence counts once; in brackets is the 95 % interval
of the difference in AP, or SRG, to the first row of the table, from a bootstrap over sequences.

Run: ``python bench/ensemble.py [--photos FOLDER] [--frames 1] [--calls 500] [--model efficientnet-lite1] [--smoke]``
"""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arguments import Arguments
from ensemble_maps import FAMILIES, FILLS, Bank, Gaussian, Maker, Photo, RiseMap, Setup, Shipped, Weight
from measure import SHARED, made_up_photos, sequence, tiny_model
from seewhy.core.types import Floats, Unit
from seewhy.engine.loop import Composer
from seewhy.engine.protocols import Model
from seewhy.images import load_image
from seewhy.images.fills import fill_picture
from seewhy.images.scene import Scene
from seewhy.models import load_model
from seewhy.sampling.samples import convert, log_total

RESAMPLES = 2000
MEASURES = ("AP", "pointing", "IoU Otsu", "IoU 20 %", "SRG blur", "SRG black")


# --- photos ---------------------------------------------------------------------------------------------------------


def read_photos(folder: Path, model: Model, frames: int) -> list[Photo]:
    """Return up to ``frames`` frames a sequence, far apart, and all other photos."""
    sequences: dict[str, list[dict[str, str]]] = {}
    for entry in json.loads((folder / "annotations.json").read_text()):
        sequences.setdefault(sequence(entry["file"]), []).append(entry)
    chosen = [
        (group, entries[i])
        for group, entries in sequences.items()
        for i in sorted({round(x) for x in np.linspace(0, len(entries) - 1, min(frames, len(entries)))})
    ]
    return [read_photo(folder, group, entry, model) for group, entry in chosen]


def read_photo(folder: Path, group: str, entry: dict[str, str], model: Model) -> Photo:
    image = load_image(folder / entry["file"]).with_channels(3)
    view = model.view(image.height, image.width)
    pixels, mask = view.apply(image), None
    if entry["mask"]:
        drawn = load_image(folder / entry["mask"]).floats()[..., 0] > 0.5
        mask = view.segments_from_photo(drawn.astype(np.int32)) > 0
    scores = next(iter(model.stream([model.prepare(pixels)[None]])))
    return Photo(folder / entry["file"], group, pixels, mask, int(scores[0].argmax()), scores.shape[1])


# --- measures -------------------------------------------------------------------------------------------------------


def localization(heatmap: Floats, mask: Weight) -> dict[str, float]:
    from skimage.filters import threshold_otsu
    from sklearn.metrics import average_precision_score

    def iou(region: Weight) -> float:
        return float((region & mask).sum() / max(1, (region | mask).sum()))

    return {
        "AP": float(average_precision_score(mask.ravel(), heatmap.ravel())),
        "pointing": float(mask[heatmap == heatmap.max()].mean()),
        "IoU Otsu": iou(heatmap > threshold_otsu(heatmap)),
        "IoU 20 %": iou(ranks(heatmap) < 0.2 * mask.size),
    }


def ranks(heatmap: Floats) -> NDArray[np.intp]:
    """Return 0 for the strongest pixel, and so on; equal ones in reading order."""
    order = np.argsort(-heatmap.ravel(), kind="stable")
    found = np.empty_like(order)
    found[order] = np.arange(len(order))
    return found.reshape(heatmap.shape)


def relevance_gain(model: Model, photo: Photo, heatmap: Floats, fill: str, steps: int) -> float:
    """Return AUC_LeRF - AUC_MoRF of the probability, for shares 0, 1/steps, ..., 1."""
    composer = Composer(model, Scene(photo.pixels, fill_picture(FILLS[fill], photo.pixels, None, 0), None), 0)
    place = ranks(heatmap)
    kept = np.stack([place < share * place.size for share in np.linspace(0, 1, steps + 1)])
    masks = np.concatenate([kept, ~kept]).astype(np.float32)
    scores = np.concatenate(list(model.stream(composer(masks[i : i + 16]) for i in range(0, len(masks), 16))))
    log_p = convert(scores[:, photo.target].astype(np.float64), log_total(scores), "logit", "probability")
    least_first, most_first = log_p.reshape(2, -1)
    return float(np.trapezoid(least_first - most_first) / steps)


# --- tables ---------------------------------------------------------------------------------------------------------

Results = dict[str, dict[str, float]]
"""Measure to group to mean over the group's photos."""


@dataclass
class Trial:
    bank: Bank
    photos: list[Photo]
    steps: int

    def __post_init__(self) -> None:
        self.results = cache(self._results)

    def _results(self, maker: Maker) -> Results:
        rows: dict[str, dict[str, list[float]]] = {}
        for photo in self.photos:
            for measure, value in self._measures(photo, maker(self.bank, photo)).items():
                rows.setdefault(measure, {}).setdefault(photo.group, []).append(value)
        return {
            measure: {group: float(np.mean(values)) for group, values in groups.items()}
            for measure, groups in rows.items()
        }

    def _measures(self, photo: Photo, heatmap: Floats) -> dict[str, float]:
        found = {} if photo.mask is None else localization(heatmap, photo.mask)
        for fill in ("blur", "black") if self.steps else ():
            found[f"SRG {fill}"] = relevance_gain(self.bank.model, photo, heatmap, fill, self.steps)
        return found

    def table(self, title: str, makers: dict[str, Maker]) -> None:
        """Print a row each; differences are to the first."""
        first = self.results(next(iter(makers.values())))
        measures = [measure for measure in MEASURES if measure in first]
        print(f"\n{title}\n{'':36}" + "".join(f"{measure:>{width(measure)}}" for measure in measures))
        for name, maker in makers.items():
            found = self.results(maker)
            cells = [cell(measure, found[measure], first[measure]) for measure in measures]
            print(f"{name:36}" + "".join(cells), flush=True)


def with_interval(measure: str) -> bool:
    return measure == "AP" or measure.startswith("SRG")


def width(measure: str) -> int:
    return 24 if with_interval(measure) else 10


def cell(measure: str, found: dict[str, float], first: dict[str, float]) -> str:
    mean = np.mean(list(found.values()))
    if not with_interval(measure):
        return f"{mean:10.3f}"
    low, high = interval(np.array([found[group] - first[group] for group in found]))
    return f"{mean:8.3f} [{low:+.3f}, {high:+.3f}]".rjust(24)


def interval(differences: Floats) -> tuple[float, float]:
    """Return the 95 % interval of the mean of groups."""
    drawn = np.random.default_rng(0).integers(len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def questions() -> dict[str, dict[str, Maker]]:
    """Return the rows of each table."""
    base = Setup()
    reference: dict[str, Maker] = {"slic, blur, log-odds, by root": base}
    lime = Setup(family="one slic", fills=("segment mean",), unit="probability", weighting="value")
    units: tuple[Unit, ...] = ("probability", "log-odds")
    return {
        "Methods": {
            **reference,
            "ensemble-lime as shipped": Shipped(),
            "centered Gaussian": Gaussian(),
            "LIME, one slic, segment mean": lime,
            "LIME, one slic, blur, log-odds": Setup(family="one slic", weighting="value"),
            "RISE, black, probability": RiseMap("black", "probability"),
            "RISE, blur, log-odds": RiseMap("blur", "log-odds"),
        },
        "Calls": {
            **reference,
            "half of the blocks": replace(base, share=0.5),
            "a quarter of the blocks": replace(base, share=0.25),
        },
        "a. Family": {
            **reference,
            **{name: replace(base, family=name) for name in FAMILIES if name not in {"slic", "one slic"}},
        },
        "b. Weighting": {
            **reference,
            "value": replace(base, weighting="value"),
            "value by area": replace(base, weighting="density"),
        },
        "c. Fill": {
            **reference,
            **{name: replace(base, fills=(name,)) for name in FILLS if name != "blur"},
            "blur and black in turn": replace(base, fills=("blur", "black")),
        },
        "d. Unit": {
            f"{fill}, {unit}": replace(base, fills=(fill,), unit=unit) for fill in ("blur", "black") for unit in units
        },
    }


def arguments() -> Arguments:
    parser = Arguments(__doc__, calls=256, steps=2)
    parser.add_argument("--photos", type=Path, default=SHARED, help="folder with annotations.json")
    parser.add_argument("--model", default=None, help="name of a model; not given: the default")
    parser.add_argument("--frames", type=int, default=1, help="frames of each sequence")
    parser.add_argument("--calls", type=int, default=500, help="model calls a photo and map")
    parser.add_argument("--steps", type=int, default=10, help="steps of the curves for SRG; 0 leaves it out")
    parser.add_argument("--only", default="", help="first letters of the tables wanted, such as Mab; not given: all")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    if asked.smoke:
        with tempfile.TemporaryDirectory() as folder:
            asked.photos = made_up_photos(Path(folder))
            compare(asked, tiny_model())
        return
    if not (asked.photos / "annotations.json").is_file():
        print(f"skipped: no photos in {asked.photos}; give their folder with --photos")
        return
    compare(asked, load_model(asked.model))


def compare(asked: Namespace, model: Model) -> None:
    photos = read_photos(asked.photos, model, asked.frames)
    trial = Trial(Bank(model, asked.calls), photos, asked.steps)
    print(f"{len(photos)} photos, {asked.calls} calls each, top class of {getattr(model, 'name', 'the model')}")
    for title, makers in questions().items():
        if not asked.only or title[0] in asked.only:
            trial.table(title, makers)


if __name__ == "__main__":
    main()
