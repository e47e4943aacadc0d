"""Torch modules compiled by OpenVINO: held against the original, which runs by itself where the two differ."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import ModelError
from seewhy.models.compiled.assembly import first_sentence
from seewhy.models.torch.modules import digest
from support.refusing import refuses
from support.torch_nets import GRID, PHOTO, RAW, SIZE, by_hand, small

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Stretched(torch.nn.Module):
    """Answers by a factor that stands beside its weights; a compiled network keeps that of its making."""

    def __init__(self, **more):
        super().__init__()
        self.inner, self.factor = small(**more), 1.0

    def forward(self, pictures):
        return self.factor * self.inner(pictures)


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


@pytest.mark.slow
def test_a_compiled_model_is_held_against_the_original_on_the_photo():
    got = seewhy.explain(PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID)
    assert got.model.run_by.startswith("OpenVINO f32, up to ")
    assert got.to_dict()["run_by"] == got.model.run_by

    net = Stretched()
    model = seewhy.load_model(net, preprocessing=RAW)
    net.factor = -1.0  # now the two are different networks
    got = seewhy.explain(PHOTO, model=model, method=GRID)
    assert got.model.run_by == ""
    assert any("the limit is 0.001" in note for note in got.warnings)


@pytest.mark.slow
def test_going_on_holds_it_against_the_original_again(tmp_path):
    got = seewhy.explain(PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID)
    path = got.save(tmp_path / "a.seewhy")
    more = seewhy.load(path).continue_(model=seewhy.load_model(small(), preprocessing=RAW), n_samples=256)
    straight = seewhy.explain(
        PHOTO, model=seewhy.load_model(small(), preprocessing=RAW), method=GRID.replace(n_samples=256)
    )
    np.testing.assert_array_equal(more.values(), straight.values())


def test_without_a_preflight_a_compiled_model_is_held_against_the_original_all_the_same():
    net = Stretched()
    model = seewhy.load_model(net, preprocessing=RAW)
    net.factor = -1.0
    got = seewhy.explain(PHOTO, model=model, method=GRID, preflight=False)
    assert any("the limit is 0.001" in note for note in got.warnings)


@pytest.mark.slow
def test_a_regression_that_is_compiled_wrongly_is_found_out_at_any_scale():
    for factor in (1e-3, 1.0, 1e3):
        net = Stretched(outputs=1)
        net.factor = factor
        model = seewhy.load_model(net, preprocessing=RAW, head="regression")
        net.factor = 1.01 * factor
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


# --- what cannot be traced as it is ----------------------------------------------------------------------------


class Around(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, pictures):
        return self.inner(pictures)


class Decorated(Around):
    @torch.compile(backend="eager")
    def forward(self, pictures):
        return self.inner(pictures)


class WithTrainer(Around):
    """As Lightning's modules are: a property that fails where there is no trainer, unless a class variable is set."""

    _jit_is_scripting = False

    @property
    def trainer(self):
        if not self._jit_is_scripting:
            msg = "WithTrainer is not attached to a `Trainer`."
            raise RuntimeError(msg)


def exported():
    free = ({0: torch.export.Dim("n", min=1, max=1024)},)
    return torch.export.export(small().eval(), (torch.zeros(2, 3, SIZE, SIZE),), dynamic_shapes=free).module()


def in_place(net):
    net.compile(backend="eager")
    return net


UNTRACEABLE = {
    "compiled": lambda: torch.compile(small(), backend="eager"),
    "compiled inside": lambda: Around(torch.compile(small(), backend="eager")),
    "compiled in place": lambda: in_place(small()),
    "compiled in place inside": lambda: Around(in_place(small())),
    "compiled forward": lambda: Decorated(small()),
    "with a trainer": lambda: WithTrainer(small()),
    "with a trainer inside": lambda: Around(WithTrainer(small())),
    "exported": exported,
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("make", UNTRACEABLE.values(), ids=UNTRACEABLE)
def test_what_forbids_tracing_is_taken_off_while_openvino_reads_it(make):
    net = make()
    before = {name: dict(vars(part)) for name, part in net.named_modules()}
    model = seewhy.load_model(net, preprocessing=RAW)

    assert {name: dict(vars(part)) for name, part in net.named_modules()} == before
    assert not WithTrainer._jit_is_scripting
    got = seewhy.explain(PHOTO, model=model, method=GRID)
    plain = seewhy.explain(PHOTO, model=by_hand(small(), "logit"), method=GRID)
    assert got.model.run_by.startswith("OpenVINO f32")
    np.testing.assert_allclose(got.heatmap(), plain.heatmap(), atol=1e-4)


def test_a_compiled_module_is_the_one_that_it_was_made_of():
    net = small()
    plain = seewhy.load_model(net, preprocessing=RAW)
    compiled = seewhy.load_model(torch.compile(net, backend="eager"), preprocessing=RAW)
    assert compiled.name == "Sequential"
    assert compiled.fingerprint == plain.fingerprint
    assert digest(net) == digest(small())


def test_why_something_cannot_be_traced_is_one_sentence():
    class Refuses(Around):
        def forward(self, pictures):
            if torch.jit.is_tracing():
                msg = f"No tracer follows {'this and ' * 80}that. Try something else."
                raise ValueError(msg)
            return self.inner(pictures)

    model = seewhy.load_model(Refuses(small()), preprocessing=RAW)
    (note,) = [note for note in model.notes if "its own framework" in note]
    assert note.startswith(
        "Refuses is run by its own framework, because OpenVINO cannot run it: it cannot be traced: No tracer"
    )
    assert note.endswith(("this ...", "and ..."))
    assert len(note) < 400
    with refuses(ModelError, "runtime", value="Refuses"):
        seewhy.load_model(Refuses(small()), preprocessing=RAW, runtime="openvino")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("It broke.\n  In two. Twice."), "It broke."),
        (ValueError("see node.cpp:155. and on"), "see node.cpp:155. and on"),
        (ValueError(), "ValueError"),
        (KeyError("fc"), "'fc'"),
        (ValueError("word " * 100), "word " * 59 + "..."),
    ],
)
def test_of_an_error_the_first_sentence_is_noted(error, said):
    assert first_sentence(error) == said
