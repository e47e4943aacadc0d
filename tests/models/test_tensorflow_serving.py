"""Models behind the REST API of TensorFlow Serving, as it is documented."""

import json

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import FunctionModel, load_model
from seewhy.testing import check_model
from support import servers
from support.refusing import refuses
from support.served_planted import HEIGHT, SEGMENT, WIDTH, planted
from support.servers import Tensorflow, signature

pytest.importorskip("httpx", reason="httpx is not installed: pip install 'seewhy[http]'")
pytest.importorskip("orjson", reason="orjson is not installed: pip install 'seewhy[http]'")

pytestmark = pytest.mark.usefixtures("plain_http")

RNG = np.random.default_rng(0)
PICTURES = RNG.random((5, HEIGHT, WIDTH, 3), dtype=np.float32)
PHOTO = RNG.integers(60, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def load(server, more="", **options):
    return load_model(f"tfserving:{server.url}{more}", **{"preprocessing": "0..1", "head": "regression"} | options)


def ask(model, *batches):
    return list(model.stream(batches or [PICTURES]))


def test_it_explains_as_the_function_does():
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=64)
    expected = seewhy.explain(PHOTO, model=FunctionModel(planted, kind="score"), method=method, targets=[0, 1, 2])
    with Tensorflow() as server:
        got = seewhy.explain(PHOTO, model=load(server), method=method, targets=[0, 1, 2])

    for k in range(3):
        np.testing.assert_allclose(got.values(k), expected.values(k), rtol=0, atol=1e-5)
        assert int(np.argmax(np.abs(got.values(k)))) == SEGMENT


def test_scores_and_facts_are_those_of_the_model():
    with Tensorflow() as server:
        model = load(server)
        check_model(model)
        first, second = ask(model, PICTURES, PICTURES[:2])

    np.testing.assert_allclose(first, planted(PICTURES), atol=1e-6)
    np.testing.assert_allclose(second, planted(PICTURES[:2]), atol=1e-6)
    asked = json.loads(server.posts()[-1][3])
    assert asked["signature_name"] == "serving_default"
    assert np.shape(asked["inputs"]["pictures"]) in {(5, HEIGHT, WIDTH, 3), (2, HEIGHT, WIDTH, 3)}
    assert (model.name, model.layout, model.batch_size) == ("planted", "NHWC", 16)
    assert model.preprocessing.size == (HEIGHT, WIDTH)
    assert model.fingerprint.startswith(f"tfserving:{server.url} {{}} version:3 metadata:sha256:")
    assert model.labels is None
    assert "may change its model without notice" in model.notes[0]


@pytest.mark.parametrize("where", ["/versions/3", "/labels/stable"])
def test_versions_and_labels_are_asked_for(where):
    with Tensorflow() as server:
        ask(load(server, where))

    assert {path for _, path, _, _ in server.asked} == {
        f"{server.path}{where}/metadata",
        f"{server.path}{where}:predict",
    }


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "sizes"),
    [
        ((2, HEIGHT, WIDTH, 3), "DT_FLOAT", {}, [2, 2, 2]),
        ((-1, -1, -1, 3), "DT_DOUBLE", {}, [5]),
        (None, "DT_FLOAT", {"preprocessing": {"layout": "NHWC", "size": (HEIGHT, WIDTH)}}, [5]),
        ((-1, HEIGHT, WIDTH, 3), "DT_UINT8", {"preprocessing": "0..255", "batch_size": 4}, [4, 1]),
    ],
    ids=["fixed batch", "any size", "unknown rank", "whole numbers"],
)
def test_shapes_and_types_are_those_of_the_metadata(shape, dtype, options, sizes):
    with Tensorflow(shape=shape, dtype=dtype) as server:
        model = load(server, **{"input_size": (HEIGHT, WIDTH)} | options)
        scale = model.preprocessing.scale
        server.sizes.clear()
        (scores,) = ask(model, PICTURES * np.float32(scale))

    np.testing.assert_allclose(scores, planted(np.rint(PICTURES * 255) if scale == 255 else PICTURES), rtol=1e-4)
    assert sorted(server.sizes) == sorted(sizes)


@pytest.mark.parametrize("output", ["scores", "logits"])
def test_one_of_several_outputs_must_be_chosen(output):
    with Tensorflow(outputs=("scores", "logits")) as server:
        with refuses(InvalidInput, "output_name", rule="be given"):
            load(server)
        with refuses(InvalidInput, "output", value="labels"):
            load(server, "#output=labels")
        (scores,) = ask(load(server, f"#output={output}"))

    np.testing.assert_allclose(scores, planted(PICTURES) + (output == "logits"), atol=1e-6)


def test_one_of_several_signatures_can_be_chosen():
    shape = (-1, HEIGHT, WIDTH, 3)
    with Tensorflow() as server:
        server.signatures["train"] = signature(shape)
        ask(load(server))
        ask(load(server, "#signature=train"))
        with refuses(InvalidInput, "signature", value="test"):
            load(server, "#signature=test")
        del server.signatures["serving_default"]
        ask(load(server))
        server.signatures["test"] = signature(shape)
        with refuses(InvalidInput, "signature", rule="be one of train, test"):
            load(server)
        server.signatures.clear()
        with refuses(InvalidInput, "signature", rule="none that predicts"):
            load(server)

    names = [json.loads(body)["signature_name"] for _, _, _, body in server.posts()]
    assert names == ["serving_default"] * 2 + ["train"] * 4


def rows(handler):
    """Answer in rows, as servers do that know no columns."""
    body = json.dumps({"predictions": [{"scores": [1, 2, 3], "more": [4]}] * 5}).encode()
    servers.send(handler, 200, body)


def test_rows_are_understood_too():
    with Tensorflow(outputs=("scores", "more")) as server:
        model = load(server, "#output=scores")
        server.plan = [rows]
        (scores,) = ask(model)

    np.testing.assert_array_equal(scores, [[1, 2, 3]] * 5)


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "words"),
    [
        (
            (-1,),
            "DT_STRING",
            {},
            {"setting": "the input of planted", "rule": "be of type DT_FLOAT, DT_DOUBLE, DT_UINT8,"},
        ),
        (
            (-1, 12),
            "DT_FLOAT",
            {},
            {"setting": "the input of planted", "rule": "be a batch of images, with 4 dimensions"},
        ),
        (None, "DT_FLOAT", {}, {"setting": "preprocessing.layout", "value": "pictures DT_FLOAT [-1, -1, -1, -1]"}),
        (
            (-1, 8, 8, 4),
            "DT_FLOAT",
            {},
            {"setting": "preprocessing.layout", "value": "pictures DT_FLOAT [-1, 8, 8, 4]"},
        ),
        ((-1, 8, 8, 3), "DT_FLOAT", {"preprocessing": None}, {"setting": "preprocessing", "rule": "be given"}),
        ((-1, 8, 8, 3), "DT_FLOAT", {"precision": "bf16"}, {"setting": "precision", "rule": "not a setting"}),
        ((-1, 8, 8, 3), "DT_FLOAT", {"runtime": "openvino"}, {"setting": "runtime", "value": "planted"}),
    ],
)
def test_what_does_not_fit_is_refused(shape, dtype, options, words):
    if options.get("runtime"):
        shape = (-1, HEIGHT, WIDTH, 3)
    with Tensorflow(shape=shape, dtype=dtype) as server, refuses(seewhy.SeewhyError, **words):
        load(server, **options)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"error": "no"}', "outputs named scores of numbers"),
        (b'{"outputs": null}', "outputs named scores of numbers"),
        (b"[]", "outputs named scores of numbers"),
        (b'{"outputs": [["a"]]}', "outputs named scores of numbers"),
        (b'{"outputs": [[1, 2], [3]]}', "outputs named scores of numbers"),
        (b'{"outputs": 1}', "one row of numbers for each of 5 images, got shape ()"),
        (b'{"outputs": [[1, 2]]}', "one row of numbers for each of 5 images, got shape (1, 2)"),
        (b'{"outputs": [[], [], [], [], []]}', "one row of numbers for each of 5 images, got shape (5, 0)"),
        (b'{"outputs": [[1], [2], [3], [4], [NaN]]}', "finite numbers, got nan at image 4, output 0"),
        (b'{"outputs": [[1], [2], [3], [4], [-Infinity]]}', "finite numbers, got -inf at image 4, output 0"),
        (b'{"outputs": [[1', "JSON, got:"),
    ],
)
def test_nonsense_is_refused_after_one_try(answer, words):
    with Tensorflow() as server:
        model = load(server)
        server.plan, before = [servers.says(200, answer)], len(server.posts())
        with refuses(ModelError, "planted:predict", rule=words):
            ask(model)

    assert len(server.posts()) == before + 1


@pytest.mark.parametrize("metadata", [{}, {"model_spec": 3}, [], {"model_spec": {"version": "1"}, "metadata": {}}])
def test_metadata_without_sense_is_refused(metadata):
    words = {"setting": "metadata", "rule": "the signatures of a model"}
    with Tensorflow(always=servers.says(200, metadata)) as server, refuses(ModelError, **words):
        load(server)


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1/v1/models/a:predict", "http://127.0.0.1/v1/models/a/versions/x", ""]
)
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidInput, match="must be"):
        load_model(f"tfserving:{text}")


def test_a_model_that_is_not_there():
    with Tensorflow() as server:
        server.url = server.url.replace("planted", "other")
        with refuses(ModelError, "metadata", rule="was answered with status 404"):
            load(server)
