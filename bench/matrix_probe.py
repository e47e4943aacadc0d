"""What every environment of the version matrix is asked: explain by each method, load an old result file.

Run by bench/matrix.py with the Python of an environment: FOLDER, OLD_FILE and the numbers of samples; with a fourth
argument by a model that takes no time. Prints JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import skimage

import seewhy

PHOTO = Path(skimage.__file__).parent / "data" / "coffee.png"


def tiny_model() -> seewhy.FunctionModel:
    def scores(batch: Any) -> Any:
        return np.stack([batch[:, :24].mean(axis=(1, 2, 3)), batch[:, 24:].mean(axis=(1, 2, 3)) / 2], axis=1)

    return seewhy.FunctionModel(scores, input_size=48, kind="score")


def decisions(found: seewhy.Explanation) -> dict[str, Any]:
    """Return what a person would read off: the class, the method, when the run stopped, the regions that are shown."""
    shown = hashlib.sha256(np.packbits(found.region()).tobytes()).hexdigest()[:12]
    target = found.targets[0]
    return {
        "class": target.label, "method": found.method.name, "unit": target.unit, "samples": len(found.samples),
        "stopped by": found.stop.by, "shown": shown,
    }  # fmt: skip


def explained(method: str, samples: int, folder: Path, model: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"name": method}
    if method != "occlusion":  # which has as many as there are places of its window
        settings["n_samples"] = samples
    found = seewhy.explain(PHOTO, model=model, method=settings, seed=0, progress=False)
    path = found.save(folder / f"{method}.seewhy")
    np.save(folder / f"{method}.npy", found.heatmap())
    kept = found.samples
    asked = hashlib.sha256(np.ascontiguousarray(kept.bits).tobytes() + np.ascontiguousarray(kept.scores).tobytes())
    return {
        "bytes": hashlib.sha256(path.read_bytes()).hexdigest()[:12],
        "samples": asked.hexdigest()[:12],
        "decisions": decisions(found),
    }


def loaded(old: Path) -> dict[str, Any]:
    found = seewhy.load(old)
    found.refit(unit="log-odds")
    return {"top": [region.segment for region in found.top(3)]}


def tried(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what the work gives, with its seconds, or the error's first line."""
    start = perf_counter()
    try:
        answer = work()
    except Exception as error:  # noqa: BLE001  # any failure is a cell of the table
        answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:160]}
    return answer | {"seconds": round(perf_counter() - start, 2)}


def main() -> None:
    folder, old, samples = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model() if sys.argv[4:] else seewhy.load_model(None)
    methods = {name: tried(partial(explained, name, samples, folder, model)) for name in seewhy.METHODS}
    print(json.dumps({"seewhy": seewhy.__version__, "methods": methods, "old file": tried(partial(loaded, old))}))


if __name__ == "__main__":
    main()
