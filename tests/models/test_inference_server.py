"""Models behind the Open Inference Protocol: what is asked of a server, and what comes back."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import FunctionModel, load_model
from seewhy.models.preprocessing import Preprocessing
from seewhy.testing import check_model
from support import servers
from support.inference import NCHW, PHOTO, PICTURES, ask, fails, load
from support.refusing import refuses
from support.served_planted import HEIGHT, SEGMENT, WIDTH, planted
from support.servers import Inference

pytestmark = pytest.mark.usefixtures("plain_http")


# --- real servers ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kserve", "mlserver"])
def test_a_real_server_explains_as_the_function_does(name):
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=64)
    function = FunctionModel(planted, kind="score")
    expected = seewhy.explain(PHOTO, model=function, method=method, targets=[0, 1, 2])
    with servers.real(name) as url:
        model = load_model(f"kserve:{url}", preprocessing="0..1", head="regression")
        got = seewhy.explain(PHOTO, model=model, method=method, targets=[0, 1, 2])

    json_note = [note for note in model.notes if "sent as JSON" in note]
    assert len(json_note) == (name == "mlserver")
    for k in range(3):
        np.testing.assert_allclose(got.values(k), expected.values(k), rtol=0, atol=1e-5)
        assert int(np.argmax(np.abs(got.values(k)))) == SEGMENT


# --- what is asked, and what comes back --------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_scores_are_those_of_the_model(binary):
    with Inference(binary=binary) as server:
        model = load(server)
        check_model(model)
        first, second = ask(model, NCHW, NCHW[:2])

    np.testing.assert_allclose(first, planted(PICTURES), atol=1e-6)
    np.testing.assert_allclose(second, planted(PICTURES[:2]), atol=1e-6)
    assert (servers.HEADER in server.posts()[-1][2]) == binary
    assert (model.layout, model.channels, model.preprocessing.size, model.batch_size) == (
        "NCHW",
        3,
        (HEIGHT, WIDTH),
        16,
    )
    assert ("sent as JSON" in str(model.notes)) != binary
    assert "may change its model without notice" in model.notes[0]


@pytest.mark.parametrize(
    ("datatype", "preprocessing", "close"),
    [("FP16", "0..1", 1e-3), ("FP64", "0..1", 1e-6), ("UINT8", "0..255", 1e-3), ("INT8", {"scale": 100}, 1e-2)],
)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_types_and_layouts_are_those_of_the_metadata(datatype, preprocessing, close, layout):
    shape = [-1, 3, HEIGHT, WIDTH] if layout == "NCHW" else [-1, HEIGHT, WIDTH, 3]
    with Inference(inputs=[{"name": "in", "datatype": datatype, "shape": shape}]) as server:
        model = load(server, preprocessing=preprocessing)
        batch = np.stack([model.prepare(picture) for picture in PICTURES])
        (scores,) = ask(model, batch)

    scale = model.preprocessing.scale
    assert model.layout == layout
    np.testing.assert_allclose(scores / scale, planted(PICTURES), atol=close)
    assert ("rounded to whole numbers" in str(model.notes)) == datatype.endswith("INT8")


def test_integers_take_only_pictures_that_fit():
    with Inference(inputs=[{"name": "in", "datatype": "UINT8", "shape": [-1, 3, HEIGHT, WIDTH]}]) as server:
        with refuses(InvalidInput, "preprocessing", value=1.0):
            load(server)
        model = load(server, preprocessing="0..255")
        text = fails(Asking(model, NCHW * 256), error=InvalidInput)

    assert text.startswith("prepared images must fit uint8, 0 to 255, got 0 to 256;")


class Asking:
    """A model that is asked about given pictures."""

    def __init__(self, model, batch):
        self.model, self.batch = model, batch

    def stream(self, _):
        return self.model.stream([self.batch])


@pytest.mark.parametrize(
    ("more", "asked", "sizes", "best"),
    [
        ({}, {}, [5, 2], 16),
        ({"inputs": [{"name": "in", "datatype": "FP32", "shape": [2, 3, HEIGHT, WIDTH]}]}, {}, [2, 2, 2, 2], 2),
        ({"config": {"max_batch_size": 4}}, {}, [4, 1, 2], 4),
        ({"config": {"max_batch_size": 0}}, {}, [5, 2], 16),
        ({}, {"batch_size": 3}, [3, 2, 2], 3),
        ({"config": {"max_batch_size": 4}}, {"batch_size": 3}, [3, 2, 2], 3),
    ],
    ids=["any", "fixed", "limited", "not limited", "asked for", "both"],
)
def test_batches_are_cut_to_what_the_model_takes(more, asked, sizes, best):
    with Inference(**more) as server:
        model = load(server, **asked)
        server.sizes.clear()
        first, second = ask(model, NCHW, NCHW[:2])

    np.testing.assert_allclose(first, planted(PICTURES), atol=1e-6)
    np.testing.assert_allclose(second, planted(PICTURES[:2]), atol=1e-6)
    assert sorted(server.sizes) == sorted(sizes)
    assert model.batch_size == best


def test_one_of_several_outputs_must_be_chosen():
    outputs = [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in ("features", "scores")]
    with Inference(outputs=outputs) as server:
        with refuses(InvalidInput, "output_name", rule="be given"):
            load(server)
        with refuses(InvalidInput, "output", value="logits"):
            load_model(f"kserve:{server.url}#output=logits", preprocessing="0..1")
        model = load_model(f"kserve:{server.url}#output=scores", preprocessing="0..1")
        (scores,) = ask(model)
        np.testing.assert_array_equal(ask(load(server, output_name="scores"))[0], scores)
        with refuses(InvalidInput, "output_name", value="features"):
            load_model(f"kserve:{server.url}#output=scores", preprocessing="0..1", output_name="features")

    np.testing.assert_allclose(scores, planted(PICTURES) + 1, atol=1e-6)
    assert {path for _, path, _, _ in server.posts()} == {f"{server.path}/infer"}


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        (
            [("a", "FP32", [-1, 3, 8, 8]), ("b", "FP32", [-1, 4])],
            {},
            {"setting": "model", "value": "it has 2: a FP32 [-1, 3, 8, 8], b FP32 [-1, 4]"},
        ),
        (
            [("a", "BYTES", [-1, 1])],
            {},
            {"setting": "the input of planted", "rule": "be of type FP32, FP16, FP64, UINT8, INT8,"},
        ),
        (
            [("a", "FP32", [-1, 12])],
            {},
            {"setting": "the input of planted", "rule": "be a batch of images, with 4 dimensions"},
        ),
        (
            [("a", "FP32", [-1, -1, -1, -1])],
            {},
            {"setting": "preprocessing.layout", "value": "a FP32 [-1, -1, -1, -1]"},
        ),
        ([("a", "FP32", [-1, 3, 8, 3])], {}, {"setting": "preprocessing.layout", "value": "a FP32 [-1, 3, 8, 3]"}),
        ([("a", "FP32", [-1, 1, 8, 8])], {}, {"setting": "preprocessing", "value": "order='gray'"}),
        ([("a", "FP32", [-1, 3, 8, 8])], {"input_size": 9}, {"setting": "input_size", "value": (9, 9)}),
        (
            [("a", "FP32", [-1, 3, 8, 8])],
            {"preprocessing": {"size": (9, 9)}},
            {"setting": "input_size", "value": (9, 9)},
        ),
        (
            [("a", "FP32", [-1, 3, 8, 8])],
            {"preprocessing": {"layout": "NHWC"}},
            {"setting": "preprocessing.layout", "value": "NHWC"},
        ),
        ([("a", "FP32", [-1, 3, 8, 8])], {"preprocessing": None}, {"setting": "preprocessing", "rule": "be given"}),
        ([("a", "FP32", [-1, 3, 8, 8])], {"device": "cpu"}, {"setting": "device", "rule": "not a setting"}),
    ],
)
def test_what_does_not_fit_is_refused(inputs, options, words):
    tensors = [dict(zip(("name", "datatype", "shape"), one, strict=True)) for one in inputs]
    with Inference(inputs=tensors) as server, refuses(InvalidInput, **words):
        load(server, **options)
    assert not server.posts()


def test_layout_and_size_can_be_said_where_the_server_does_not():
    wanted = Preprocessing(size=(HEIGHT, WIDTH), layout="NHWC")
    with Inference(inputs=[{"name": "a", "datatype": "FP32", "shape": [-1, -1, -1, -1]}]) as server:
        model = load(server, preprocessing=wanted)
        (scores,) = ask(model, PICTURES)

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)


def test_metadata_without_inputs_and_without_sense():
    with Inference() as server:
        server.inputs = []
        with refuses(InvalidInput, "model", value="its metadata names none; declare it there"):
            load(server)
        server.inputs = "none"
        with refuses(ModelError, "planted", rule='the metadata of a model, got: {"name":'):
            load(server)
        server.always = servers.says(200, [1, 2])
        with refuses(ModelError, "planted", rule="the metadata of a model, got: [1, 2]"):
            load(server)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8080/planted",
        "http://127.0.0.1:8080/v2/models/",
        "http://127.0.0.1:8080/v2/models/planted/infer",
        "http://127.0.0.1:8080/v1/models/planted",
        "ftp://127.0.0.1/v2/models/planted",
        "http:///v2/models/planted",
        "http://127.0.0.1:port/v2/models/planted",
        "http://127.0.0.1/v2/models/a b",
        "http://127.0.0.1/v2/models/planted?key=s3cret",
        "http://127.0.0.1/v2/models/planted#signature=x",
        "http://127.0.0.1/v2/models/planted#scores",
        "127.0.0.1:8080/v2/models/planted",
        "",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidInput) as error:
        load_model(f"kserve:{text}", preprocessing="0..1")
    assert "must" in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("shape", [[-1, 3, -1, -1], [-1, 3, HEIGHT, -1]])
def test_a_size_that_nothing_says_is_not_guessed(shape):
    with Inference(inputs=[{"name": "a", "datatype": "FP32", "shape": shape}]) as server:
        with refuses(InvalidInput, "input_size", value="0..1"):
            load(server)
        assert not server.posts()
        model = load(server, input_size=(HEIGHT, WIDTH))
        (scores,) = ask(model)

    assert model.preprocessing.size == (HEIGHT, WIDTH)
    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)


def test_a_size_that_only_a_name_says_is_told():
    with Inference(inputs=[{"name": "a", "datatype": "FP32", "shape": [-1, 3, -1, -1]}]) as server:
        free = load(server, preprocessing="imagenet")
        server.inputs[0]["shape"] = [-1, 3, HEIGHT, WIDTH]
        stated = load(server, preprocessing="imagenet")

    assert free.preprocessing.size == (224, 224)
    assert "224x224 pixels, the size of imagenet" in str(free.notes)
    assert stated.preprocessing.size == (HEIGHT, WIDTH)
    assert "224" not in str(stated.notes)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (servers.says(500), 'GET {}/v2 was answered with status 500: {"error": "out of order"}'),
        (servers.says(404, b""), "GET {}/v2 was answered with status 404: Not Found"),
        (servers.says(200, [1]), "GET {}/v2 must be answered with name and extensions, got: [1]"),
        (servers.says(200, {"extensions": "all"}), "GET {}/v2 must be answered with name and extensions, got: "),
    ],
)
def test_a_server_that_says_nothing_of_itself_is_asked_by_json(answer, words):
    def only_there(handler):
        return answer(handler) if handler.path == "/v2" else servers.GO_ON

    with Inference(always=only_there) as server:
        model = load(server)
        (scores,) = ask(model)

    (note,) = [note for note in model.notes if "sent as JSON" in note]
    said = words.replace("{}", f"http://{server.host}", 1)
    assert note.startswith(f"planted: its server does not say whether it takes binary tensors ({said}")
    assert "lists no" not in note
    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)


def test_a_version_is_asked_for_and_stands_in_the_fingerprint():
    with Inference() as server:
        latest = load(server)
        model = load_model(f"kserve:{server.url}/versions/7/", preprocessing="0..1", head="regression")
        ask(model)
        server.outputs[0]["name"] = "logits"
        other = load(server)

    assert server.posts()[1][1] == "/v2/models/planted/versions/7/infer"
    assert f"{server.url}/versions/7 " in model.fingerprint
    assert "version:7 metadata:sha256:" in model.fingerprint
    assert latest.fingerprint != other.fingerprint
    assert latest.name == model.name == "planted"
