"""A run goes on with the model that answered before, and with no other of its name."""

import functools

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import FunctionModel
from support.asked import LIME, LOOK, PHOTO, logits
from support.refusing import refuses


def softmax(batch):
    raw = np.exp(logits(batch))
    return raw / raw.sum(axis=1, keepdims=True)


def _loaded(model, tmp_path, **settings):
    method = LIME.replace(n_samples=40, **settings)
    return seewhy.load(seewhy.explain(PHOTO, model=model, method=method).save(tmp_path / "before"))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (logits, lambda batch: -logits(batch), "gives class . .* where it was"),
        (logits, lambda batch: 1.05 * logits(batch), "gives class . .* for the whole picture, where it was"),
        (softmax, lambda batch: softmax(batch)[:, [1, 0, 2, 3, 4]], "gives class . .* where it was"),
        (logits, lambda batch: logits(batch)[:, :4], "returns 4 scores per image (saved: 5)"),
    ],
)
def test_a_loaded_result_refuses_a_function_of_the_same_name_that_answers_otherwise(one, other, said, tmp_path):
    before = _loaded(one, tmp_path)
    asked = []

    def recorded(batch):
        asked.append(len(batch))
        return other(batch)

    recorded.__module__, recorded.__qualname__ = one.__module__, one.__qualname__
    with refuses(InvalidInput, "model", rule="be the model of the saved result"):
        before.continue_(n_samples=80, model=recorded)
    assert sum(asked) <= 6


def test_models_that_agree_on_the_whole_picture_are_told_apart_by_a_row(tmp_path):
    """Both are certain of what they see as a whole, as classifiers often are."""
    whole = PHOTO / np.float32(255)

    def certain(batch, way):
        rest = way * 3 * (batch.mean(axis=(1, 2, 3)) - 0.5)
        rows = np.stack([0.5 + 0.4 * np.tanh(rest), 0.5 - 0.4 * np.tanh(rest)], axis=1)
        rows[(np.abs(batch - whole) < 1e-6).all(axis=(1, 2, 3))] = (1.0, 0.0)
        return rows

    before = _loaded(lambda batch: certain(batch, 1), tmp_path, fill="black")
    with refuses(InvalidInput, "model", rule="be the model of the saved result"):
        before.continue_(n_samples=80, model=lambda batch: certain(batch, -1))
    assert len(before.continue_(n_samples=80, model=lambda batch: certain(batch, 1)).samples) == 80


def test_a_model_with_moods_is_not_held_to_its_last_answer(tmp_path):
    rng = np.random.default_rng(0)
    before = _loaded(lambda batch: logits(batch) + rng.normal(size=(len(batch), 5)), tmp_path)

    found = before.continue_(n_samples=80, model=lambda batch: logits(batch) + rng.normal(size=(len(batch), 5)))

    assert len(found.samples) == 80


def test_the_smallest_region_is_asked_of_the_same_model(tmp_path):
    before = _loaded(lambda batch: 1 * logits(batch), tmp_path)

    with refuses(InvalidInput, "model", rule="be the model of the saved result"):
        before.smallest_region(model=lambda batch: -logits(batch))


def _grown(loaded, model, n=80):
    return len(loaded.continue_(n_samples=n, model=model).samples)


def test_a_model_that_depends_on_its_batch_is_itself(tmp_path):
    def batched(batch):
        scores = logits(batch)
        return scores - scores.mean(axis=0) * (len(batch) > 1)

    assert _grown(_loaded(batched, tmp_path), batched) == 80


def test_moods_are_those_of_the_picture_that_is_judged(tmp_path):
    """Certain of the whole picture, and moody on every other one."""
    rng = np.random.default_rng(0)

    def moody(batch):
        p = np.clip(0.6 + 0.1 * rng.normal(size=len(batch)), 0, 1)
        p[np.abs(batch - PHOTO / np.float32(255)).max(axis=(1, 2, 3)) < 1e-6] = 0.999
        return np.stack([p, 1 - p], axis=1)

    for _ in range(10):
        assert _grown(_loaded(moody, tmp_path), moody) == 80


def test_slight_noise_is_no_other_model(tmp_path):
    rng = np.random.default_rng(1)

    def noisy(batch):
        raw = softmax(batch) + rng.normal(0, 0.0015, (len(batch), 5))
        return raw / raw.sum(axis=1, keepdims=True)

    before = _loaded(noisy, tmp_path)
    for _ in range(30):
        assert _grown(before, noisy) == 80


def test_the_row_that_tells_is_asked(tmp_path):
    """Both are certain of nearly every row, and of the same class; and most of a thousand classes are nothing."""

    def sharp(batch, steep):
        seen = 200 * (batch.mean(axis=(1, 2, 3)) - 0.21)  # the whole picture, and one row in a hundred, are near 0
        scores = np.zeros((len(batch), 1000))
        scores[:, 0], scores[:, 1] = 20 + steep * seen, 20 - steep * seen
        raw = np.exp(scores - scores.max(axis=1, keepdims=True))
        return raw / raw.sum(axis=1, keepdims=True)

    before = _loaded(lambda batch: sharp(batch, 1), tmp_path, fill="black")
    certain = np.abs(before.samples.scores[:, 0] - 0.5)
    assert np.mean(certain > 0.499) > 0.5
    with refuses(InvalidInput, "model", rule="be the model of the saved result"):
        before.continue_(n_samples=80, model=lambda batch: sharp(batch, 1.5))


@pytest.mark.parametrize("level", [0.0, 200.0, 1e6])
def test_plain_scores_are_judged_by_how_far_they_move(level, tmp_path):
    def score(batch, way):
        return level + max(level, 1) * 0.0005 * way * np.tanh(np.einsum("bhwc,hwc->b", batch - 0.5, LOOK[0]))[:, None]

    before = _loaded(lambda batch: score(batch, 1), tmp_path, fill="black")
    with refuses(InvalidInput, "model", rule="be the model of the saved result"):
        before.continue_(n_samples=80, model=lambda batch: score(batch, -1))
    rounding = 1 + 1e-6  # as of another runtime
    assert _grown(before, lambda batch: rounding * score(batch, 1)) == 80


class Remote(FunctionModel):
    """A model whose answers change behind its name."""

    def __init__(self, way):
        super().__init__(functools.partial(logits), kind="logit", name="remote")
        self.way = way

    def stream(self, batches):
        return (self.way * one for one in super().stream(batches))


def test_what_changed_behind_its_name_is_refused():
    before = seewhy.explain(PHOTO, model=Remote(1), method=LIME.replace(n_samples=40))

    with refuses(InvalidInput, "model", rule="be the model of the saved result"):
        before.continue_(n_samples=80, model=Remote(-1))


def test_a_network_goes_on_in_its_own_framework_or_compiled_and_says_so(tmp_path):
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 5, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(6)
    ).eval()
    net(torch.zeros(1, 3, 24, 32))

    def model(runtime):
        return seewhy.load_model(net, preprocessing="0..1", input_size=(24, 32), runtime=runtime)

    compiled, native = model("openvino"), model("native")
    before = seewhy.load(
        seewhy.explain(PHOTO, model=compiled, method=LIME.replace(n_samples=40)).save(tmp_path / "before")
    )

    found = before.continue_(n_samples=80, model=native)
    assert any(note == f"{native.name}: run by its own framework from sample 40 on" for note in found.warnings)
    same = before.continue_(n_samples=80, model=compiled)
    assert not any("from sample" in note for note in same.warnings)


def test_weights_that_changed_in_place_are_another_model():
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 24 * 32, 4)).eval()
    before = seewhy.explain(
        PHOTO,
        model=seewhy.load_model(net, preprocessing="0..1", input_size=(24, 32), runtime="native"),
        method=LIME.replace(n_samples=40),
    )
    assert len(before.continue_(n_samples=80).samples) == 80

    with torch.no_grad():
        net[1].weight.mul_(-1)
    with pytest.raises((InvalidInput, ModelError), match=r"the saved result|weights"):
        before.continue_(n_samples=80)
