"""Result files stay small however many samples there are, and what they leave out is found again."""

import json

import numpy as np
import pytest
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

import seewhy
from seewhy.core.errors import FileError
from seewhy.explanation import record
from seewhy.methods import EnsembleLime
from seewhy.models import FunctionModel
from support.refusing import refuses

LIMIT = 100_000
SIDE = 40
PHOTO = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def bright(batch):
    """Return twelve scores that tell pictures apart, at next to no cost."""
    return batch[:, 3::9, 2::13, 0].reshape(len(batch), -1)[:, :12]


MODELS = {kind: FunctionModel(bright, kind=kind, name="bright") for kind in ("score", "logit")}


def lime(rows, columns, **more):
    return seewhy.Lime(segmentation=seewhy.Grid(rows=rows, columns=columns), fill="black", **more)


CASES = {
    "lime, 40 segments": (lime(8, 5), "top1"),
    "lime, 40 segments, three classes": (lime(8, 5), "top3"),
    "lime, 100 segments of coin flips": (lime(10, 10, design="bernoulli"), "top1"),
    "lime of irregular segments": (seewhy.Lime(segmentation=seewhy.Watershed(n_segments=60), fill="black"), "top2"),
    "rise": (seewhy.Rise(grid=8), "top1"),
    "rise of coin flips": (seewhy.Rise(grid=7, keep=0.3, estimator="centered"), "top3"),
    "ensemble": (EnsembleLime(n_segments=(15, 30), fill="black"), "top1"),
}


def run(method, n, targets="top1", kind="score", **more):
    return seewhy.explain(PHOTO, model=MODELS[kind], method=method.replace(n_samples=n), targets=targets, **more)


def over(explanation, folder):
    """Return the bytes of a file besides its photo and four for each class and sample."""
    size = explanation.save(folder / "file").stat().st_size
    columns = len(explanation.samples.classes) + (explanation.samples.kind == "logit")
    return size - record.arrays(explanation)["photo"].nbytes - 4 * columns * len(explanation.samples)


def drawn_again(path):
    return "bits" not in read_tensors(path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n", [500, 6000])
def test_a_file_holds_little_beside_the_scores(case, n, kind, tmp_path):
    method, targets = CASES[case]

    assert over(run(method, n, targets, kind), tmp_path) <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("case", ["lime, 40 segments", "rise"])
def test_fifty_thousand_samples_take_no_more_room_than_their_scores(case, tmp_path):
    method, targets = CASES[case]
    got = run(method, 50_000, targets)

    assert over(got, tmp_path) <= LIMIT
    assert drawn_again(tmp_path / "file")
    check_same_samples(seewhy.load(tmp_path / "file"), got)


def test_all_classes_cost_four_bytes_each(tmp_path):
    got = run(lime(8, 5), 3000, keep_scores="all")

    assert len(got.samples.classes) == 12
    assert over(got, tmp_path) <= LIMIT


@pytest.mark.parametrize("targets", ["top1", "top3"])
def test_two_hundred_segments_with_as_many_coalitions_as_a_file_keeps(targets, tmp_path):
    assert over(run(lime(20, 10), 2400, targets), tmp_path) <= LIMIT


# --- what is left out ---------------------------------------------------------------------------------------


def check_same_samples(loaded, got):
    for name in ("bits", "shifts", "parts", "scores"):
        np.testing.assert_array_equal(getattr(loaded.samples, name), getattr(got.samples, name))
    np.testing.assert_array_equal(loaded.heatmap(), got.heatmap())


LEFT_OUT = {
    "lime": lime(10, 10, n_samples=6001),
    "lime of coin flips": lime(10, 10, n_samples=6001, design="bernoulli"),
    "lime of shapley": lime(10, 10, n_samples=6001, design="shapley"),
    "lime of a share": lime(10, 10, n_samples=6001, design="drop-fraction", keep=0.7),
    "rise": seewhy.Rise(grid=8, n_samples=6001),
    "rise of coin flips": seewhy.Rise(grid=8, keep=0.4, n_samples=6001),
    "ensemble": EnsembleLime(n_segments=(15, 30), fill="black", n_samples=11_001),
}


@pytest.fixture(scope="module", params=LEFT_OUT)
def written(request, tmp_path_factory):
    """A result whose file holds no coalitions, and the file."""
    got = seewhy.explain(PHOTO, model=MODELS["logit"], method=LEFT_OUT[request.param], seed=11)
    path = got.save(tmp_path_factory.mktemp("written") / "file")
    assert drawn_again(path)
    return got, path


@pytest.mark.slow
def test_coalitions_that_were_left_out_are_drawn_again(written, tmp_path):
    got, path = written
    loaded = seewhy.load(path)

    check_same_samples(loaded, got)
    assert loaded.save(tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_they_are_read_and_gone_on_with_like_those_that_were_kept(written, tmp_path):
    got, path = written
    loaded, n = seewhy.load(path), len(got.samples) + 40

    one, other = loaded.refit(n_samples=300), got.refit(n_samples=300)
    assert one.save(tmp_path / "one").read_bytes() == other.save(tmp_path / "other").read_bytes()
    one, other = loaded.continue_(n_samples=n, model=MODELS["logit"]), got.continue_(n_samples=n)
    assert one.save(tmp_path / "one").read_bytes() == other.save(tmp_path / "other").read_bytes()


def changed(path, target, change):
    """Write a copy of a result file whose header ``change`` has been at."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8:start])["__metadata__"]["seewhy"])
    change(header)
    text = json.dumps(header, sort_keys=True)
    target.write_bytes(write_tensors(read_tensors(data), metadata={"seewhy": text}))
    return target


@pytest.mark.slow
def test_an_unchanged_copy_of_the_header_is_accepted(written, tmp_path):
    got, path = written

    check_same_samples(seewhy.load(changed(path, tmp_path / "copy", lambda header: None)), got)


FOREIGN = {
    "another seed": lambda header: header.update(seed=12),
    "another digest": lambda header: header.update(asked="0" * 64),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FOREIGN)
def test_coalitions_that_cannot_be_drawn_again_are_refused(written, name, tmp_path):
    with refuses(FileError, "foreign", rule="be whole"):
        seewhy.load(changed(written[1], tmp_path / "foreign", FOREIGN[name]))


def test_a_foreign_seed_of_lime_and_rise_is_told_by_the_coalitions(tmp_path):
    for name in ("lime", "rise"):
        path = seewhy.explain(PHOTO, model=bright, method=LEFT_OUT[name]).save(tmp_path / "file")
        with refuses(FileError, "foreign", rule="be whole"):
            seewhy.load(changed(path, tmp_path / "foreign", FOREIGN["another seed"]))


def test_another_design_in_the_settings_is_refused(tmp_path):
    path = run(LEFT_OUT["lime"], 6001).save(tmp_path / "file")

    with refuses(FileError, "foreign", rule="be whole"):
        seewhy.load(changed(path, tmp_path / "foreign", lambda header: header["settings"].update(design="antithetic")))


def test_coalitions_that_are_kept_are_compared_too(tmp_path):
    path = run(lime(8, 5), 200).save(tmp_path / "file")
    assert not drawn_again(path)

    with refuses(FileError, "foreign", rule="be whole"):
        seewhy.load(changed(path, tmp_path / "foreign", FOREIGN["another digest"]))
