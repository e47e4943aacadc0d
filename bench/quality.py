"""Whether explanations are right: agreement with masks, faithfulness to the model, and time, for every way of asking.

The class explained is the model's top class. ``avg_iou`` is of the region that each tool shows by default: lime's five
strongest supporting segments, the strongest fifth of RISE's map, Otsu's threshold of ensemble-lime. ``best iou`` is
over all sizes of region; ``off`` is the share of photos whose region is over 1.5 times or under two thirds of the best
one. ``same`` is the mean IoU of the regions of every two of ``--seeds`` runs. ``SRG`` is the symmetric relevance gain,
the mean over blur and black; ``alone`` is the probability of the shown region alone on black. Seconds are of the call
alone, with everything imported and the model loaded and warm: of lime 0.2.0.1 in eager torch, as its users run it, and
of all else on the embedded model. Photos of one sequence count once; in brackets is the 95 % interval of the difference
to the first row, from a bootstrap over sequences.

Run: ``python bench/quality.py [--photos 14] [--model NAME] [--seeds 5] [--without-lime] [--smoke]`` with the test extra
(lime, torch), with nothing beside it.
"""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import seewhy
from arguments import Arguments
from measure import SHARED, made_up_photos, photos, sequence, tiny_model
from networks import lite0_in_torch
from seewhy.core.types import Floats
from seewhy.metrics import BASELINES, METRICS, Candidate, Question, Truth

SHOWN = ("iou", "best-iou", "ap", "pointing", "srg", "sufficiency")
WITH_INTERVAL = {"iou", "ap", "srg"}
RESAMPLES = 5000

WAYS: dict[str, Any] = {
    "RISE reference, N=2000": seewhy.Rise(n_samples=2000, design="bernoulli", estimator="reference"),
    "seewhy lime": seewhy.Lime(),
    "seewhy rise": seewhy.Rise(),
    "seewhy ensemble-lime": seewhy.EnsembleLime(),
    "seewhy --auto": seewhy.Auto(),
    "--auto until 2026-11": seewhy.EnsembleLime(
        averaging="equal", smoothing="none", tolerance=0.30, max_evaluations=451
    ),
}
"""The last is what ``auto`` chose until then on every one of these photos, beside a pilot of 99 pictures."""


def lime_as_its_users(samples: int) -> Callable[[Question], Candidate]:
    """Return what explains with lime's defaults in eager torch."""
    import torch
    from lime.lime_image import LimeImageExplainer

    network, _ = lite0_in_torch()

    def classify(batch: Floats) -> Floats:
        prepared = torch.tensor((batch.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
        with torch.no_grad():
            answer: Floats = torch.softmax(network(prepared), dim=1).numpy()
        return answer

    def explain(question: Question) -> Candidate:
        pixels = np.rint(question.view.apply(question.image) * 255).astype(np.uint8)
        found = LimeImageExplainer(random_state=0).explain_instance(
            pixels, classify, labels=(question.target,), top_labels=None, num_samples=samples
        )
        values = dict(found.local_exp[question.target])
        heatmap = np.asarray([values[i] for i in range(len(values))], np.float32)[found.segments]
        _, mask = found.get_image_and_mask(question.target, positive_only=True, num_features=5, hide_rest=False)
        drawn = Candidate.of_map("lime", question, heatmap)
        region = question.view.segments_to_photo(mask.astype(np.int32)) > 0
        return Candidate("lime", drawn.on_view, drawn.on_photo, region)

    return explain


def ours(method: Any) -> Callable[..., Candidate]:
    def explain(question: Question, seed: int = 0) -> Candidate:
        found = seewhy.explain(
            question.image, model=question.model, method=method, targets=question.target, seed=seed, progress=False
        )
        return Candidate.of(found, display=seewhy.Display(sign="positive"))

    return explain


def questions(count: int, model: Any, folder: Path) -> Iterator[tuple[str, Question]]:
    """Yield a photo of each sequence, with its mask."""
    entries = {entry["file"]: entry for entry in json.loads((folder / "annotations.json").read_text())}
    for path in photos(count, folder)[2:]:
        entry = entries[str(path.relative_to(folder))]
        mask = seewhy.load_image(folder / entry["mask"]).floats()[..., 0] > 0.5
        yield sequence(entry["file"]), Question.of(path, model=model, truth=Truth(mask))


Results = dict[str, dict[str, dict[str, float]]]
"""Way to metric to sequence to value."""


def size_is_off(question: Question, candidate: Candidate) -> float:
    """Say whether the region is over 1.5 times or under two thirds of the best one."""
    best = METRICS["best-iou"].measure(question, candidate).parts["share"]
    return float(not 2 / 3 <= candidate.region[question.view.seen()].mean() / best <= 1.5)


def overlap(regions: list[Any]) -> float:
    """Return the mean IoU of every two regions; two that show nothing are the same."""
    pairs = [((a & b).sum(), (a | b).sum()) for a, b in combinations(regions, 2)]
    return float(np.mean([both / either if either else 1 for both, either in pairs]))


def measured(
    ways: dict[str, Callable[..., Candidate]], asked: Iterator[tuple[str, Question]], seeds: int = 1
) -> Results:
    rows: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for group, question in asked:
        for name, explain in ways.items():
            start = perf_counter()
            candidate = explain(question)
            rows[name]["seconds"][group].append(perf_counter() - start)
            for metric in SHOWN:
                rows[name][metric][group].append(METRICS[metric].measure(question, candidate).value)
            rows[name]["off"][group].append(size_is_off(question, candidate))
            calls = candidate.explanation.n_evaluations if candidate.explanation is not None else np.nan
            rows[name]["calls"][group].append(calls)
            again = [explain(question, seed).region for seed in range(1, seeds)] if name in WAYS else []
            rows[name]["same"][group].append(overlap([candidate.region, *again]) if again else np.nan)
        print(f"{Path(question.image.name).stem} done", flush=True)
    return {
        way: {
            metric: {group: float(np.mean(found)) for group, found in groups.items()} for metric, groups in by.items()
        }
        for way, by in rows.items()
    }


def table(results: Results, first: str) -> None:
    titles = (
        ("avg_iou", 26),
        ("avg_time", 9),
        ("best iou", 10),
        ("AP", 26),
        ("pointing", 10),
        ("SRG", 26),
        ("alone", 8),
        ("off", 7),
        ("calls", 7),
        ("same", 7),
    )
    print("\n" + " " * 24 + "".join(title.rjust(width) for title, width in titles))
    for way, found in results.items():
        shown = (*SHOWN, "seconds", "off", "same")
        cells = {metric: f"{np.mean(list(found[metric].values())):.3f}" for metric in shown}
        cells["calls"] = f"{np.mean(list(found['calls'].values())):.0f}"
        for metric in WITH_INTERVAL:
            low, high = interval(np.array([found[metric][g] - results[first][metric][g] for g in found[metric]]))
            cells[metric] += f" [{low:+.3f}, {high:+.3f}]"
        print(
            f"{way:24}{cells['iou']:>26}{float(cells['seconds']):9.2f}{cells['best-iou']:>10}{cells['ap']:>26}"
            f"{cells['pointing']:>10}{cells['srg']:>26}{cells['sufficiency']:>8}"
            f"{cells['off']:>7}{cells['calls']:>7}{cells['same']:>7}".replace("nan", "   ")
        )


def interval(differences: Floats) -> tuple[float, float]:
    drawn = np.random.default_rng(0).integers(len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def arguments() -> Arguments:
    parser = Arguments(__doc__, photos=1, samples=256, lime_samples=4)
    parser.add_argument("--photos", type=int, default=14)
    parser.add_argument("--without-lime", action="store_true")
    parser.add_argument("--model", default=None, help="name of a model; not given: the default. lime has the default")
    parser.add_argument("--seeds", type=int, default=1, help="runs whose regions are compared")
    parser.add_argument("--only", default="", help="names of ways, with commas between")
    parser.add_argument("--samples", type=int, default=None, help="of seewhy's ways; not given: their own")
    parser.add_argument("--lime-samples", type=int, default=1000)
    return parser


def main() -> None:
    asked = arguments().parse_args()
    if asked.smoke:
        with tempfile.TemporaryDirectory() as folder:
            compare(asked, tiny_model(), made_up_photos(Path(folder)))
        return
    if not (SHARED / "annotations.json").exists():
        print(f"skipped: no photos with masks in {SHARED.name}/")
        return
    compare(asked, seewhy.load_model(asked.model), SHARED)


def compare(asked: Namespace, model: Any, folder: Path) -> None:
    ways: dict[str, Callable[..., Candidate]] = {}
    if not asked.without_lime:
        ways["lime 0.2.0.1, defaults"] = lime_as_its_users(asked.lime_samples)
    wanted = [name.strip() for name in asked.only.split(",") if name.strip()]
    ways |= {
        name: ours(method if asked.samples is None else method.replace(n_samples=asked.samples))
        for name, method in WAYS.items()
        if not wanted or name in wanted
    }
    ways |= dict(BASELINES)
    seewhy.explain(photos(0)[0], model=model, progress=False)  # warm
    results = measured(ways, questions(asked.photos, model, folder), asked.seeds)
    table(results, next(iter(results)))
    count = len(next(iter(results.values()))["iou"])
    print(f"\n{count} photos, one of each sequence; differences are to {next(iter(results))}")


if __name__ == "__main__":
    main()
