"""PyTorch modules: run as they are, left as they were, the same as by hand."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models.torch.modules import digest
from seewhy.models.torch.runtime import in_eval_mode
from seewhy.testing import check_model
from support.refusing import refuses
from support.torch_nets import GRID, PHOTO, RAW, SIZE, Corner, by_hand, small

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("runtime", ["auto", "native", "openvino"])
def test_the_adapter_keeps_the_contract(runtime):
    check_model(seewhy.load_model(small(), preprocessing=RAW, runtime=runtime))


@pytest.mark.parametrize("runtime", ["native", "openvino"])
@pytest.mark.parametrize("method", [GRID, seewhy.Rise(grid=4, n_samples=128)])
def test_an_explanation_is_that_of_a_plain_callable(runtime, method):
    got = seewhy.explain(PHOTO, model=seewhy.load_model(small(), preprocessing=RAW, runtime=runtime), method=method)
    plain = seewhy.explain(PHOTO, model=by_hand(small(), "logit"), method=method)

    assert [one.index for one in got.targets] == [one.index for one in plain.targets]
    assert np.ptp(plain.heatmap()) > 0.01, "too flat to show anything"
    np.testing.assert_allclose(got.heatmap(), plain.heatmap(), atol=1e-4)


@pytest.mark.parametrize("runtime", ["native", "openvino"])
def test_planted_truth_shows_through_the_adapter(runtime):
    got = seewhy.explain(
        np.full((SIZE, SIZE, 3), 255, np.uint8),
        model=seewhy.load_model(Corner(), preprocessing=RAW, runtime=runtime, head="logits"),
        method=GRID.replace(unit="score"),
        targets=0,
    )
    values = got.values().reshape(4, 4)
    np.testing.assert_allclose(values[:2, :2], 1, atol=1e-4)
    np.testing.assert_allclose(np.delete(values.ravel(), [0, 1, 4, 5]), 0, atol=1e-4)


def test_a_module_that_trains_is_run_in_eval_mode_and_trains_on_afterwards():
    net = small()
    net.train()
    net[1].eval()  # a part that its owner has frozen
    before = [part.training for part in net.modules()], net[1].running_mean.clone()
    got = seewhy.explain(PHOTO, model=seewhy.load_model(net, preprocessing=RAW), method=GRID)
    plain = seewhy.explain(PHOTO, model=by_hand(small(), "logit"), method=GRID)

    assert [part.training for part in net.modules()] == before[0]
    assert torch.equal(net[1].running_mean, before[1])
    np.testing.assert_allclose(got.heatmap(), plain.heatmap(), atol=1e-4)


def test_it_trains_on_even_where_it_fails():
    net = small().train()
    with pytest.raises(RuntimeError), in_eval_mode(net):
        raise RuntimeError
    assert all(part.training for part in net.modules())


def test_number_types_are_respected():
    model = seewhy.load_model(small().double(), preprocessing=RAW, runtime="native")
    (scores,) = model.stream([model.prepare(PHOTO / np.float32(255))[None]])
    assert scores.dtype == np.float32
    assert next(small().double().parameters()).dtype == torch.float64


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, {"setting": "preprocessing", "rule": "be given"}),
        ({"preprocessing": "imagnet"}, {"setting": "preprocessing", "value": "imagnet"}),
        ({"preprocessing": RAW, "head": "softmx"}, {"setting": "ModelOptions.head", "value": "softmx"}),
        ({"preprocessing": RAW, "head": "sigmoid"}, {"setting": "head", "value": "sigmoid"}),
        ({"preprocessing": RAW, "labels": ["a", "b"]}, {"setting": "labels", "value": 2}),
        ({"preprocessing": RAW, "labels": "/no/such/file"}, {"setting": "/no/such/file", "rule": "be a file"}),
        ({"preprocessing": RAW, "runtime": "native", "precision": "bf16"}, {"setting": "precision", "value": "bf16"}),
        ({"preprocessing": RAW, "device": "cuda:77"}, {"setting": "device", "value": "cuda:77"}),
        ({"preprocessing": RAW, "colour": 1}, {"setting": "ModelOptions.colour", "rule": "not a setting"}),
        (
            {"preprocessing": RAW.replace(layout="NHWC")},
            {"setting": "preprocessing.layout of the torch module Sequential", "value": "NHWC"},
        ),
    ],
)
def test_what_does_not_fit_is_named(options, rule):
    with refuses(InvalidInput, **rule):
        seewhy.load_model(small(), **options)


def test_a_module_that_cannot_take_the_size_says_so():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 20 * 20, 2))
    with refuses(ModelError, "model", value=(3, 16, 16)):
        seewhy.load_model(net, preprocessing=RAW)
    assert seewhy.load_model(net, preprocessing=RAW, input_size=20).view(40, 40).height == 20


@pytest.mark.slow
def test_the_fingerprint_is_of_weights_preprocessing_and_head():
    def of(net, **more):
        return seewhy.load_model(net, **({"preprocessing": RAW} | more)).fingerprint

    other = small()
    other[6].bias.data[0] += 1e-3
    different = [
        *(of(small()), of(other), of(small(), head="multi-label-logits"), of(small(), runtime="native")),
        *(of(small(), preprocessing="imagenet", input_size=SIZE), of(small(), precision="bf16")),
    ]
    assert of(small()) == different[0]
    assert len(set(different)) == len(different)
    assert digest(small()) != digest(small(torch.nn.Identity()))


def test_what_a_module_keeps_can_be_trained_on():
    class Keeps(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.kept = small(), None

        def forward(self, pictures):
            self.kept = pictures if self.kept is None else self.kept
            return self.inner(pictures)

    net = Keeps()
    seewhy.explain(PHOTO, model=seewhy.load_model(net, preprocessing=RAW, runtime="native"), method=GRID)
    net.train()
    net.inner(net.kept).sum().backward()


def test_the_fingerprint_sees_numbers_that_stand_beside_weights():
    class Scaled(torch.nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.inner, self.factor = small(), factor

        def forward(self, pictures):
            return self.factor * self.inner(pictures)

    assert digest(Scaled(1.0)) != digest(Scaled(-5.0))
    assert digest(Scaled(1.0)) == digest(Scaled(1.0))


def test_the_most_pictures_at_once_are_kept_to():
    sizes = []

    class Counts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small()

        def forward(self, pictures):
            sizes.append(len(pictures))
            return self.inner(pictures)

    model = seewhy.load_model(Counts(), preprocessing=RAW, runtime="native", batch_size=2)
    seewhy.explain(PHOTO, model=model, method=GRID)
    assert max(sizes) == 2
    assert seewhy.load_model(small(), preprocessing=RAW, batch_size=3).batch_size == 3


def test_labels_that_are_none_are_refused():
    with refuses(InvalidInput, "ModelOptions.labels", value=5):
        seewhy.load_model(small(), preprocessing=RAW, labels=5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("runtime", ["auto", "native"])
def test_a_quantized_module_runs_and_is_told_from_others(runtime):
    def quantized(factor=1.0):
        net = small()
        net[6].weight.data *= factor
        return torch.ao.quantization.quantize_dynamic(net.eval(), {torch.nn.Linear}, dtype=torch.qint8)

    model = seewhy.load_model(quantized(), preprocessing=RAW, runtime=runtime)
    got = seewhy.explain(PHOTO, model=model, method=GRID)
    plain = seewhy.explain(PHOTO, model=by_hand(quantized(), "logit"), method=GRID)
    np.testing.assert_allclose(got.heatmap(), plain.heatmap(), atol=1e-3)
    assert digest(quantized()) == digest(quantized())
    assert len({digest(one) for one in (quantized(), quantized(2.0), small())}) == 3


def test_weights_that_are_not_there_are_refused():
    with torch.device("meta"):
        empty = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIZE * SIZE, 2))
    for device in ("auto", "cpu"):
        with refuses(InvalidInput, "model", value="1.weight"):
            seewhy.load_model(empty, preprocessing=RAW, device=device)
    lazy = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2))
    with refuses(InvalidInput, "model", value="1.weight"):
        seewhy.load_model(lazy, preprocessing=RAW)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_exported_program_is_refused_and_its_module_taken():
    free = ({0: torch.export.Dim("n", min=1, max=1024)},)
    program = torch.export.export(small().eval(), (torch.zeros(2, 3, SIZE, SIZE),), dynamic_shapes=free)
    with refuses(InvalidInput, "model", value="ExportedProgram"):
        seewhy.load_model(program, preprocessing=RAW)

    got = seewhy.explain(PHOTO, model=seewhy.load_model(program.module(), preprocessing=RAW), method=GRID)
    plain = seewhy.explain(PHOTO, model=by_hand(small(), "logit"), method=GRID)
    np.testing.assert_allclose(got.heatmap(), plain.heatmap(), atol=1e-4)
    again = seewhy.load_model(program.module(), preprocessing=RAW, device="cpu", runtime="native")
    assert again.identity == seewhy.load_model(program.module(), preprocessing=RAW, runtime="native").identity


def test_a_size_that_a_name_decides_is_said():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

    found = seewhy.load_model(net, preprocessing="imagenet")
    told = seewhy.load_model(net, preprocessing="imagenet", input_size=64)

    assert found.preprocessing.size == (224, 224)
    assert any("photos have 224x224 pixels, the size of imagenet" in note for note in found.notes)
    assert not any("the size of imagenet" in note for note in told.notes)
