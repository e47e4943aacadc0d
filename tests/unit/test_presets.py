"""Presets: the numbers of the five workflows, each by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import seewhy
from seewhy import PRESETS, Display, InvalidInput, Lime, Rise
from seewhy.core.settings import to_toml
from seewhy.methods import as_method
from support.refusing import refuses

BLACK = seewhy.Color(value="#000000")


def test_the_names() -> None:
    assert list(PRESETS) == [
        "lime-default",
        "lime-lab",
        "lime-scratch-resnet18",
        "lime-scratch-resnet50",
        "shapley",
        "rise-lab",
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_frozen_complete_and_can_be_written_down(name: str) -> None:
    preset = PRESETS[name]

    with pytest.raises(FrozenInstanceError):
        preset.targets = "top2"  # type: ignore[misc]
    assert as_method(preset.method.to_dict()) == preset.method
    assert Display(**preset.display.to_dict()) == preset.display
    assert preset.summary
    assert "\n" not in preset.summary
    assert to_toml({"method": preset.method.to_dict(), "display": preset.display.to_dict()})


def test_lime_default_is_lime_as_it_comes() -> None:
    preset = PRESETS["lime-default"]

    assert preset.method == Lime(
        segmentation=seewhy.Quickshift(kernel_size=4, max_dist=200, ratio=0.2, sigma=0),
        fill="segment-mean",
        design="bernoulli",
        keep=0.5,
        n_samples=1000,
        kernel=seewhy.Cosine(width=0.25),
        surrogate=seewhy.Ridge(alpha=1),
        feature_selection="auto",
        num_features=100_000,
        unit="auto",
    )
    assert preset.targets == "top5"
    assert (preset.display.regions, preset.display.sign) == (5, "positive")


def test_lime_lab_is_w4() -> None:
    preset = PRESETS["lime-lab"]

    assert isinstance(preset.method, Lime)
    assert preset.method.num_features == 100_000
    assert (preset.method.n_samples, preset.method.design, preset.method.keep) == (5000, "bernoulli", 0.5)
    assert (preset.method.surrogate, preset.method.kernel) == (seewhy.Ridge(alpha=1), seewhy.Cosine(width=0.25))
    assert preset.method.fill == seewhy.Color(value="gray")
    assert isinstance(preset.method.segmentation, seewhy.Quickshift)
    assert preset.targets == "top3"
    assert (preset.display.regions, preset.display.sign, preset.display.hide_rest) == (15, "positive", True)


def test_lime_lab_hides_what_the_lab_hid() -> None:
    """The lab gave ``hide_color=[0, 0, 0]`` for an image that Keras had scaled to -1..1, as Xception wants it."""
    photo = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    preprocessed = (photo / np.float32(127.5) - 1).astype(np.float32)
    segments = np.arange(40)[None].repeat(32, axis=0) // 10
    sent: dict[str, list[np.ndarray]] = {"lab": [], "preset": []}

    def record(name: str) -> Callable[[np.ndarray], np.ndarray]:
        def scores(batch: np.ndarray) -> np.ndarray:
            sent[name].extend(np.array(batch))
            left = batch[:, :, :20].mean((1, 2, 3))
            return np.stack([0.5 + left / 4, 0.5 - left / 4], axis=1)

        return scores

    lime_image = pytest.importorskip("lime.lime_image", reason="lime is not installed")
    explainer = lime_image.LimeImageExplainer(random_state=0)
    explainer.explain_instance(
        preprocessed.astype(np.double), record("lab"), hide_color=[0, 0, 0], num_samples=30,
        segmentation_fn=lambda _: segments,
    )  # fmt: skip
    method = PRESETS["lime-lab"].method.replace(n_samples=30, segmentation=seewhy.Labels(array=segments))
    network = record("preset")
    model = seewhy.FunctionModel(lambda batch: network(2 * batch - 1), kind="probability")
    seewhy.explain(photo, model=model, method=method, targets=[0], progress=False)

    def hidden(name: str) -> np.ndarray:
        return np.concatenate([image[image != preprocessed].ravel() for image in sent[name]])

    assert np.abs(hidden("lab")).max() < 1e-6
    assert np.abs(hidden("preset")).max() < 0.005  # one part of 255: 128 / 255 is the gray nearest to the middle


def test_lime_scratch_resnet18_is_w2() -> None:
    preset = PRESETS["lime-scratch-resnet18"]

    assert isinstance(preset.method, Lime)
    assert isinstance(preset.method.segmentation, seewhy.Slic)
    assert preset.method.segmentation.n_segments == 50
    assert (preset.method.n_samples, preset.method.design, preset.method.keep) == (100, "drop-fraction", 0.8)
    assert isinstance(preset.method.surrogate, seewhy.Lasso)
    assert preset.method.kernel == seewhy.InverseL2()
    assert (preset.display.regions, preset.display.sign) == (7, "both")  # the 7 largest by magnitude
    assert preset.targets == "top3"


def test_lime_scratch_resnet50_is_w3() -> None:
    preset = PRESETS["lime-scratch-resnet50"]

    assert isinstance(preset.method, Lime)
    assert isinstance(preset.method.segmentation, seewhy.Slic)
    assert (preset.method.segmentation.n_segments, preset.method.n_samples) == (20, 500)
    assert (preset.method.design, preset.method.keep) == ("bernoulli", 0.5)
    assert preset.method.fill == BLACK
    assert preset.method.surrogate == seewhy.Lasso(alpha=0.1)
    assert isinstance(preset.method.kernel, seewhy.ImageCosine)
    assert preset.method.unit == "score"
    assert preset.display.sign == "positive"
    assert preset.targets == "top3"


def test_rise_lab_is_w5() -> None:
    preset = PRESETS["rise-lab"]

    assert isinstance(preset.method, Rise)
    assert (preset.method.n_samples, preset.method.grid, preset.method.keep) == (2000, 8, 0.5)
    assert (preset.method.design, preset.method.estimator) == ("bernoulli", "reference")


def test_a_preset_is_a_start_not_an_end() -> None:
    changed = PRESETS["lime-lab"].method.replace(n_samples=50)

    assert changed.n_samples == 50
    assert PRESETS["lime-lab"].method.n_samples == 5000
    with refuses(InvalidInput, "Lime.n_samples", value=0):
        PRESETS["lime-lab"].method.replace(n_samples=0)
