"""Torch on a GPU, as far as a processor can tell: rows composed where it runs, batch sizes, memory, bfloat16."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import planted

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.engine.canvas import Canvas, Masked, merged
from seewhy.models.compiled.assembly import AUTOCAST, Found, assemble
from seewhy.models.heads import HEADS
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.torch import modules as torch_models
from seewhy.models.torch import runtime as torch_runtime
from seewhy.models.torch.batch_sizes import BatchSizes
from seewhy.sampling.blocks import Block
from seewhy.sampling.masks import EnsembleMasks, GridMasks, SegmentMasks
from seewhy.testing import check_model
from support.refusing import refuses

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

SIDE = planted.SIDE
RNG = np.random.default_rng(5)
CPU = torch.device("cpu")


class Net(torch.nn.Module):
    """The planted network on prepared pictures (B, C, H, W); remembers how many it was sent at once."""

    def __init__(self, most=10**9, error=torch.OutOfMemoryError):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.from_numpy(planted.WEIGHTS.transpose(0, 3, 1, 2).copy()))
        self.most, self.error, self.sizes, self.last = most, error, [], None

    def forward(self, pictures):
        self.sizes.append(len(pictures))
        self.last = pictures
        if len(pictures) > self.most:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return torch.einsum("bchw,kchw->bk", pictures, self.weight) + torch.from_numpy(planted.BIAS)


def model_of(runtime, head="logits"):
    preprocessing = seewhy.Preprocessing(layout="NCHW", **planted.OPTIONS["preprocessing"])
    return NetworkModel(runtime, preprocessing, HEADS[head], name="net", fingerprint="net")


def on_device(net=None, **settings):
    return model_of(torch_models.TorchRuntime(net or Net(), composes=True, **settings))


# --- rows --------------------------------------------------------------------------------------------------------


class Stripes:
    """A kind of mask that nobody knows."""

    d = 2

    def __call__(self, block):
        masks = np.zeros((len(block.coalitions), SIDE, SIDE), np.float32)
        masks[:, ::2], masks[:, 1::2] = block.coalitions[:, :1, None], block.coalitions[:, 1:, None]
        return masks


def some_rows(kind):
    n = 7
    if kind == "segments":
        return SegmentMasks(planted.BLOCKS), Block(RNG.random((n, 16)) < 0.5)
    if kind == "grid":
        return GridMasks(SIDE, SIDE, 5), Block(RNG.random((n, 25)) < 0.5, RNG.integers(0, 6, (n, 2), dtype=np.int32))
    if kind == "ensemble":
        parts = RNG.integers(0, 9, (3, SIDE, SIDE)).astype(np.int32)
        maker = EnsembleMasks((SIDE, SIDE), 9, lambda i: parts[i], [])
        return maker, Block(RNG.random((n, 9)) < 0.5, parts=np.array([2, 2, 0, 1, 1, 1, 2]))
    return Stripes(), Block(RNG.random((n, 2)) < 0.5)


def canvas(maker):
    picture, fill = RNG.standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
    return Canvas(picture, fill, maker)


def by_numpy(rows):
    pictures = []
    for place, block in rows.parts:
        mask = place.masks(block)[:, None]
        pictures.append(mask * place.picture + (1 - mask) * place.fill)
    return np.concatenate(pictures)


KINDS = ["segments", "grid", "ensemble", "unknown"]


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_become_the_pictures_that_numpy_makes(kind, channels_last):
    maker, block = some_rows(kind)
    rows = Masked(((canvas(maker), block),))
    compose = torch_runtime.TorchComposer(CPU, channels_last)
    for _ in range(2):  # the second time with what is kept of the canvas
        found = compose(rows)
        np.testing.assert_allclose(found.numpy(), by_numpy(rows), atol=1e-5)
    assert found.shape == rows.shape
    assert found.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_rows_of_several_photos_stand_in_one_batch_and_can_be_cut_anywhere():
    rows = merged([Masked(((canvas(maker), block),)) for maker, block in map(some_rows, KINDS)])
    whole = by_numpy(rows)
    compose = torch_runtime.TorchComposer(CPU)
    np.testing.assert_allclose(compose(rows).numpy(), whole, atol=1e-5)
    for start, stop in [(0, 3), (3, 7), (5, 16), (7, 14), (20, 28), (0, 28)]:
        assert len(rows[start:stop]) == stop - start
        np.testing.assert_allclose(compose(rows[start:stop]).numpy(), whole[start:stop], atol=1e-5)
    assert [len(block.coalitions) for _, block in rows[5:16].parts] == [2, 7, 2]


def test_what_is_kept_of_a_photo_goes_with_it():
    compose = torch_runtime.TorchComposer(CPU)
    maker, block = some_rows("segments")
    place = canvas(maker)
    compose(Masked(((place, block),)))
    assert len(compose._known) == 1
    del place
    assert len(compose._known) == 0


METHODS = {
    "lime": planted.LIME,
    "rise": seewhy.Rise(grid=4, n_samples=150),
    "ensemble": seewhy.EnsembleLime(n_samples=150),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("settings", [{}, {"batch_size": 7}, {"channels_last": True}], ids=str)
def test_an_explanation_is_the_same_wherever_its_pictures_are_composed(method, settings):
    ours = seewhy.explain(planted.PHOTO, model=on_device(**settings), method=method, seed=2)
    theirs = seewhy.explain(planted.PHOTO, model=model_of(torch_models.TorchRuntime(Net())), method=method, seed=2)
    np.testing.assert_array_equal(ours.samples.bits, theirs.samples.bits)
    np.testing.assert_allclose(ours.samples.scores, theirs.samples.scores, atol=1e-4)
    np.testing.assert_allclose(ours.heatmap(), theirs.heatmap(), atol=1e-4)
    assert ours.n_evaluations == theirs.n_evaluations


def test_the_contract_and_the_planted_squares():
    check_model(on_device())
    planted.check_planted(on_device())
    planted.check_same(on_device())


def test_a_model_that_takes_rows_and_answers_other_pictures_is_found_out():
    class Forgetful(torch_models.TorchRuntime):
        def _start(self, batch):
            return super()._start(Masked(batch.parts[::-1]) if isinstance(batch, Masked) else batch)

    with pytest.raises(AssertionError, match="rows must get the same scores as their images"):
        check_model(model_of(Forgetful(Net(), composes=True)))


def test_photos_share_batches_of_rows():
    photos = [np.roll(planted.PHOTO, 8 * i, axis=1) for i in range(4)]
    together = seewhy.explain_many(photos, model=on_device(), method=planted.LIME, at_once=3)
    for photo, got in zip(photos, together, strict=True):
        alone = seewhy.explain(photo, model=on_device(), method=planted.LIME)
        np.testing.assert_allclose(got.values(), alone.values(), atol=1e-5)


def test_only_rows_are_sent(monkeypatch):
    sent = []
    to_device = torch_runtime.TorchComposer.sent
    monkeypatch.setattr(
        torch_runtime.TorchComposer, "sent", lambda self, batch: sent.append(len(batch)) or to_device(self, batch)
    )
    found = seewhy.explain(planted.PHOTO, model=on_device(), method=planted.LIME)
    assert sent == [1]  # the untouched picture
    assert found.n_evaluations > 60


def test_a_module_that_cannot_take_channels_beside_each_other_gets_them_apart():
    class Old(Net):
        def forward(self, pictures):
            pictures.view(len(pictures), -1)
            return super().forward(pictures)

    net = Old()
    model = on_device(net, channels_last=True)
    planted.check_same(model)
    assert net.last.is_contiguous()
    net = Net()
    planted.check_same(on_device(net, channels_last=True))
    assert net.last.is_contiguous(memory_format=torch.channels_last)


# --- sizes and memory -----------------------------------------------------------------------------------------------


def simulated(seconds, batches=30, fixed=None, most=10**9):
    """Let sizes be found on a device that takes ``seconds(pictures)`` a batch, and holds ``most`` pictures."""
    sizes, sent = BatchSizes(fixed), []
    for _ in range(batches):
        sent.append(sizes.now)
        if sizes.now > most:
            sizes.too_many(sizes.now)
        else:
            sizes.took(sent[-1], seconds(sent[-1]))
    return sizes, sent


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        (lambda n: max(n, 256) / 1000, 256),  # full at 256
        (lambda n: 0.005 + n / 1000, 64),  # what is the same for each batch is soon nothing
        (lambda n: n / 1000, 32),  # nothing to gain
        (lambda n: (40 + n) / 1000 if n <= 64 else n / 500, 64),  # slower beyond
        (lambda n: 1.0, 1024),  # no end of it
    ],
)
def test_the_size_grows_until_nothing_is_gained(seconds, best):
    sizes, sent = simulated(seconds)
    assert sizes.now == best
    assert max(sent) <= 2 * best
    assert sent[0] == 32


def test_the_first_batch_of_a_size_does_not_count_against_it():
    seen = set()

    def seconds(n):
        return max(n, 256) / 1000 + (0 if n in seen else seen.add(n) or 5)

    assert simulated(seconds)[0].now == 256


def test_a_size_that_memory_does_not_hold_is_not_tried_again():
    sizes, sent = simulated(lambda n: 1.0, most=200)
    assert sizes.now == 128
    assert sent.count(256) == 1
    assert simulated(lambda n: 1.0, fixed=100, most=30)[0].now == 25
    assert simulated(lambda n: 1.0, fixed=100)[1] == [100] * 30


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError, lambda text: RuntimeError("MPS backend out of memory")], ids=["cuda", "mps"]
)
def test_where_memory_runs_out_batches_are_halved_and_the_answer_is_the_same(error):
    method = planted.LIME.replace(n_samples=160)
    net = Net(most=12, error=error)
    got = seewhy.explain(planted.PHOTO, model=on_device(net, batch_size=64), method=method)
    want = seewhy.explain(planted.PHOTO, model=on_device(), method=method)
    np.testing.assert_allclose(got.values(), want.values(), atol=1e-5)
    assert sum(size for size in net.sizes if size <= 12) == got.n_evaluations
    assert net.sizes[-1] <= 12
    assert net.sizes.count(64) <= 4  # those that were on their way; from then on smaller ones are sent
    assert any("because memory was full" in text for text in got.warnings)
    assert not any("memory" in text for text in want.warnings)


def test_a_picture_that_memory_does_not_hold_alone_is_an_error():
    with refuses(ModelError, "device", value="cpu"):
        list(on_device(Net(most=0)).stream([np.zeros((2, 3, SIDE, SIDE), np.float32)]))


def test_a_kernel_that_takes_no_more_ends_the_growth_and_not_the_run():
    def limited(text):
        return RuntimeError("CUDA error: invalid configuration argument")

    net = Net(most=40, error=limited)
    found = seewhy.explain(planted.PHOTO, model=on_device(net), method=planted.LIME.replace(n_samples=400))
    want = seewhy.explain(planted.PHOTO, model=on_device(), method=planted.LIME.replace(n_samples=400))
    np.testing.assert_allclose(found.values(), want.values(), atol=1e-5)
    assert max(net.sizes) == 64
    assert net.sizes[-1] <= 32


def test_a_given_size_beyond_memory_fails_once():
    net = Net(most=12)
    method = planted.LIME.replace(n_samples=640)
    seewhy.explain(planted.PHOTO, model=on_device(net), method=method, batch_size=64)
    assert sum(size > 12 for size in net.sizes) <= 4


def test_a_run_with_room_says_nothing_of_one_without():
    model = on_device(net := Net(most=12), batch_size=64)
    method = planted.LIME.replace(n_samples=160)
    first = seewhy.explain(planted.PHOTO, model=model, method=method)
    net.most = 10**9
    second = seewhy.explain(planted.PHOTO, model=model, method=method)
    assert [any("halved" in text for text in one.warnings) for one in (first, second)] == [True, False]


def test_one_module_has_one_lock_however_it_is_wrapped():
    net = Net()
    one, other = (torch_models.TorchRuntime(net, autocast=autocast) for autocast in (False, True))
    assert one._alone is other._alone
    assert one._alone is not torch_models.TorchRuntime(Net())._alone


def test_an_autocast_around_it_changes_nothing():
    want = planted.explained(on_device(Rounded()))
    with torch.autocast("cpu", torch.bfloat16):
        got = planted.explained(on_device(Rounded()))
    np.testing.assert_array_equal(got.values(), want.values())


def test_other_errors_are_the_modules_own():
    def broken(text):
        return RuntimeError("no such kernel")

    net = Net(most=0, error=broken)
    with pytest.raises(RuntimeError, match="no such kernel"):
        list(on_device(net).stream([np.zeros((2, 3, SIDE, SIDE), np.float32)]))
    assert net.sizes == [2]


# --- bfloat16 -------------------------------------------------------------------------------------------------------


class Rounded(torch.nn.Module):
    """A layer that autocast runs in bfloat16."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3 * SIDE * SIDE, 3)
        self.layer.weight.data = torch.from_numpy(planted.WEIGHTS.transpose(0, 3, 1, 2).reshape(3, -1).copy())
        self.layer.bias.data = torch.from_numpy(planted.BIAS)
        self.off = 0.0

    def forward(self, pictures):
        self.types = getattr(self, "types", set()) | {(found := self.layer(pictures.flatten(1))).dtype}
        return found + (self.off if found.dtype == torch.bfloat16 else 0.0)


def in_bf16(net, **options):
    preprocessing = seewhy.Preprocessing(layout="NCHW", **planted.OPTIONS["preprocessing"])
    native = torch_models.TorchRuntime(net, composes=True)
    quick = torch_models.TorchRuntime(net, composes=True, autocast=True)
    found = Found("net", "net", native, preprocessing, "linear", in_bf16=quick)
    return assemble(found, ModelOptions(head="logits", precision="bf16", **options))


@pytest.mark.parametrize("runtime", ["auto", "native"])
def test_autocast_is_held_against_the_module_and_corrected_by_it(runtime):
    net = Rounded()
    model = in_bf16(net, runtime=runtime)
    method = planted.LIME.replace(n_samples=256)
    got = seewhy.explain(planted.PHOTO, model=model, method=method)
    assert net.types == {torch.float32, torch.bfloat16}
    assert got.model.run_by.startswith(f"{AUTOCAST} bf16, up to ")
    assert got.samples.n_exact == 32
    assert planted.check_planted(model)
    exact = seewhy.explain(planted.PHOTO, model=on_device(), method=method)
    assert 0 < np.abs(got.values() - exact.values()).max() < 0.02
    assert in_bf16(net).fingerprint != on_device().fingerprint


def test_autocast_that_is_too_far_off_is_not_used():
    net = Rounded()
    net.off = torch.tensor([3.0, 0.0, 0.0])
    got = seewhy.explain(planted.PHOTO, model=in_bf16(net), method=planted.LIME)
    assert any(f"{AUTOCAST} in bf16 was up to" in text for text in got.warnings)
    assert got.model.run_by == ""
    exact = seewhy.explain(planted.PHOTO, model=on_device(), method=planted.LIME)
    np.testing.assert_allclose(got.values(), exact.values(), atol=1e-5)


def test_a_module_is_not_moved_to_where_its_weights_are_lost():
    net = Net()
    with refuses(InvalidInput, "device", value="meta"):
        seewhy.load_model(net, head="logits", device="meta", **planted.OPTIONS)
    assert net.weight.device.type == "cpu"


# --- what a GPU cannot do -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"), [({"runtime": "openvino"}, "runtime=openvino"), ({"precision": "int8"}, "precision=int8")]
)
def test_what_is_for_processors_is_refused_on_a_gpu(options, said, monkeypatch):
    class OnGpu(torch_models.TorchRuntime):
        def __init__(self, module, batch_size=None, **settings):
            super().__init__(module, batch_size, **settings)
            self.device = torch.device("cuda")

    monkeypatch.setattr(torch_models, "TorchRuntime", OnGpu)
    with refuses(InvalidInput, "device", value="cuda"):
        seewhy.load_model(Net(), head="logits", **planted.OPTIONS, **options)
