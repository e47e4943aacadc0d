"""torchvision's and timm's classifiers by name: the transforms of their weights, their labels, what happens offline."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.images import Image
from seewhy.models import imagenet
from seewhy.models.torch.hubs import _from_transforms, class_names
from seewhy.models.torch.timm_config import timm_preprocessing, timm_transform
from support.refusing import refuses

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:.*weights.*")
CAT = data.chelsea()


@pytest.fixture(scope="module")
def torchvision(torchvision_operators):
    return pytest.importorskip("torchvision", reason="torchvision is not installed")


@pytest.fixture(scope="module")
def timm(torchvision_operators):
    return pytest.importorskip("timm", reason="timm is not installed")


def names(torchvision):
    return torchvision.models.list_models(module=torchvision.models)


def seen(preprocessing, photo=CAT):
    """Return the prepared picture (C, H, W) of a photo."""
    view = preprocessing.view(*photo.shape[:2])
    return preprocessing.prepare(view.apply(Image(photo)))


@pytest.mark.slow
def test_every_classifier_of_torchvision_is_prepared_as_its_weights_want(torchvision):
    """Held against torchvision's own transforms, on the photo as PIL picture, for every name and every weights."""
    checked = 0
    for name in names(torchvision):
        for weights in torchvision.models.get_model_weights(name):
            transforms = weights.transforms()
            expected = transforms(Pillow.fromarray(CAT)).numpy()
            got = seen(_from_transforms(transforms))
            assert got.shape == expected.shape, (name, weights)
            np.testing.assert_allclose(got, expected, atol=2e-6, err_msg=f"{name} {weights}")
            assert class_names(weights.meta.get("categories")) in {None, imagenet.labels()}
            checked += 1
    assert checked > 80


@pytest.mark.slow
def test_a_classifier_by_name_is_that_of_torchvision(torchvision):
    model = seewhy.load_model("torchvision:resnet18:none")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torchvision.models.resnet18(weights=None).eval()
    transforms = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    with torch.no_grad():
        expected = net(transforms(Pillow.fromarray(CAT))[None]).numpy()
    picture = model.prepare(model.view(*CAT.shape[:2]).apply(Image(CAT)))
    (got,) = model.stream([picture[None]])

    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
    assert model.labels == imagenet.labels()
    assert model.name == "torchvision:resnet18:none"
    assert any("untrained" in note for note in model.notes)


@pytest.mark.slow
def test_making_an_untrained_one_leaves_torchs_random_state(torchvision):
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    one = seewhy.load_model("torchvision:squeezenet1_1:none").fingerprint
    assert torch.equal(torch.random.get_rng_state(), before)
    assert seewhy.load_model("torchvision:squeezenet1_1:none").fingerprint == one


def test_names_that_torchvision_has_not_are_refused_with_the_nearest(torchvision):
    with refuses(InvalidInput, "model", rule="be a classifier of torchvision"):
        seewhy.load_model("torchvision:resnet500")
    with refuses(InvalidInput, "weights of torchvision:resnet50", value="BEST"):
        seewhy.load_model("torchvision:resnet50:BEST")


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet18.a1_in1k"])
def test_weights_that_cannot_be_fetched_say_so(torchvision, timm, name, monkeypatch):
    def offline(*_, **__):
        msg = "Name or service not known"
        raise OSError(msg)

    monkeypatch.setattr("socket.create_connection", offline)
    monkeypatch.setattr("socket.getaddrinfo", offline)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with refuses(ModelError, "model", rule="have its weights"):
        seewhy.load_model(name)


@pytest.mark.slow
def test_a_module_of_torchvision_is_prepared_as_imagenet_and_that_is_said(torchvision):
    with torch.random.fork_rng():
        net = torchvision.models.squeezenet1_1(weights=None)
    model = seewhy.load_model(net)
    assert model.preprocessing.mean == (0.485, 0.456, 0.406)
    assert any("prepared as for torchvision's ImageNet weights" in note for note in model.notes)
    assert seewhy.load_model(net, preprocessing="imagenet").notes == model.notes[1:]


@pytest.mark.parametrize(
    "name", ["resnet18", "convnext_atto", "inception_v3", "mobilenetv3_small_050", "vit_tiny_patch16_224", "tinynet_e"]
)
def test_timm_models_are_prepared_as_their_configuration_says(timm, name):
    """Held against timm's own evaluation transform."""
    net = timm.create_model(name, pretrained=False)
    config = timm.data.resolve_model_data_config(net)
    expected = timm.data.create_transform(**config, is_training=False)(Pillow.fromarray(CAT)).numpy()
    got = seen(timm_preprocessing(net))

    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=2e-6)


@pytest.mark.slow
def test_every_way_in_which_timm_prepares_photos_is_done_or_refused(timm):
    """All pretrained configurations, held against timm's own transform; a border around the photo is refused."""
    done, refused = set(), set()
    for name in timm.list_pretrained():
        config = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
        key = (*config["input_size"], config["crop_pct"], config["crop_mode"], config["interpolation"])
        if key in done | refused:
            continue
        if config["crop_mode"] == "border" or config["crop_pct"] > 1:
            with refuses(InvalidInput, "preprocessing", rule="be given"):
                timm_transform(config)
            refused.add(key)
            continue
        expected = timm.data.create_transform(**config, is_training=False)(Pillow.fromarray(CAT)).numpy()
        np.testing.assert_allclose(seen(timm_transform(config)), expected, atol=3e-6, err_msg=str(key))
        done.add(key)

    assert len(done) > 100
    assert any(mode == "squash" and share < 1 for *_, share, mode, _ in done)
    assert {mode for *_, mode, _ in refused} == {"border", "center"}


def test_a_timm_model_that_wants_a_border_can_be_told_what_comes_nearest(timm):
    net = timm.create_model("resnet18", pretrained=False, num_classes=3)
    net.pretrained_cfg = net.pretrained_cfg | {"crop_mode": "border"}
    with refuses(InvalidInput, "preprocessing", value="crop_mode='border' and crop_pct=0.95"):
        seewhy.load_model(net)

    given = seewhy.load_model(net, preprocessing={"size": (64, 64), "stretched": (72, 80)}, runtime="native")
    view = given.view(*CAT.shape[:2])
    assert (view.resized, view.top, view.left, view.height, view.width) == ((72, 80), 4, 8, 64, 64)


@pytest.mark.slow
def test_a_timm_model_by_name_or_as_an_object_is_the_same(timm):
    by_name = seewhy.load_model("timm:mobilenetv3_small_050:none")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = timm.create_model("mobilenetv3_small_050", pretrained=False)
    by_hand = seewhy.load_model(net)
    pictures = np.stack([by_name.prepare(by_name.view(*CAT.shape[:2]).apply(Image(CAT)))] * 2)

    assert by_name.preprocessing == by_hand.preprocessing
    assert by_name.labels == imagenet.labels()
    (one,), (other,) = by_name.stream([pictures]), by_hand.stream([pictures])
    np.testing.assert_array_equal(one, other)


def test_names_that_timm_has_not_are_refused(timm):
    with refuses(InvalidInput, "model", rule="be a model of timm"):
        seewhy.load_model("timm:resnet_18")
    with refuses(InvalidInput, "model", value="a1_in1k"):
        seewhy.load_model("timm:resnet18:a1_in1k")
