"""Foreign files, damaged files and headers that say something else: refused with one line, and never run."""

import copy
import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as write_tensors

import seewhy
from seewhy.core.errors import FileError
from seewhy.explanation import result_file
from seewhy.images.geometry import View
from seewhy.sampling.samples import Samples
from support.files import check_refused, closed, opened
from support.runs import LIME, RISE, H, W, logits, run


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
    "header alone": lambda evil: write_tensors({}, metadata={"seewhy": f'{{"format": {result_file.FORMAT}}}'}),
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
    "another format": {"format": result_file.FORMAT + 1},
    "an older format": {"format": result_file.FORMAT - 1},
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
    "kind without totals": {"kind": "logit", "-": "excess"},
    "kind without a total": {"kind": "logit", "-": "untouched_excess"},
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
    "stopped text": {"stopped": "yes"},
    "stopped by nothing known": {"stopped": {"by": "boredom", "looks": 0}},
    "stopped without looks": {"stopped": {"by": "n-samples"}},
    "stopped after fewer than no looks": {"stopped": {"by": "n-samples", "looks": -1}},
    "samples text": {"n_samples": "150"},
    "samples too few": {"n_samples": 149},
    "samples too many": {"n_samples": 151},
    "samples too many by far": {"n_samples": 10**15},
    "labels a number": {"labels": 3},
    "labels too few": {"labels": ["cat", "dog"]},
    "labels of numbers": {"labels": [0, 1, 2]},
    "model notes text": {"model_notes": "none"},
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
    surplus = {"files", "seconds", "seconds_model", "method", "complete"}  # for people and other programs
    for name in set(header) - surplus:
        check_refused(tmp_path, closed({key: value for key, value in header.items() if key != name}, arrays))


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


@pytest.mark.slow
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
