"""Laws of a whole run: batch size, seed, permuted segments, added constants, files, and preprocessing once."""

import copy
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors
from sklearn.linear_model import ElasticNet

import seewhy
from seewhy import engine, result_file
from seewhy.errors import FileError
from seewhy.geometry import View
from seewhy.models import FunctionModel
from seewhy.samples import Samples
from seewhy.scene import Scene

H, W = 24, 32
PHOTO = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
BLOCKS = (np.arange(H)[:, None] // 8 * 4 + np.arange(W)[None] // 8).astype(np.int32)
LOOK = np.random.default_rng(1).normal(size=(3, H, W, 3))
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), n_samples=150)
RISE = seewhy.Rise(n_samples=150, grid=4)
METHODS = pytest.mark.parametrize("method", [LIME, RISE], ids=["lime", "rise"])


def logits(batch):
    drive = np.einsum("bhwc,khwc->bk", batch.astype(np.float64), LOOK) / 8
    return np.column_stack([drive[:, 0] * drive[:, 1], 3 * np.tanh(drive[:, 2]), drive.sum(axis=1) ** 2 / 4])


MODEL = FunctionModel(logits, kind="logit", labels=("cat", "dog", "tea"))


class Cropped(FunctionModel):
    def view(self, height, width):
        return View.resize_shorter_then_crop(height, width, shorter=28, crop=24)


def cropped(batch):
    wide = np.zeros((len(batch), H, W, 3))
    wide[:, :, 4:28] = batch
    return logits(wide)


def run(method=LIME, model=MODEL, photo=PHOTO, **more):
    return seewhy.explain(photo, model=model, method=method, **more)


# --- batch size and seed -----------------------------------------------------------------------------------


@METHODS
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(batch_size=st.integers(1, 200), seed=st.integers(0, 2**70))
def test_any_batch_size_gives_the_same(method, batch_size, seed):
    got, other = (run(method, seed=seed, batch_size=size, targets="top2") for size in (64, batch_size))

    np.testing.assert_array_equal(got.samples.bits, other.samples.bits)
    if method is RISE:
        np.testing.assert_array_equal(got.samples.shifts, other.samples.shifts)
    np.testing.assert_allclose(got.samples.scores, other.samples.scores, rtol=0, atol=1e-6)
    for target in (0, 1):
        np.testing.assert_allclose(got.heatmap(target), other.heatmap(target), rtol=0, atol=1e-6)


@METHODS
def test_more_samples_begin_with_the_same_ones(method):
    few, many = run(method), run(method.replace(n_samples=400))

    np.testing.assert_array_equal(few.samples.bits, many.samples.bits[:150])
    np.testing.assert_array_equal(few.samples.scores, many.samples.scores[:150])


@METHODS
def test_another_seed_asks_something_else_and_the_same_seed_the_same(method):
    one, again, other = (run(method, seed=seed) for seed in (7, 7, 8))

    np.testing.assert_array_equal(one.samples.bits, again.samples.bits)
    np.testing.assert_array_equal(one.heatmap(), again.heatmap())
    assert (one.samples.bits[1:] != other.samples.bits[1:]).any(axis=1).mean() > 0.9
    assert not np.array_equal(one.heatmap(), other.heatmap())


def test_the_seed_reaches_fill_and_segmentation_too():
    def fill(seed):
        return run(LIME.replace(fill="noise"), seed=seed).scene.fill

    def segments(seed):
        return run(LIME.replace(segmentation=lambda pixels, seed: np.roll(BLOCKS, seed, axis=1)), seed=seed).segments

    np.testing.assert_array_equal(fill(1), fill(1))
    assert not np.array_equal(fill(1), fill(2))
    assert not np.array_equal(segments(1), segments(2))


def test_blocks_of_samples_do_not_repeat_each_other():
    bits = run(LIME.replace(n_samples=1000, segmentation=seewhy.Grid(rows=6, columns=8))).samples.bits

    assert len(np.unique(bits, axis=0)) == 1000


SCRIPT = """
import sys
import numpy as np, seewhy

def model(batch):
    odds = np.exp(5 * batch[:, 2:20:6, 3:30:9, 0].reshape(len(batch), -1)[:, :8])
    return odds / odds.sum(axis=1, keepdims=True)

photo = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
for name, method in (
    ("lime", seewhy.Lime(segmentation=seewhy.Watershed(n_segments=9), fill="noise", n_samples=150)),
    ("rise", seewhy.Rise(n_samples=150, grid=4, fill="blur")),
):
    got = seewhy.explain(photo, model=model, method=method, targets="top2", seed=int(sys.argv[1]), progress=False)
    got.save(f"{sys.argv[2]}/{name}")
"""


def test_same_seed_same_bytes_of_the_result_file_in_every_process(tmp_path):
    def start(folder, seed, hash_seed):
        (tmp_path / folder).mkdir()
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(seed), str(tmp_path / folder)], env=environment)

    processes = [start("one", 3, "1"), start("again", 3, "4242"), start("other", 4, "1")]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]

    for name in ("lime", "rise"):
        one, again, other = ((tmp_path / folder / name).read_bytes() for folder in ("one", "again", "other"))
        assert one == again
        assert one != other


# --- permuted segments, added constants --------------------------------------------------------------------


@pytest.mark.parametrize("fill", ["segment-mean", "black"])
@pytest.mark.parametrize("kernel", ["cosine", "image-cosine", "inverse-l2", "none"])
@pytest.mark.parametrize("surrogate", ["ridge", "least-squares"])
def test_permuted_segments_with_permuted_coalitions_permute_the_values(surrogate, kernel, fill):
    got = run(LIME.replace(surrogate=surrogate, kernel=kernel, fill=fill))
    order = np.random.default_rng(3).permutation(12)  # segment order[j] becomes segment j
    place = np.argsort(order)
    rows = got.samples.block(slice(None)).coalitions[:, order]
    samples = replace(got.samples, bits=np.packbits(rows, axis=1))
    scene = Scene(got.scene.pixels, got.scene.fill, place[got.scene_segments].astype(np.int32))

    found = got.method.estimate(samples, scene, got.targets[0].index, got.targets[0].unit)

    np.testing.assert_allclose(found.values, got.values()[order], rtol=0, atol=1e-9)
    assert found.intercept == pytest.approx(got.attributions[0].intercept, abs=1e-9)
    assert found.r2 == pytest.approx(got.attributions[0].r2, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(12)))
def test_the_numbers_of_segments_mean_nothing(numbers):
    def linear(batch):  # whole numbers over 1024 are exact in float32
        return (np.rint(batch[..., 0] * 3).reshape(len(batch), -1) @ np.tile(np.arange(8.0), H * W // 8)) / 1024

    method = LIME.replace(fill="black", surrogate="least-squares", n_samples=80)
    photo = np.repeat(PHOTO[..., :1] // 128 * 255, 3, axis=2)
    labels = np.array(numbers, np.int32)[BLOCKS]
    plain = run(method.replace(segmentation=seewhy.Labels(array=BLOCKS)), linear, photo)
    permuted = run(method.replace(segmentation=seewhy.Labels(array=labels)), linear, photo)

    np.testing.assert_allclose(permuted.values()[np.array(numbers)], plain.values(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(permuted.heatmap(), plain.heatmap(), rtol=0, atol=1e-6)


def steps(batch):
    """Return scores that float32 holds exactly, also 64 higher."""
    return np.rint(np.tanh(logits(batch)) * 4096) / 4096


@pytest.mark.parametrize("constant", [1.0, -3.5, 64.0])
@pytest.mark.parametrize("surrogate", ["ridge", "least-squares", "lasso", "bayesian-ridge"])
def test_a_constant_added_to_the_model_changes_only_the_intercept_of_lime(surrogate, constant):
    method = LIME.replace(surrogate=surrogate, unit="score")
    plain, raised = (run(method, lambda batch, c=c: steps(batch) + c, targets=1) for c in (0.0, constant))

    np.testing.assert_allclose(raised.values(), plain.values(), rtol=0, atol=1e-9)
    assert np.abs(plain.values()).max() > 0.01
    assert raised.attributions[0].intercept == pytest.approx(plain.attributions[0].intercept + constant, abs=1e-9)
    assert raised.attributions[0].r2 == pytest.approx(plain.attributions[0].r2, abs=1e-9)
    assert raised.targets[0].score == plain.targets[0].score + constant


@pytest.mark.parametrize("constant", [1.0, -3.5, 64.0])
def test_a_constant_added_to_the_model_leaves_the_centered_map_and_raises_the_ratio(constant):
    def maps(c):
        return [
            run(RISE.replace(estimator=name), lambda batch: steps(batch) + c, targets=1).heatmap()
            for name in ("centered", "ratio", "controlled")
        ]

    (centered, ratio, controlled), (centered_up, ratio_up, controlled_up) = maps(0.0), maps(constant)

    np.testing.assert_allclose(centered_up, centered, rtol=0, atol=1e-6)
    np.testing.assert_allclose(controlled_up, controlled, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ratio_up, ratio + constant, rtol=0, atol=1e-5)
    assert np.ptp(centered) > 0.01


@METHODS
def test_a_model_twice_as_strong_gets_values_twice_as_large(method):
    plain, double = (run(method, lambda batch, f=f: steps(batch) * f, targets=0) for f in (1, 2))

    np.testing.assert_allclose(double.heatmap(), 2 * plain.heatmap(), rtol=0, atol=1e-6)


# --- result files ------------------------------------------------------------------------------------------

SAVED = {
    "lime": (LIME, MODEL, PHOTO),
    "lime log-odds": (LIME.replace(unit="log-odds", surrogate="lasso", kernel="inverse-l2"), MODEL, PHOTO),
    "lime through a crop": (LIME, Cropped(cropped, kind="logit"), np.tile(PHOTO, (2, 3, 1))),
    "lime labels": (LIME.replace(segmentation=seewhy.Labels(array=BLOCKS)), MODEL, PHOTO),
    "lime function and regressor": (
        LIME.replace(segmentation=lambda pixels: BLOCKS, surrogate=ElasticNet(alpha=1e-3)),
        MODEL,
        PHOTO,
    ),
    "lime other picture": (LIME.replace(fill=seewhy.Picture(array=PHOTO[::-1].copy())), MODEL, PHOTO),
    "lime floats": (LIME, logits, PHOTO.astype(np.float32) / 255),
    "lime 16 bit": (LIME, logits, PHOTO.astype(np.uint16) * 200),
    "lime five channels": (
        LIME.replace(fill="gray"),
        lambda batch: batch[..., 4].mean(axis=(1, 2)),
        np.random.default_rng(2).random((H, W, 5), dtype=np.float32),
    ),
    "lime constant": (LIME, lambda batch: np.full((len(batch), 1), 0.25), PHOTO),
    "rise": (RISE, MODEL, PHOTO),
    "rise reference": (RISE.replace(estimator="reference", unit="score", fill="blur"), MODEL, PHOTO),
    "rise through a crop": (RISE, Cropped(cropped, kind="logit"), np.tile(PHOTO, (2, 3, 1))),
}


@pytest.mark.parametrize("case", SAVED)
def test_a_saved_result_is_loaded_as_it_was(case, tmp_path):
    method, model, photo = SAVED[case]
    got = run(method, model, photo, targets="top1" if "constant" in case or "five" in case else "top2", seed=5)

    loaded = seewhy.load(got.save(tmp_path / "first"))

    loaded.save(tmp_path / "second")
    seewhy.load(tmp_path / "second").save(tmp_path / "third")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert (tmp_path / "first").read_bytes() == (tmp_path / "third").read_bytes()
    untimed = {"seconds": None, "seconds_model": None}
    assert loaded.to_dict() | untimed == got.to_dict() | untimed
    assert loaded.seconds is None
    assert repr(loaded) == repr(got)
    np.testing.assert_array_equal(loaded.image.pixels, got.image.pixels)
    np.testing.assert_array_equal(loaded.seen, got.seen)
    for target in range(len(got.targets)):
        np.testing.assert_array_equal(loaded.heatmap(target), got.heatmap(target))
        for sign in ("positive", "negative", "both"):
            share = {"share": 0.1} if got.segments is None else {}
            np.testing.assert_array_equal(
                loaded.region(3, sign=sign, target=target, **share), got.region(3, sign=sign, target=target, **share)
            )
            if got.segments is not None:
                assert loaded.top(4, target=target, sign=sign) == got.top(4, target=target, sign=sign)
    for name in ("d", "classes", "kind", "bits", "scores", "shifts", "log_totals"):
        np.testing.assert_array_equal(getattr(loaded.samples, name), getattr(got.samples, name))
    if "picture" not in case:  # which is not in the file
        np.testing.assert_array_equal(loaded.scene.fill, got.scene.fill)


@METHODS
def test_what_is_loaded_can_be_estimated_again_from_its_samples(method, tmp_path):
    got = run(method, targets="top2")
    loaded = seewhy.load(got.save(tmp_path / "result"))

    for target, attribution in zip(loaded.targets, got.attributions, strict=True):
        again = loaded.method.estimate(loaded.samples, loaded.scene, target.index, target.unit)
        np.testing.assert_array_equal(
            getattr(again, "values", getattr(again, "heatmap", None)),
            getattr(attribution, "values", getattr(attribution, "heatmap", None)),
        )


@METHODS
def test_a_partial_result_stays_partial(method, tmp_path):
    asked = []
    got = run(method, batch_size=20, cancel=lambda: len(asked) > 3 or bool(asked.append(1)))

    loaded = seewhy.load(got.save(tmp_path / "result"))

    assert not loaded.complete
    assert len(loaded.samples) == len(got.samples) < 150
    assert loaded.warnings == got.warnings


def test_saving_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "result.seewhy"
    path.write_text("before")

    assert run().save(str(path)) == path

    assert [place.name for place in tmp_path.iterdir()] == ["result.seewhy"]
    assert len(seewhy.load(str(path)).samples) == 150


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(FileError, match=r"cannot write .*nowhere"):
        run().save(tmp_path / "nowhere" / "result")


# --- damaged and foreign files -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the bytes of a result file of each method."""
    folder = tmp_path_factory.mktemp("files")
    return Files({m.name: run(m, targets="top2").save(folder / m.name).read_bytes() for m in (LIME, RISE)})


class Files(dict):
    def __repr__(self):
        return "the bytes of two files"


def opened(data):
    """Return header and arrays of a result file."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["seewhy"])
    return header, read_tensors(data)


def closed(header, arrays):
    return write_tensors(arrays, metadata={"seewhy": json.dumps(header)})


def check_refused(tmp_path, data):
    path = tmp_path / "damaged.seewhy"
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"damaged\.seewhy") as caught:
        seewhy.load(path)
    assert "\n" not in str(caught.value)


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def npy_of_objects(value):
    room = io.BytesIO()
    np.save(room, np.array([value], dtype=object), allow_pickle=True)
    return room.getvalue()


def zipped(data):
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return room.getvalue()


FOREIGN = {
    "empty": lambda evil: b"",
    "text": lambda evil: b"hello, world\n" * 100,
    "json": lambda evil: b'{"format": 1}',
    "png": lambda evil: b"\x89PNG\r\n\x1a\n" + bytes(100),
    "pickle": lambda evil: pickle.dumps(Evil(evil)),
    "pickle 0": lambda evil: pickle.dumps(OrderedDict(a=Evil(evil)), protocol=0),
    "torch zip": lambda evil: zipped(pickle.dumps(Evil(evil))),
    "npy of objects": lambda evil: npy_of_objects(Evil(evil)),
    "zeros": lambda evil: bytes(1000),
    "a header of 2**63 bytes": lambda evil: (2**63).to_bytes(8, "little") + b"{}",
    "other safetensors": lambda evil: write_tensors({"weight": np.ones(3)}),
    "other metadata": lambda evil: write_tensors({"weight": np.ones(3)}, metadata={"format": "pt"}),
    "header is no json": lambda evil: write_tensors({"bits": np.ones(3)}, metadata={"seewhy": "{format: 1"}),
    "header is a list": lambda evil: write_tensors({"bits": np.ones(3)}, metadata={"seewhy": "[1]"}),
    "header without end": lambda evil: write_tensors({"bits": np.ones(3)}, metadata={"seewhy": "[" * 100_000}),
    "header alone": lambda evil: write_tensors({}, metadata={"seewhy": '{"format": 1}'}),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused_and_never_run(kind, tmp_path):
    evil = tmp_path / "evil"
    data = FOREIGN[kind](evil)
    check_refused(tmp_path, data)

    assert not evil.exists()
    if "pickle" in kind:
        pickle.loads(data)
        assert evil.exists(), "the file does no harm, so this test says nothing"


def test_a_photo_of_pickled_objects_is_refused_and_never_run(files, tmp_path):
    header, arrays = opened(files["lime"])
    arrays["photo"] = np.frombuffer(npy_of_objects(Evil(tmp_path / "evil")), np.uint8)

    check_refused(tmp_path, closed(header, arrays))

    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("path", ["nothing here", ""], ids=["missing", "folder"])
def test_what_is_no_file_is_refused(path, tmp_path):
    with pytest.raises(FileError):
        seewhy.load(tmp_path / path)


@pytest.mark.parametrize("method", ["lime", "rise"])
@pytest.mark.parametrize("share", [0.0001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(files, method, share, tmp_path):
    check_refused(tmp_path, files[method][: int(share * len(files[method]))])


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_bytes_beyond_the_end_are_refused(files, method, tmp_path):
    check_refused(tmp_path, files[method] + b"x")


HEADER = {
    "another format": {"format": 2},
    "no format": {"format": None},
    "image no text": {"image": 3},
    "image warnings": {"image_warnings": 5},
    "settings no settings": {"settings": {"name": "shap"}},
    "settings a name": {"settings": "lime"},
    "settings missing": {"settings": None},
    "seed text": {"seed": "0"},
    "seed negative": {"seed": -1},
    "seed true": {"seed": True},
    "seed fraction": {"seed": 0.5},
    "kind unknown": {"kind": "odds"},
    "kind without totals": {"kind": "logit", "-": "log_totals"},
    "d too small": {"d": 3},
    "d too large": {"d": 10**15},
    "d text": {"d": "12"},
    "d negative": {"d": -12},
    "classes too few": {"classes": [0]},
    "classes text": {"classes": ["cat", "dog", "tea"]},
    "classes of others": {"classes": [7, 8, 9]},
    "classes repeated": {"classes": [0, 0, 0]},
    "no targets": {"targets": []},
    "targets no list": {"targets": 3},
    "targets of others": {"targets": [{"index": 99, "label": "x", "score": 0.5, "unit": "probability"}]},
    "predictions incomplete": {"predictions": [{"index": 1}]},
    "predictions surplus": {"predictions": [{"index": 1, "label": "a", "score": 1.0, "x": 2}]},
    "predictions of text": {"predictions": ["cat"]},
    "evaluations text": {"n_evaluations": "many"},
    "complete text": {"complete": "yes"},
    "warnings a number": {"warnings": 4},
    "version a number": {"version": 1},
    "view missing": {"view": None},
    "view of another photo": {"view": View.identity(H, W + 1).to_dict()},
    "view between the pixels": {"view": View((H, W), (H * 8, W * 8), 5, 5, 1, 1).to_dict()},
    "view too large": {"view": View((H, W), (20_000, 20_000), 410, 300, H, W).to_dict()},
    "view elsewhere": {"view": View.identity(H, W).to_dict() | {"top": 500}},
    "model classes": {"model_classes": 0},
    "fingerprint": {"fingerprint": None},
    "infinite score": {"predictions": [{"index": 1, "label": "a", "score": float("inf")}]},
}


@pytest.mark.parametrize("method", ["lime", "rise"])
@pytest.mark.parametrize("change", HEADER)
def test_a_header_that_says_something_else_is_refused(files, method, change, tmp_path):
    header, arrays = opened(files[method])
    changes = dict(HEADER[change])
    arrays.pop(changes.pop("-", None), None)

    check_refused(tmp_path, closed(header | changes, arrays))


def test_a_view_that_shows_nothing_of_the_photo_is_refused(files, tmp_path):
    header, arrays = opened(files["rise"])
    arrays["shifts"] *= 0
    between = View((H, W), (16 * H, 16 * W), 9, 9, 14, 14)  # pixels of the photo have their centers at 8, 24, ...

    check_refused(tmp_path, closed(header | {"view": between.to_dict()}, arrays))

    seen = View((H, W), (16 * H, 16 * W), 9, 9, 16, 16)
    (tmp_path / "seen").write_bytes(closed(header | {"view": seen.to_dict()}, arrays))
    assert seewhy.load(tmp_path / "seen").seen.sum() == 1


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_classes_must_be_different_ones_of_the_model(files, method, tmp_path):
    header, arrays = opened(files[method])
    first, second, other = header["classes"]
    assert {first, second} == {target["index"] for target in header["targets"]}

    for classes in ([first, second, 3], [first, second, first], [first, other, first]):
        check_refused(tmp_path, closed(header | {"classes": classes}, arrays))


@pytest.mark.parametrize("method", ["lime", "rise"])
@pytest.mark.parametrize("change", [{"index": 9}, {"unit": "odds"}, {"unit": None}, {"label": 3}, {"score": "0.3"}])
def test_a_target_that_says_something_else_is_refused(files, method, change, tmp_path):
    header, arrays = opened(files[method])
    one, two = header["targets"]

    check_refused(tmp_path, closed(header | {"targets": [one, two | change]}, arrays))


@pytest.mark.parametrize("name", ["intercept", "r2"])
@pytest.mark.parametrize("value", ["0.5", float("nan"), [1.0]])
def test_a_fit_that_is_no_number_is_refused(files, name, value, tmp_path):
    header, arrays = opened(files["lime"])
    one, two = header["targets"]

    check_refused(tmp_path, closed(header | {"targets": [one | {name: value}, two]}, arrays))


def test_a_fit_without_an_intercept_is_refused(files, tmp_path):
    header, arrays = opened(files["lime"])
    targets = [{key: value for key, value in target.items() if key != "intercept"} for target in header["targets"]]

    check_refused(tmp_path, closed(header | {"targets": targets}, arrays))


def test_a_unit_that_the_kind_of_score_does_not_allow_is_refused(tmp_path):
    for method in (LIME, RISE):
        plain = run(method, logits).save(tmp_path / "plain").read_bytes()
        header, arrays = opened(plain)
        (target,) = header["targets"]
        assert target["unit"] == "score"

        check_refused(tmp_path, closed(header | {"targets": [target | {"unit": "probability"}]}, arrays))


def test_the_settings_of_another_method_are_refused(tmp_path):
    squares = LIME.replace(segmentation=seewhy.Grid(rows=4, columns=4))  # as many segments as RISE has cells
    files = {method.name: run(method).save(tmp_path / method.name).read_bytes() for method in (squares, RISE)}

    for one, other in (("lime", "rise"), ("rise", "lime")):
        header, arrays = opened(files[one])
        settings = opened(files[other])[0]["settings"]
        check_refused(tmp_path, closed(header | {"settings": settings}, arrays))


def test_segments_of_another_view_are_refused(files, tmp_path):
    header, arrays = opened(files["lime"])

    check_refused(tmp_path, closed(header | {"view": header["view"] | {"height": H - 1}}, arrays))


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_every_part_of_the_header_is_needed(files, method, tmp_path):
    header, arrays = opened(files[method])
    surplus = {"files", "seconds", "seconds_model", "method"}  # for people and other programs
    for name in set(header) - surplus:
        check_refused(tmp_path, closed({key: value for key, value in header.items() if key != name}, arrays))


SETTINGS = {
    "lime": [
        {"n_samples": 0},
        {"keep": 7},
        {"kernel": {"name": "cosine", "width": -1}},
        {"kernel": {"name": "gauss"}},
        {"kernel": 3},
        {"surrogate": {"name": "ridge", "alpha": "x"}},
        {"segmentation": {"name": "grid", "rows": -1}},
        {"fill": {"name": "color", "value": "no color"}},
        {"surplus": 1},
        {"n_samples": 149},
    ],
    "rise": [
        {"grid": 5},
        {"grid": 1},
        {"keep": 0},
        {"estimator": "best"},
        {"fill": {"name": "segment"}},
        {"surplus": 1},
    ],
}


@pytest.mark.parametrize(
    ("method", "change"), [(name, change) for name, changes in SETTINGS.items() for change in changes], ids=str
)
def test_settings_that_break_their_rules_are_refused(files, method, change, tmp_path):
    header, arrays = opened(files[method])

    check_refused(tmp_path, closed(header | {"settings": header["settings"] | change}, arrays))


ARRAYS = {
    "lime": {
        "bits a row short": ("bits", lambda a: a[1:]),
        "bits a byte short": ("bits", lambda a: a[:, 1:].copy()),
        "bits flat": ("bits", lambda a: a.ravel()),
        "bits as floats": ("bits", lambda a: a.astype(np.float32)),
        "no bits": ("bits", None),
        "scores a class short": ("scores", lambda a: a[:, 1:].copy()),
        "scores a row short": ("scores", lambda a: a[1:]),
        "scores as whole numbers": ("scores", lambda a: a.astype(np.int32)),
        "scores not finite": ("scores", lambda a: a * np.float32(np.nan)),
        "no scores": ("scores", None),
        "totals a row short": ("log_totals", lambda a: a[1:]),
        "totals in columns": ("log_totals", lambda a: a[:, None].copy()),
        "totals below a score": ("log_totals", lambda a: a - 10),
        "no totals": ("log_totals", None),
        "values a segment short": ("values", lambda a: a[:, 1:].copy()),
        "values a segment too many": ("values", lambda a: np.hstack([a, a[:, :1]])),
        "values a target short": ("values", lambda a: a[1:]),
        "values flat": ("values", lambda a: a.ravel()),
        "values not finite": ("values", lambda a: a + np.inf),
        "no values": ("values", None),
        "segments cut": ("segments", lambda a: a[:-20].copy()),
        "segments of nothing": ("segments", lambda a: a[:0]),
        "no segments": ("segments", None),
        "photo cut": ("photo", lambda a: a[: len(a) // 2].copy()),
        "photo of nothing": ("photo", lambda a: a[:0]),
        "photo as floats": ("photo", lambda a: a.astype(np.float32)),
        "no photo": ("photo", None),
        "shifts beside segments": ("shifts", lambda a: np.zeros((150, 2), np.uint16)),
    },
    "rise": {
        "bits a row short": ("bits", lambda a: a[1:]),
        "no shifts": ("shifts", None),
        "shifts too large": ("shifts", lambda a: a + np.uint16(100)),
        "shifts one short": ("shifts", lambda a: a[:, :1].copy()),
        "shifts negative": ("shifts", lambda a: a.astype(np.int32) - 1),
        "no totals": ("log_totals", None),
        "values beside a map": ("values", lambda a: np.zeros((2, 16))),
    },
}


@pytest.mark.parametrize(
    ("method", "damage"), [(name, damage) for name, damages in ARRAYS.items() for damage in damages]
)
def test_arrays_that_do_not_fit_are_refused(files, method, damage, tmp_path):
    header, arrays = opened(files[method])
    name, change = ARRAYS[method][damage]
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays.get(name))

    check_refused(tmp_path, closed(header, arrays))


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_no_samples_at_all_are_refused(files, method, tmp_path):
    header, arrays = opened(files[method])
    arrays |= {name: arrays[name][:0] for name in ("bits", "scores", "log_totals", "shifts") if name in arrays}

    check_refused(tmp_path, closed(header, arrays))


def usable(path):
    """Ask a result everything that it must be able to answer."""
    got = seewhy.load(path)
    for target in range(len(got.targets)):
        assert np.isfinite(got.heatmap(target)).all()
        got.region(target=target, share=0.1)
    json.dumps(got.to_dict(), allow_nan=False)
    got.save(path)
    return repr(got)


JUNK = st.none() | st.booleans() | st.integers(-2, 2**64) | st.floats() | st.text(max_size=3)
JUNK = JUNK | st.lists(JUNK, max_size=2) | st.dictionaries(st.sampled_from(["name", "index"]), JUNK, max_size=2)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["lime", "rise"]), junk=JUNK, where=st.randoms(use_true_random=False))
def test_junk_anywhere_in_the_header_is_refused_or_does_no_harm(files, method, junk, where, tmp_path):
    header, arrays = opened(files[method])
    header = copy.deepcopy(header)
    place = header
    while True:  # go down to a random place
        key = where.choice(sorted(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or where.random() < 0.2:
            break
        place = place[key]
    place[key] = junk
    path = tmp_path / "junk"
    path.write_bytes(closed(header, arrays))

    with suppress(FileError):
        usable(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["lime", "rise"]), places=st.lists(st.integers(0, 2**20), min_size=1, max_size=3))
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_flipped_bits_are_refused_or_do_no_harm(files, method, places, tmp_path):
    data = bytearray(files[method])
    for place in places:
        data[place // 8 % len(data)] ^= 1 << place % 8
    path = tmp_path / "flipped"
    path.write_bytes(bytes(data))

    with suppress(FileError):
        usable(path)


def test_the_reader_and_the_writer_agree(files, tmp_path):
    header, arrays = opened(files["rise"])

    result_file.write(tmp_path / "again", header, arrays)

    assert (tmp_path / "again").read_bytes() == files["rise"]
    assert result_file.read(tmp_path / "again")[0] == header
    assert isinstance(seewhy.load(tmp_path / "again").samples, Samples)


# --- preprocessing once ------------------------------------------------------------------------------------


class Affine(FunctionModel):
    """Preprocesses as networks do: each channel less a mean, over a spread, channels first."""

    layout = "NCHW"
    mean, spread = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])

    def __init__(self, layout="NCHW"):
        self.layout, self.seen = layout, []
        super().__init__(self.look, kind="score")

    def prepare(self, pixels):
        ready = (pixels - self.mean) / self.spread
        return np.ascontiguousarray(ready.transpose(2, 0, 1) if self.layout == "NCHW" else ready)

    def look(self, batch):
        self.seen.extend(batch.copy())
        return batch.reshape(len(batch), -1)[:, ::100]


def masked_pictures(got):
    masks = got.method.masks(got.scene)(got.samples.block(slice(None)))[..., None]
    return masks * got.scene.pixels + (1 - masks) * got.scene.fill


@METHODS
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("fill", ["noise", "blur", "white"])
def test_composing_prepared_pictures_equals_preparing_every_masked_picture(method, layout, fill):
    model = Affine(layout)

    got = run(method.replace(fill=fill), model, batch_size=40)

    expected = [Affine(layout).prepare(picture) for picture in masked_pictures(got)]
    np.testing.assert_allclose(model.seen[-len(expected) :], expected, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(model.seen[0], Affine(layout).prepare(got.scene.pixels))


@METHODS
def test_the_embedded_model_sees_what_preparing_every_masked_picture_gives(method):
    model = seewhy.load_model()
    photo = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)

    got = run(method.replace(n_samples=5, fill="white"), model, photo, targets=[3, 700])

    pictures = np.stack([model.prepare(picture) for picture in masked_pictures(got)])
    composer = engine.Composer(model, got.scene, keep_batches=0)
    block = got.samples.block(slice(None))
    np.testing.assert_allclose(composer(got.method.masks(got.scene)(block)), pictures, rtol=0, atol=2e-6)
    (direct,) = model.stream([pictures])
    np.testing.assert_allclose(got.samples.scores, direct[:, got.samples.classes], rtol=0, atol=1e-3)
