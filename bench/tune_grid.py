"""Model calls of a parameter lab's grid: every setting run anew, and all of them read from the same answers.

The grid is num_features x num_samples x positive_only x negative_only x hide_rest x regions shown, each setting scored
by showing the region alone to the model. Asking for positive_only and negative_only at once contradicts itself, so a
quarter of the settings shows nothing.

Run: ``python bench/tune_grid.py [PHOTO] [--samples 100 1000 5000] [--regions 5 15] [--model NAME] [--smoke]``.
"""

from __future__ import annotations

from itertools import product

import seewhy
from arguments import Arguments
from measure import tiny_model
from seewhy.tune import tune

FEATURES = [5, 10, 100_000]
SIGNS = {(True, False): "positive", (False, True): "negative", (False, False): "both"}


def arguments() -> Arguments:
    parser = Arguments(__doc__, samples=[32, 64], regions=[2, 5])
    parser.add_argument("photo", nargs="?")
    parser.add_argument("--samples", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--regions", type=int, nargs="+", default=[5, 15])
    parser.add_argument("--model")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    lab = seewhy.PRESETS["lime-lab"]
    given = {"photos": asked.photo or _cat(), "metric": "sufficiency", "search": False}
    given["model"] = tiny_model() if asked.smoke and asked.model is None else asked.model
    free = {
        "num_features": FEATURES, "n_samples": asked.samples, "sign": list(SIGNS.values()), "regions": asked.regions,
        "hide_rest": [False, True], "kernel": ["cosine"], "surrogate": ["ridge"],
    }  # fmt: skip
    found = tune(start=lab.method, display=lab.display, free=free, progress=None, **given)

    switches = list(product([True, False], repeat=2))
    grid = list(product(FEATURES, asked.samples, switches, asked.regions, free["hide_rest"]))
    possible = [one for one in grid if one[2] in SIGNS]
    anew = sum(n + 2 for _, n, *_ in possible)
    print(f"settings                    {len(grid)}, of which {len(possible)} show something")
    print(f"run anew, model calls       {anew}: for each that does, an explanation and a call for its region")
    print(f"read from the same answers  {found.calls.total}: {found.calls.explaining} explaining,")
    regions = found.calls.metrics // 2
    print(f"                            {found.calls.metrics} for {regions} distinct regions on two fills,")
    print(f"                            {found.calls.baselines} for baselines, {found.calls.photos} for the photo")
    print(f"times fewer                 {anew / found.calls.total:.1f}")
    print()
    print(found)


def _cat() -> object:
    from skimage import data

    return data.chelsea()


if __name__ == "__main__":
    main()
