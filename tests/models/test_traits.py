"""What a model states about itself beyond the protocol."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import ModelError
from seewhy.engine.together import Together
from seewhy.engine.traits import ModelTraits, traits_of
from seewhy.models.recipes import Recalled
from seewhy.testing import check_model

PHOTO = np.random.default_rng(3).integers(0, 255, (16, 16, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), fill="black", n_samples=16)


def scores(batch):
    return np.stack([batch.mean(axis=(1, 2, 3)), batch[:, :8].mean(axis=(1, 2, 3))], axis=1)


class Bare:
    """The protocol and nothing else."""

    def __init__(self, function=scores):
        self._inner = seewhy.FunctionModel(function, kind="score", name="bare")
        self.name, self.fingerprint, self.kind = "bare", "bare:1", "score"
        self.labels = self.channels = self.batch_size = None
        self.layout, self.in_flight = "NHWC", 0
        self.view, self.prepare, self.stream = self._inner.view, self._inner.prepare, self._inner.stream


class Stating(Bare):
    def __init__(self, **stated):
        super().__init__()
        self.traits = ModelTraits(**stated)


def test_a_model_of_the_protocol_alone_works_and_has_the_defaults():
    assert traits_of(Bare()) == ModelTraits()
    check_model(Bare())

    assert seewhy.explain(PHOTO, model=Bare(), method=LIME).n_evaluations == 16


def test_what_is_stated_reaches_the_result():
    sizes = []

    def counting(batch):
        sizes.append(len(batch))
        return scores(batch)

    model = Stating(notes=("its labels were guessed",), run_by="a toaster", at_most=3, tested=True)
    model.stream = Bare(counting).stream
    found = seewhy.explain(PHOTO, model=model, method=LIME)

    assert max(sizes) == 3
    assert found.model.run_by == "a toaster"
    assert "its labels were guessed" in found.warnings


def test_what_is_no_traits_is_refused():
    model = Bare()
    model.traits = {"at_most": 3}

    with pytest.raises(ModelError, match=r"Bare\.traits must be"):
        seewhy.explain(PHOTO, model=model, method=LIME)


@pytest.mark.parametrize(
    "stated",
    [
        {"at_most": 0},
        {"notes": "one text"},
        {"notes": (1,)},
        {"ends": (1.0, 0.0)},
        {"exact": seewhy.FunctionModel(scores)},
    ],
    ids=["at_most", "notes of text", "notes of numbers", "ends", "exact"],
)
def test_the_check_of_models_names_the_trait_that_breaks_a_rule(stated):
    (name,) = stated

    with pytest.raises(AssertionError, match=f"traits.{name} must"):
        check_model(Stating(**stated))


def test_a_shared_model_shares_its_original_too():
    exact = Bare()
    with Together() as together:
        shared = traits_of(together.share(Stating(exact=exact, checked=lambda _: exact)))

        assert shared.exact.model is exact
        assert shared.checked(None).model is exact


def test_a_recalled_model_states_what_the_loaded_one_does():
    class Recipe:
        def load(self):
            return Stating(code="c0de")

    assert traits_of(Recalled(Recipe(), "bare")).code == "c0de"
