"""Settings and arrays of a result file that do not fit: refused with one clear line."""

import json

import numpy as np
import pytest
from safetensors.numpy import save as write_tensors

import seewhy
from support.files import check_refused, closed, opened

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
        "scores a class short": ("scores", lambda a: a[:, 1:].copy()),
        "scores a row short": ("scores", lambda a: a[1:]),
        "scores as whole numbers": ("scores", lambda a: a.astype(np.int32)),
        "scores not finite": ("scores", lambda a: a * np.float32(np.nan)),
        "no scores": ("scores", None),
        "totals a row short": ("excess", lambda a: a[1:]),
        "totals in columns": ("excess", lambda a: a[:, None].copy()),
        "totals below a score": ("excess", lambda a: a - 10),
        "no totals": ("excess", None),
        "totals not finite": ("excess", lambda a: a + np.float32(np.inf)),
        "no total of the untouched picture": ("untouched_excess", None),
        "total of the untouched picture below its scores": ("untouched_excess", lambda a: a - 10),
        "untouched picture twice": ("untouched", lambda a: np.vstack([a, a])),
        "untouched picture a class short": ("untouched", lambda a: a[:, 1:].copy()),
        "no untouched picture": ("untouched", None),
        "errors a segment short": ("se", lambda a: a[:, 1:].copy()),
        "errors not finite": ("se", lambda a: a * np.nan),
        "errors in float32": ("se", lambda a: a.astype(np.float32)),
        "ranks flat": ("ranks", lambda a: a[..., 0].copy()),
        "no ranks beside errors": ("ranks", None),
        "values a segment short": ("values", lambda a: a[:, 1:].copy()),
        "values a segment too many": ("values", lambda a: np.hstack([a, a[:, :1]])),
        "values a target short": ("values", lambda a: a[1:]),
        "values flat": ("values", lambda a: a.ravel()),
        "values not finite": ("values", lambda a: a + np.inf),
        "no values": ("values", None),
        "segments cut": ("segments", lambda a: a[: len(a) // 2].copy()),
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
        "no totals": ("excess", None),
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
    arrays |= {name: arrays[name][:0] for name in ("bits", "scores", "excess", "shifts") if name in arrays}

    check_refused(tmp_path, closed(header, arrays))
    check_refused(tmp_path, closed(header | {"n_samples": 0}, arrays))


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_other_coalitions_than_were_asked_are_refused(files, method, tmp_path):
    header, arrays = opened(files[method])
    for name in {"bits", "shifts"} & set(arrays):
        changed = arrays | {name: arrays[name][::-1].copy()}
        check_refused(tmp_path, write_tensors(changed, metadata={"seewhy": json.dumps(header)}))


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_coalitions_that_are_left_out_are_drawn_again(files, method, tmp_path):
    header, arrays = opened(files[method])
    path = tmp_path / "short"
    path.write_bytes(closed(header, {name: a for name, a in arrays.items() if name not in {"bits", "shifts"}}))

    np.testing.assert_array_equal(seewhy.load(path).samples.bits, arrays["bits"])
    np.testing.assert_array_equal(seewhy.load(path).samples.shifts, arrays.get("shifts"))

    short = {name: a for name, a in arrays.items() if name != "bits"}
    for change in ({"seed": 1}, {"settings": header["settings"] | {"keep": 0.4, "design": "bernoulli"}}):
        check_refused(tmp_path, closed(header | change, short))


@pytest.mark.parametrize("error", [AttributeError, TypeError, KeyError, IndexError, ValueError, ZeroDivisionError])
def test_a_fault_of_the_program_is_not_called_a_damaged_file(files, error, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(files["rise"])

    def broken(*_, **__):
        raise error("a bug")

    for place in ("seewhy.explanation.loading.evaluations", "seewhy.explanation.loading.Explanation"):
        with monkeypatch.context() as patched:
            patched.setattr(place, broken)
            with pytest.raises(error, match="a bug"):
                seewhy.load(file)
    assert seewhy.load(file).complete
