"""Torch modules compiled by OpenVINO: held against the original, which runs by itself where the two differ."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from support.torch_nets import GRID, PHOTO, RAW, SIZE, by_hand, small

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


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


def test_without_a_preflight_a_compiled_model_is_held_against_the_original_all_the_same():
    net = small()
    model = seewhy.load_model(net, preprocessing=RAW)
    net[6] = torch.nn.Linear(8, 3)
    got = seewhy.explain(PHOTO, model=model, method=GRID, preflight=False)
    assert any("the limit is 0.001" in note for note in got.warnings)


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


def test_lower_precision_is_measured_and_said():
    model = seewhy.load_model(small(), preprocessing=RAW, precision="bf16")
    got = seewhy.explain(PHOTO, model=model, method=GRID)
    assert "OpenVINO bf16" in got.model.run_by
    assert got.samples.n_exact == 16
    assert (
        got.warnings == seewhy.explain(PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID).warnings
    )


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
