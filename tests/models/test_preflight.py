"""Models that would give wrong explanations are found out before anything is explained."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

import seewhy
from seewhy.core.errors import ModelError
from support.refusing import refuses

pytestmark = pytest.mark.preflight

PHOTO = np.random.default_rng(5).integers(30, 220, (24, 24, 3), dtype=np.uint8)
CAT = data.chelsea()[::12, ::18]
LIME = seewhy.Lime(segmentation="grid", n_samples=40)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def honest(batch):
    mean = batch.mean(axis=(1, 2))
    return softmax(9 * mean)


def of_its_batch(batch):
    """Batch statistics, as a network in training mode uses them."""
    mean = batch.mean(axis=(1, 2))
    return softmax(9 * (mean - mean.mean(axis=0)) + [[1, 0, 0]])


def moody():
    """Dropout left on."""
    rng = np.random.default_rng(0)

    def model(batch):
        keep = rng.random((len(batch), 3)) < 0.8
        return softmax(9 * keep * batch.mean(axis=(1, 2)))

    return model


def stripes(classes):
    """A photo that grows lighter to the right."""
    return np.broadcast_to(np.linspace(20, 235, 10 * classes)[None, :, None], (24, 10 * classes, 3)).astype(np.uint8)


def parts(batch, classes):
    return batch.mean(axis=(1, 3)).reshape(len(batch), classes, -1).mean(axis=2)


def of_bytes(classes):
    """Trained on 0..255: pictures in 0..1 all look black to it."""
    offsets = np.linspace(15, -15, classes)
    return lambda batch: softmax(parts(batch, classes) / 3 + offsets)


class Told(seewhy.FunctionModel):
    """Said to want 0..255."""

    @property
    def traits(self):
        return replace(super().traits, ends=(0.0, 255.0))

    def prepare(self, pixels):
        return super().prepare(pixels * np.float32(255))


def one_by_one(batch):
    if len(batch) > 1:
        msg = "expected a batch of 1"
        raise RuntimeError(msg)
    return honest(batch)


def warned(found):
    return {one.check for one in found.findings if one.level == "warning"}


def test_nothing_is_said_of_an_honest_model():
    found = seewhy.check(honest, PHOTO)

    assert found.fine
    assert warned(found) == set()
    assert len(found.findings) == 5
    assert found.classes == 3
    assert found.top[0][1] == pytest.approx(honest(PHOTO[None] / np.float32(255)).max(), rel=1e-5)
    assert "WARN" not in str(found)


@pytest.mark.parametrize(
    ("model", "check"),
    [
        (of_its_batch, "independent of the batch"),
        (moody(), "deterministic"),
        (seewhy.FunctionModel(honest, kind="logit"), "score type"),
        (seewhy.FunctionModel(lambda batch: 3 * honest(batch), kind="probability"), "score type"),
    ],
)
def test_each_fault_is_named_and_stands_in_the_result(model, check):
    found = seewhy.check(model, PHOTO)

    assert check in warned(found)
    text = next(one.text for one in found.findings if one.check == check)
    assert f"WARN  {check}: {text}" in str(found)
    got = seewhy.explain(PHOTO, model=model, method=LIME)
    assert any(text.split(" by ")[0] in warning for warning in got.warnings)
    got = seewhy.explain(PHOTO, model=model, method=LIME, preflight=False)
    assert not any(text.split(" by ")[0] in warning for warning in got.warnings)


def test_a_top_class_that_changes_with_the_batch_is_named():
    def leader(batch):
        rows = np.tile([[0.2, 0.3, 0.5]], (len(batch), 1))
        return np.roll(rows, 1, axis=1) if len(batch) > 1 else rows

    assert "same top class alone and in a batch" in warned(seewhy.check(leader, PHOTO))


def test_a_model_of_single_pictures_is_told_from_a_broken_one():
    with pytest.raises(RuntimeError, match="expected a batch of 1") as caught:
        seewhy.explain(PHOTO, model=one_by_one, method=LIME)
    assert "use batch_size=1" in "".join(caught.value.__notes__)
    assert seewhy.check(one_by_one, PHOTO, batch_size=1).fine
    assert seewhy.explain(PHOTO, model=one_by_one, method=LIME, batch_size=1).complete


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (lambda batch: np.full((len(batch), 3), np.nan), "finite"),
        (lambda batch: np.ones((len(batch) + 1, 3)), "one row of scores per image"),
        (lambda batch: np.ones((len(batch), 3, 3)), "one row of scores per image"),
    ],
)
def test_nonsense_is_refused(answer, rule):
    with refuses(ModelError, "model", rule=rule):
        seewhy.check(answer, PHOTO)


def test_a_model_is_checked_once_and_with_few_pictures():
    sent = []

    def counted(batch):
        sent.append(len(batch))
        return honest(batch)

    model = seewhy.FunctionModel(counted)
    first = seewhy.explain(PHOTO, model=model, method=LIME)
    after_first = sum(sent)
    assert first.n_evaluations < after_first <= first.n_evaluations + 8 + 2
    seewhy.explain(PHOTO, model=model, method=LIME)
    assert sum(sent) - after_first == first.n_evaluations


def test_the_result_does_not_depend_on_who_was_explained_before(tmp_path):
    model = seewhy.FunctionModel(of_its_batch)
    other = np.random.default_rng(6).integers(30, 220, (24, 24, 3), dtype=np.uint8)
    alone = seewhy.explain(PHOTO, model=model, method=LIME, batch_size=10).save(tmp_path / "alone.seewhy")
    seewhy.explain(other, model=model, method=LIME, batch_size=10)
    later = seewhy.explain(PHOTO, model=model, method=LIME, batch_size=10).save(tmp_path / "later.seewhy")

    assert alone.read_bytes() == later.read_bytes()


def test_a_model_that_cannot_be_referred_to_weakly_is_checked_each_time():
    class Slotted:
        __slots__ = ()

        def __call__(self, batch):
            return of_its_batch(batch)

    model = Slotted()
    for _ in range(2):
        assert "independent of the batch" in warned(seewhy.check(model, PHOTO))


def test_the_check_prints_names_of_classes():
    found = seewhy.check(seewhy.FunctionModel(honest, labels=("red", "green", "blue")), PHOTO)

    assert any(f"{name} ({i})" in str(found) for i, name in enumerate(("red", "green", "blue")))
    assert [index for index, _ in found.top] == list(np.argsort(-honest(PHOTO[None] / np.float32(255))[0]))


def test_every_pair_of_findings_has_another_name():
    names = [one.check for one in seewhy.check(honest, PHOTO).findings]

    assert all(one != other for one, other in itertools.combinations(names, 2))


def test_plain_scores_of_any_size_are_judged_by_their_own_scale():
    for factor in (1e-4, 1.0, 100.0):
        found = seewhy.check(lambda batch, factor=factor: factor * batch.mean(axis=(1, 2, 3)), PHOTO)
        assert found.fine, factor
        wrong = seewhy.check(lambda batch, f=factor: f * (batch.mean(axis=(1, 2, 3)) + 0.1 * len(batch)), PHOTO)
        assert "independent of the batch" in warned(wrong), factor


def test_two_models_around_one_function_are_checked_each():
    class Louder(seewhy.FunctionModel):
        def stream(self, batches):
            for scores in super().stream(batches):
                yield 40 * scores

    assert seewhy.check(seewhy.FunctionModel(honest, kind="probability"), PHOTO).fine
    assert "score type" in warned(seewhy.check(Louder(honest, kind="probability"), PHOTO))


def test_a_model_of_single_pictures_may_say_so_itself():
    assert seewhy.check(seewhy.load_model(one_by_one, batch_size=1), PHOTO).fine


def by_place(batch):
    """What an answer is depends on the size of the batch and on the place in it, and on nothing else."""
    place = np.arange(len(batch))[:, None] / 20 + len(batch) / 10
    return softmax(9 * batch.mean(axis=(1, 2)) + place * [[1, 0, 0]])


def restless():
    """It has three moods, each for three pictures, whatever their batches."""
    pictures = itertools.count(1)

    def model(batch):
        moods = [(0.5, 0.0, 1.0)[next(pictures) // 3 % 3] for _ in batch]
        return softmax(batch.mean(axis=(1, 2)) + np.outer(moods, [0.3, 0, 0]))

    return model


@pytest.mark.parametrize("model", [of_its_batch, by_place])
def test_what_neighbors_do_is_not_called_randomness(model):
    assert warned(seewhy.check(model, PHOTO)) - {"same top class alone and in a batch"} == {"independent of the batch"}


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_randomness_is_not_laid_on_the_neighbors(batch_size):
    found = seewhy.check(restless(), PHOTO, batch_size=batch_size)

    assert warned(found) == {"deterministic"}
    assert "cannot tell, because repeated answers differ" in str(found)


@pytest.mark.parametrize("kind", [seewhy.FunctionModel, Told])
@pytest.mark.parametrize("model", [honest, of_bytes(3), moody(), of_its_batch])
def test_a_check_sends_a_handful_of_pictures(model, kind):
    sent = []

    def counted(batch):
        sent.append(len(batch))
        return model(batch)

    photo = stripes(3)
    seewhy.explain(photo, model=kind(counted), method=LIME, preflight=False)
    unchecked = sum(sent)
    sent.clear()
    found = seewhy.explain(photo, model=kind(counted), method=LIME)
    assert found.n_evaluations == unchecked
    in_doubt = 0 if model is honest or not found.model.notes else 6 + 2
    assert 7 + 2 <= sum(sent) - unchecked <= 8 + 2 + in_doubt


@pytest.mark.parametrize("classes", [2, 5])
def test_a_softmax_that_does_not_add_up_is_named(classes):
    def sigmoids(batch):
        values = batch.reshape(len(batch), -1)[:, :classes]
        return 1 / (1 + np.exp(-3 * values))

    found = seewhy.check(seewhy.load_model(sigmoids, head="softmax"), PHOTO)
    assert warned(found) == {"score type"}
    assert "pass head='multi-label'" in str(found)
    assert seewhy.check(seewhy.load_model(sigmoids, head="multi-label"), PHOTO).fine
    assert "score type" in warned(seewhy.check(seewhy.load_model(sigmoids, head="softmax"), PHOTO))


def test_a_network_whose_softmax_does_not_add_up_is_named():
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Sigmoid())
    asked = {"preprocessing": seewhy.Preprocessing(size=(8, 8)), "runtime": "native"}

    assert "score type" in warned(seewhy.check(seewhy.load_model(net, head="softmax", **asked), PHOTO))
    assert seewhy.check(seewhy.load_model(net, head="multi-label", **asked), PHOTO).fine


@pytest.mark.parametrize("bits", ["integers", "bfloat16"])
def test_a_softmax_of_few_bits_is_one(bits):
    def rounded(batch):
        rows = softmax(10 * batch.mean(axis=(1, 2)) @ np.eye(3, 70)).astype(np.float32)
        if bits == "integers":
            return np.rint(rows * 256) / 256
        return ((rows.view(np.uint32) + 0x8000) & 0xFFFF0000).view(np.float32)

    rows = rounded(PHOTO[None] / np.float32(255))
    assert abs(rows.sum() - 1) > 1e-3
    assert "score type" not in warned(seewhy.check(seewhy.load_model(rounded, head="softmax"), PHOTO))


@pytest.mark.parametrize("classes", [2, 3, 5, 16])
def test_a_range_that_is_too_small_is_named(classes):
    model = of_bytes(classes)
    found = seewhy.check(model, stripes(classes))

    assert warned(found) == {"input range"}
    assert "with pixels in 0..1 (class 0) and " in str(found)
    assert f" in 0..255 (class {classes - 1}); if the model was trained on 0..255, pass it" in str(found)
    got = seewhy.explain(stripes(classes), model=model, method=LIME)
    assert any("if the model was trained on 0..255" in warning for warning in got.warnings)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_range_that_is_too_large_is_named(classes):
    def of_shares(batch):
        """Trained on 0..1, with units that go no further than 1."""
        return softmax(40 * np.minimum(parts(batch, classes), 1))

    found = seewhy.check(Told(of_shares), stripes(classes))
    assert warned(found) == {"input range"}
    assert "if the model was trained on 0..1, pass it as preprocessing" in str(found)
    assert seewhy.check(of_shares, stripes(classes)).fine
    assert seewhy.check(Told(lambda batch: softmax(parts(batch, classes) / 6)), stripes(classes)).fine


def drawn(seed, classes, bias):
    """A network of one layer that was never trained; with biases, or without."""
    rng = np.random.default_rng(seed)
    held, offsets = rng.normal(size=(3, classes)) / 9, bias * rng.normal(size=classes) / 9
    return lambda batch: softmax(batch.mean(axis=(1, 2)) @ held + offsets)


@pytest.mark.parametrize("kind", [seewhy.FunctionModel, Told])
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_a_network_that_was_never_trained_is_not_suspected(classes, kind):
    for seed, bias in itertools.product(range(5), (0, 1)):
        assert warned(seewhy.check(kind(drawn(seed, classes, bias)), CAT)) == set(), (seed, bias)


@pytest.mark.parametrize(
    "model",
    [
        lambda batch: softmax(0.3 * batch.mean(axis=(1, 2))),  # not sure of anything
        lambda batch: softmax(np.stack([9 + batch.mean(axis=(1, 2, 3)), 0 * batch.mean(axis=(1, 2, 3))], axis=1)),
        lambda batch: np.full((len(batch), 4), 0.25),
        lambda batch: 1e-3 * batch.mean(axis=(1, 2, 3)),  # one number
        seewhy.FunctionModel(lambda batch: 5 + 1e-3 * batch.mean(axis=(1, 2)), kind="score"),
        seewhy.load_model(lambda batch: 0.3 + 1e-3 * batch.mean(axis=(1, 2)), head="multi-label"),
    ],
    ids=["unsure", "sure of one class", "constant", "one number", "plain scores", "labels by themselves"],
)
def test_a_network_that_says_little_is_not_suspected(model):
    assert seewhy.check(model, PHOTO).fine


def test_nothing_is_said_of_the_range_of_one_output():
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")

    class OfBytes(torch.nn.Module):
        def forward(self, pictures):
            return (pictures.mean(dim=(1, 2, 3)) - 90)[:, None] / 3

    asked = {"preprocessing": seewhy.Preprocessing(size=(24, 24)), "runtime": "native", "head": "sigmoid-logit"}
    assert seewhy.check(seewhy.load_model(OfBytes(), **asked), PHOTO).fine


def test_the_embedded_model_is_fine():
    assert seewhy.check().fine
