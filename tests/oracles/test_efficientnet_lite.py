"""Our EfficientNet-Lite against the network its weights were published for, on real photos."""

from importlib import util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from seewhy.models import load_model
from seewhy.models.compiled.openvino_runtime import Network
from seewhy.models.embedded.efficientnet_lite import LITE0, LITE1, LITE2, build
from seewhy.models.embedded.weights import SOURCES

PHOTOS = ("astronaut", "cat", "coffee", "hubble_deep_field", "retina", "rocket", "stereo_motorcycle")


def photo(name):
    """Return (224, 224, 3) in 0..1: shorter side 256, bicubic, then the center."""
    found = getattr(data, name)()
    picture = Image.fromarray(found[0] if isinstance(found, tuple) else found)
    scale = 256 / min(picture.size)
    wide, high = (max(256, int(side * scale)) for side in picture.size)
    left, top = round((wide - 224) / 2), round((high - 224) / 2)
    small = picture.resize((wide, high), Image.Resampling.BICUBIC).crop((left, top, left + 224, top + 224))
    return np.asarray(small, np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def logits():
    model = load_model()
    (scores,) = model.stream([np.stack([model.prepare(photo(name)) for name in PHOTOS])])
    return dict(zip(PHOTOS, scores, strict=True))


@pytest.fixture(scope="module")
def reference():
    """The package of the original, and torch."""
    torch = pytest.importorskip("torch")
    return torch, pytest.importorskip("efficientnet_lite_pytorch").EfficientNet


def test_the_cat_is_a_cat_and_the_coffee_an_espresso(logits):
    assert logits["cat"].argmax() in range(281, 286)
    assert logits["coffee"].argmax() == 967


@pytest.mark.slow
def test_all_logits_are_those_of_the_original(logits, reference):
    torch, EfficientNet = reference
    source = SOURCES["efficientnet-lite0"]
    folder = Path(util.find_spec(source.module).submodule_search_locations[0])
    original = EfficientNet.from_name("efficientnet-lite0")
    original.load_state_dict(torch.load(folder / source.file, weights_only=True))
    pictures = np.stack([(photo(name) * 255 - 127) / 128 for name in PHOTOS]).transpose(0, 3, 1, 2)

    with torch.no_grad():
        wanted = original.eval()(torch.from_numpy(np.ascontiguousarray(pictures))).numpy()

    np.testing.assert_allclose(np.stack(list(logits.values())), wanted, rtol=0, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [LITE0, LITE1, LITE2], ids=lambda variant: variant.name)
def test_every_size_is_built_like_the_original(variant, reference):
    """Drawn weights: those of the larger ones are not installed."""
    torch, EfficientNet = reference
    torch.manual_seed(0)
    original = EfficientNet.from_name(variant.name).eval()
    for name, values in original.state_dict().items():
        if values.is_floating_point() and values.ndim < 2:
            values.uniform_(0.5, 1.5) if name.endswith(("weight", "var")) else values.normal_(0, 0.1)
    size = variant.resolution
    pictures = np.random.default_rng(0).standard_normal((3, 3, size, size)).astype(np.float32)
    weights = {name: values.numpy() for name, values in original.state_dict().items()}

    (found,) = Network(build(variant, weights, 2)).stream([pictures])
    with torch.no_grad():
        wanted = original(torch.from_numpy(pictures)).numpy()

    assert wanted.std() > 1e-2
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
