"""Preprocessing as data: what it does to a picture, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.images import Image
from seewhy.models.heads import HEADS, recognize_head
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import PREPROCESSINGS, as_preprocessing
from support.refusing import refuses

RNG = np.random.default_rng(4)
PICTURE = RNG.random((6, 5, 3), dtype=np.float32)
PHOTO = RNG.integers(0, 255, (30, 47, 3), dtype=np.uint8)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_each_pixel_is_scaled_shifted_and_ordered(layout, order):
    mean, std = (10.0, 20.0, 30.0), (2.0, 3.0, 4.0)
    made = seewhy.Preprocessing(scale=255, mean=mean, std=std, order=order, layout=layout)
    got = made.prepare(PICTURE)
    for y, x in [(0, 0), (5, 4), (2, 3)]:
        pixel = PICTURE[y, x][::-1] if order == "BGR" else PICTURE[y, x]
        expected = [(255 * value - m) / s for value, m, s in zip(pixel, mean, std, strict=True)]
        found = got[:, y, x] if layout == "NCHW" else got[y, x]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous


@pytest.mark.parametrize("interpolation", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_photos_are_resized_as_pillow_does(interpolation):
    made = seewhy.Preprocessing(size=(12, 20), interpolation=interpolation)
    view = made.view(30, 47)
    expected = Pillow.fromarray(PHOTO).resize((20, 12), Pillow.Resampling[interpolation.upper()])
    np.testing.assert_array_equal(view.apply(Image(PHOTO)), np.asarray(expected, np.float32) / np.float32(255))
    assert (
        view
        == seewhy.explain(  # and the way back knows it
            PHOTO,
            model=seewhy.load_model(_Model(made)),
            method=seewhy.Lime(segmentation="grid", n_samples=40),
        ).view
    )


class _Model:
    """The protocol by hand, with a preprocessing."""

    name = fingerprint = "by hand"
    kind, labels, batch_size, in_flight = "score", None, None, 0

    def __init__(self, preprocessing):
        self.preprocessing = preprocessing
        self.channels, self.layout = preprocessing.channels, preprocessing.layout
        self.view, self.prepare = preprocessing.view, preprocessing.prepare

    def stream(self, batches):
        for batch in batches:
            yield batch.reshape(len(batch), -1)[:, :2].copy()


def test_the_shorter_side_is_resized_and_the_center_taken():
    view = seewhy.Preprocessing(size=(20, 20), shorter=24).view(30, 60)
    assert (view.resized, view.top, view.left, view.height, view.width) == ((24, 48), 2, 14, 20, 20)


def test_the_center_of_a_stretched_photo_is_that_of_pillow():
    made = seewhy.Preprocessing(size=(20, 18), stretched=(25, 22))  # 2.5 rounds to even, as torchvision does
    expected = np.asarray(Pillow.fromarray(PHOTO).resize((22, 25), Pillow.Resampling.BILINEAR))[2:22, 2:20]
    np.testing.assert_array_equal(made.view(30, 47).apply(Image(PHOTO)), expected.astype(np.float32) / np.float32(255))
    assert made.resized((40, 18)).stretched == (50, 22)
    x0, y0, x1, y1 = made.view(30, 47).box
    np.testing.assert_allclose([x0, y0, x1, y1], [2 * 47 / 22, 2 * 30 / 25, 20 * 47 / 22, 22 * 30 / 25])


def test_a_setting_that_came_later_changes_no_fingerprint_where_it_is_not_used():
    """As result files of before have it."""
    assert PREPROCESSINGS["0..255"].fingerprint == (
        '{"size":[224,224],"shorter":null,"interpolation":"bilinear","scale":255.0,"mean":[0.0],"std":[1.0],'
        '"order":"RGB","layout":"NCHW"}'
    )
    used = seewhy.Preprocessing(size=(2, 2), stretched=(3, 3)).fingerprint
    assert '"stretched":[3,3]' in used
    assert used != seewhy.Preprocessing(size=(2, 2), stretched=(4, 3)).fingerprint


def test_another_size_keeps_the_share_of_the_crop():
    made = PREPROCESSINGS["imagenet"].resized(448)
    assert (made.size, made.shorter) == ((448, 448), 512)
    assert PREPROCESSINGS["0..1"].resized((10, 12)).size == (10, 12)
    assert as_preprocessing("imagenet", 299, "NHWC").shorter == round(256 * 299 / 224)
    assert as_preprocessing("imagenet", None, "NHWC").layout == "NHWC"
    assert as_preprocessing({"scale": 255}, 8) == seewhy.Preprocessing(scale=255, size=(8, 8))


def test_known_ones_do_what_their_names_say():
    white, black = np.ones((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)
    for name, low, high in (("0..1", 0, 1), ("0..255", 0, 255), ("-1..1", -1, 1)):
        made = PREPROCESSINGS[name].replace(size=None)
        assert (made.prepare(black).min(), made.prepare(white).max()) == (low, high)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"size": (0, 5)}, {"setting": "Preprocessing.size", "value": (0, 5)}),
        ({"std": (0.0,)}, {"setting": "Preprocessing.std", "value": (0.0,)}),
        ({"mean": (1.0, 2.0)}, {"setting": "Preprocessing.mean", "value": (1.0, 2.0)}),
        ({"order": "gray", "mean": (1.0, 2.0, 3.0)}, {"setting": "Preprocessing.mean", "value": (1.0, 2.0, 3.0)}),
        ({"shorter": 20}, {"setting": "Preprocessing.shorter", "value": 20}),
        ({"size": (30, 30), "shorter": 20}, {"setting": "Preprocessing.shorter", "value": 20}),
        (
            {"stretched": (30, 30)},
            {
                "setting": "Preprocessing.stretched",
                "rule": "come with a size that lies inside it",
            },
        ),
        (
            {"size": (30, 31), "stretched": (40, 30)},
            {"setting": "Preprocessing.stretched", "rule": "come with a size that lies inside it"},
        ),
        (
            {"size": (30, 30), "stretched": (40, 40), "shorter": 40},
            {
                "setting": "Preprocessing.stretched",
                "rule": "come with a size that lies inside it",
            },
        ),
        ({"interpolation": "cubic"}, {"setting": "Preprocessing.interpolation", "value": "cubic"}),
        ({"scale": -1}, {"setting": "Preprocessing.scale", "value": -1}),
        ({"order": "GBR"}, {"setting": "Preprocessing.order", "value": "GBR"}),
        ({"colour": 1}, {"setting": "Preprocessing.colour", "rule": "not a setting"}),
    ],
)
def test_what_makes_no_sense_is_refused(settings, rule):
    with refuses(InvalidInput, **rule):
        seewhy.Preprocessing(**settings)
    with refuses(InvalidInput, **rule):
        seewhy.ModelOptions(preprocessing=settings)


@pytest.mark.parametrize("wrong", ["image_net", 5, {"size": 5}, {5: 5}])
def test_what_is_no_preprocessing_is_refused(wrong):
    with pytest.raises(InvalidInput, match="reprocessing"):
        as_preprocessing(wrong)


def test_pictures_of_another_shape_are_refused():
    with refuses(InvalidInput, "the network", value=(6, 5, 3)):
        seewhy.Preprocessing(order="gray").prepare(PICTURE)
    with refuses(InvalidInput, "the network", value=(6, 5, 3)):
        seewhy.Preprocessing(size=(7, 7)).prepare(PICTURE)


def test_answers_that_add_up_to_one_are_probabilities_whatever_the_last_layer():
    head, note = recognize_head(np.array([[0.25, 0.75], [0.5, 0.5]], np.float32), "unknown")
    assert (head, note) == (HEADS["softmax"], None)


def test_squashed_labels_are_probabilities_of_their_logits():
    raw = RNG.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(HEADS["multi-label-logits"].scores(raw), 1 / (1 + np.exp(-raw)), rtol=1e-5)
    one = raw[:, :1]
    both = HEADS["sigmoid-logit"].scores(one)
    powers = np.exp(both)
    np.testing.assert_allclose(powers[:, 1] / powers.sum(axis=1), 1 / (1 + np.exp(-one[:, 0])), rtol=1e-5)


RANGES = [name for name in PREPROCESSINGS if name != "imagenet"]


@pytest.mark.parametrize("name", RANGES)
def test_a_range_says_no_size(name):
    options = ModelOptions(preprocessing=name)

    with refuses(InvalidInput, "input_size", rule="be given"):
        options.preprocessing_of(None, "NCHW", "net")
    assert options.preprocessing_of(None, "NCHW", "net", (20, 24)).size == (20, 24)
    assert options.preprocessing_of(PREPROCESSINGS["imagenet"].resized(30), "NCHW", "net").size == (30, 30)
    given = ModelOptions(preprocessing=name, input_size=12)
    assert given.preprocessing_of(None, "NCHW", "net", (20, 24)).size == (12, 12)
    assert options.sized_by_name("net", None) == ()


def test_imagenet_says_its_size_and_that_is_told():
    options = ModelOptions(preprocessing="imagenet")

    assert options.preprocessing_of(None, "NCHW", "net") == PREPROCESSINGS["imagenet"]
    (note,) = options.sized_by_name("net", None)
    assert note.startswith("net: photos have 224x224 pixels, the size of imagenet")
    assert options.preprocessing_of(None, "NCHW", "net", (112, 112)).shorter == 128
    assert options.sized_by_name("net", (112, 112)) == ()
    assert options.replace(input_size=64).sized_by_name("net", None) == ()
    assert ModelOptions().sized_by_name("net", None) == ()


def test_the_ends_of_what_is_made_are_known():
    assert [PREPROCESSINGS[name].ends for name in ("0..1", "0..255", "-1..1")] == [(0, 1), (0, 255), (-1, 1)]
    low, high = PREPROCESSINGS["caffe"].ends
    assert (round(low, 3), round(high, 3)) == (-123.68, 151.061)


@pytest.mark.slow
@pytest.mark.usefixtures("torchvision_operators")
def test_a_size_that_a_configuration_states_needs_no_other():
    timm = pytest.importorskip("timm", reason="the extra timm is not installed")
    transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")
    net = timm.create_model("resnet10t.c3_in1k", pretrained=False)
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4], depths=[1], num_labels=3, layer_type="basic", image_size=[48, 40]
    )
    classifier = transformers.ResNetForImageClassification(config)

    assert seewhy.load_model(net, preprocessing="-1..1").preprocessing.size == tuple(
        net.pretrained_cfg["input_size"][1:]
    )
    assert seewhy.load_model(classifier, preprocessing="0..1").preprocessing.size == (48, 40)
    assert seewhy.load_model(classifier, preprocessing="imagenet").preprocessing.size == (48, 40)
