"""PyTorch modules, torchvision's and timm's classifiers: run as they are, left as they were, the same as by hand."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.errors import InvalidInput, ModelError
from seewhy.models import heads
from seewhy.models.torch_models import digest, last_layer
from seewhy.models.torch_runtime import TorchRuntime, in_eval_mode
from seewhy.testing import check_model
from support.torch_nets import small

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SIZE = 16
RAW = seewhy.Preprocessing(size=(SIZE, SIZE))
PHOTO = np.random.default_rng(3).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
GRID = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=128)


def by_hand(net, head=None):
    """A plain callable around the same network, prepared by hand."""

    def function(batch):
        with torch.no_grad():
            answer = net.eval()(torch.from_numpy(batch.transpose(0, 3, 1, 2).copy()))
        return answer.numpy()

    return seewhy.FunctionModel(function, input_size=SIZE, kind=head)


class Corner(torch.nn.Module):
    """Reads the upper left quarter alone."""

    def forward(self, pictures):
        quarter = pictures[:, :, : SIZE // 2, : SIZE // 2].mean(dim=(1, 2, 3))
        return torch.stack([4 * quarter, torch.ones_like(quarter)], dim=1)


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
    ("net", "raw", "head", "kind", "said"),
    [
        (small(torch.nn.Softmax(dim=1)), None, "softmax", "probability", False),
        (small(), None, "logits", "logit", True),
        (small(torch.nn.Sigmoid(), outputs=1), None, "sigmoid", "probability", False),
        (small(torch.nn.Sigmoid(), outputs=4), None, "multi-label", "probability", False),
        (small(outputs=1), None, "regression", "score", True),
        (small(outputs=1), "sigmoid-logit", "sigmoid-logit", "logit", False),
        (small(outputs=4), "multi-label-logits", "multi-label-logits", "probability", False),
    ],
)
def test_heads_are_recognized_and_what_is_assumed_is_said(net, raw, head, kind, said):
    model = seewhy.load_model(net, preprocessing=RAW, **({} if raw is None else {"head": raw}))

    assert model.head.name == head
    assert model.kind == kind
    assert any("head=" in note for note in model.notes) == said
    scores = np.concatenate(list(model.stream([model.prepare(PHOTO / np.float32(255))[None]])))
    if head in {"sigmoid", "sigmoid-logit"}:
        assert scores.shape == (1, 2)
    if head == "sigmoid":
        assert scores.sum() == pytest.approx(1)
    check_model(model)


def test_the_one_output_of_two_classes_is_explained_as_two():
    net = small(torch.nn.Sigmoid(), outputs=1)
    model = seewhy.load_model(net, preprocessing=RAW, labels=("cat", "dog"))
    both = seewhy.explain(PHOTO, model=model, method=GRID, targets=["cat", "dog"])
    np.testing.assert_allclose(both.values(0), -both.values(1), atol=1e-6)


def test_every_head_is_tried():
    assert set(heads.HEADS) == {
        *("softmax", "logits", "sigmoid", "sigmoid-logit"),
        *("multi-label", "multi-label-logits", "regression"),
    }


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, "does not say how a photo must be prepared"),
        ({"preprocessing": "imagnet"}, "preprocessing"),
        ({"preprocessing": RAW, "head": "softmx"}, "head"),
        ({"preprocessing": RAW, "head": "sigmoid"}, "needs 1 output"),
        ({"preprocessing": RAW, "labels": ["a", "b"]}, "3 classes"),
        ({"preprocessing": RAW, "labels": "/no/such/file"}, "labels"),
        ({"preprocessing": RAW, "runtime": "native", "precision": "bf16"}, "runtime is native"),
        ({"preprocessing": RAW, "device": "cuda:77"}, "device"),
        ({"preprocessing": RAW, "colour": 1}, "is not a setting"),
        ({"preprocessing": RAW.replace(layout="NHWC")}, "layout"),
    ],
)
def test_what_does_not_fit_is_named(options, rule):
    with pytest.raises(InvalidInput, match=rule):
        seewhy.load_model(small(), **options)


def test_a_module_that_cannot_take_the_size_says_so():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 20 * 20, 2))
    with pytest.raises(ModelError, match=r"\(3, 16, 16\).*input_size"):
        seewhy.load_model(net, preprocessing=RAW)
    assert seewhy.load_model(net, preprocessing=RAW, input_size=20).view(40, 40).height == 20


def test_what_openvino_cannot_take_runs_by_itself_and_says_so():
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small()

        def forward(self, pictures):
            return self.inner(torch.from_numpy(pictures.numpy().copy()))  # no tracer follows this

    model = seewhy.load_model(Odd(), preprocessing=RAW)
    # A trace freezes what it cannot follow; the check on the photo finds that out, if the conversion did not.
    got = seewhy.explain(PHOTO, model=model, method=GRID)
    plain = seewhy.explain(PHOTO, model=by_hand(small(), "logit"), method=GRID)
    np.testing.assert_allclose(got.heatmap(), plain.heatmap(), atol=1e-4)
    assert got.model.run_by == ""
    assert any("its own framework" in note for note in got.warnings)


def test_a_compiled_model_is_held_against_the_original_on_the_photo():
    got = seewhy.explain(PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID)
    assert got.model.run_by.startswith("OpenVINO f32, up to ")
    assert got.to_dict()["run_by"] == got.model.run_by

    net = small()
    model = seewhy.load_model(net, preprocessing=RAW)
    net[6] = torch.nn.Linear(8, 3)  # now the two are different networks
    got = seewhy.explain(PHOTO, model=model, method=GRID)
    assert got.model.run_by == ""
    assert any("the limit is 0.001" in note for note in got.warnings)


def test_going_on_holds_it_against_the_original_again(tmp_path):
    got = seewhy.explain(PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID)
    path = got.save(tmp_path / "a.seewhy")
    more = seewhy.load(path).continue_(model=seewhy.load_model(small(), preprocessing=RAW), n_samples=256)
    straight = seewhy.explain(
        PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID.replace(n_samples=256)
    )
    np.testing.assert_array_equal(more.values(), straight.values())


def test_lower_precision_is_measured_and_said():
    model = seewhy.load_model(small(), preprocessing=RAW, precision="bf16")
    got = seewhy.explain(PHOTO, model=model, method=GRID)
    assert "OpenVINO bf16" in got.model.run_by
    assert got.samples.n_exact == 16
    assert (
        got.warnings == seewhy.explain(PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID).warnings
    )


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


def test_the_last_layer_is_seen():
    assert last_layer(small(torch.nn.Softmax(dim=1))) == "softmax"
    assert last_layer(small(torch.nn.Sigmoid())) == "sigmoid"
    assert last_layer(small()) == "linear"
    assert last_layer(Corner()) == "unknown"


def test_answers_that_hold_the_numbers_are_opened():
    class Named(torch.nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.inner, self.wrap = small(), wrap

        def forward(self, pictures):
            return self.wrap(self.inner(pictures))

    expected = None
    for wrap in (lambda x: x, lambda x: (x, x[:, :1]), lambda x: {"logits": x}, lambda x: [x]):
        runtime = TorchRuntime(Named(wrap))
        (found,) = runtime.stream([np.ones((2, 3, SIZE, SIZE), np.float32)])
        expected = found if expected is None else expected
        np.testing.assert_array_equal(found, expected)


def test_a_last_layer_that_is_not_used_is_not_believed():
    net = small()
    net.unused = torch.nn.Softmax(dim=1)

    class Holds(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.unused = small(), torch.nn.Softmax(dim=1)

        def forward(self, pictures):
            return self.inner(pictures)

    assert last_layer(Holds()) == "softmax"
    model = seewhy.load_model(Holds(), preprocessing=RAW)
    assert model.head.name == "logits"
    assert any("head=" in note for note in model.notes)


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


def test_a_regression_that_is_compiled_wrongly_is_found_out_at_any_scale():
    for factor in (1e-3, 1.0, 1e3):
        net = small(outputs=1)
        net[6].weight.data *= factor
        net[6].bias.data *= factor
        model = seewhy.load_model(net, preprocessing=RAW, head="regression")
        net[6] = torch.nn.Linear(8, 1)
        net[6].weight.data *= 2 * factor
        got = seewhy.explain(PHOTO, model=model, method=GRID)
        assert any("the limit is 0.001" in note for note in got.warnings), factor


def test_without_a_preflight_a_compiled_model_is_held_against_the_original_all_the_same():
    net = small()
    model = seewhy.load_model(net, preprocessing=RAW)
    net[6] = torch.nn.Linear(8, 3)
    got = seewhy.explain(PHOTO, model=model, method=GRID, preflight=False)
    assert any("the limit is 0.001" in note for note in got.warnings)


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
    with pytest.raises(
        InvalidInput, match=r"ModelOptions.labels must be imagenet, a text file, or a list of names, got 5"
    ):
        seewhy.load_model(small(), preprocessing=RAW, labels=5)


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
        with pytest.raises(InvalidInput, match=r"weights of Sequential must be loaded, but 1\.weight is on the meta"):
            seewhy.load_model(empty, preprocessing=RAW, device=device)
    lazy = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2))
    with pytest.raises(InvalidInput, match=r"1\.weight is made by the first pictures; run it on some first"):
        seewhy.load_model(lazy, preprocessing=RAW)


def test_of_a_chosen_output_the_last_layer_says_nothing():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.last = small(), torch.nn.Sigmoid()

        def forward(self, pictures):
            found = self.inner(pictures)
            return {"answers": self.last(found), "shares": found.square() / (1 + found.square())}

    assert seewhy.load_model(Two(), preprocessing=RAW).head.name == "multi-label"
    model = seewhy.load_model(Two(), preprocessing=RAW, output_name="shares")
    assert model.head.name == "logits"
    assert any("head=" in note for note in model.notes)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_of_numbers_reach_openvino(kind):
    net = small().to(kind)
    model = seewhy.load_model(net, preprocessing=RAW, runtime="openvino")
    prepared = np.random.default_rng(0).random((4, 3, SIZE, SIZE), np.float32)
    (found,) = model.stream([prepared.copy()])
    with torch.no_grad():
        answers = net.eval()(torch.from_numpy(prepared).to(kind)).float().numpy()

    np.testing.assert_allclose(found, answers, atol={torch.float16: 0.01, torch.bfloat16: 0.1}.get(kind, 1e-4))
    assert next(net.parameters()).dtype == kind
    if kind == torch.float64:
        got = seewhy.explain(PHOTO, model=seewhy.load_model(net, preprocessing=RAW), method=GRID)
        assert got.model.run_by.startswith("OpenVINO f32")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_exported_program_is_refused_and_its_module_taken():
    free = ({0: torch.export.Dim("n", min=1, max=1024)},)
    program = torch.export.export(small().eval(), (torch.zeros(2, 3, SIZE, SIZE),), dynamic_shapes=free)
    with pytest.raises(InvalidInput, match=r"is none: write it with torch\.export\.save .* program\.module\(\)"):
        seewhy.load_model(program, preprocessing=RAW)

    got = seewhy.explain(PHOTO, model=seewhy.load_model(program.module(), preprocessing=RAW), method=GRID)
    plain = seewhy.explain(PHOTO, model=by_hand(small(), "logit"), method=GRID)
    np.testing.assert_allclose(got.heatmap(), plain.heatmap(), atol=1e-4)
    again = seewhy.load_model(program.module(), preprocessing=RAW, device="cpu", runtime="native")
    assert again.identity == seewhy.load_model(program.module(), preprocessing=RAW, runtime="native").identity
