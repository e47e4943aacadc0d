"""Where whole runs on small models stop, what they ask until then, and whether the promise is kept."""

import numpy as np
import pytest

import seewhy
from seewhy.engine.stopping import RISK, SLACK, Stop
from seewhy.methods import EnsembleLime
from support.games import every_coalition, planted
from support.patience import Clock

WHITE = np.full((2, 6, 3), 255, np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=6), fill="black", unit="score")
RISE = seewhy.Rise(grid=3, unit="score")
LARGER = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)


class Watched:
    """A model that reads a table of coalitions of 12 segments, and remembers every picture."""

    def __init__(self, scores=None):
        self.scores, self.pictures = planted(12) if scores is None else scores, []

    def __call__(self, batch):
        self.pictures += [picture.tobytes() for picture in batch]
        return self.scores[(batch[..., 0].reshape(len(batch), -1) > 0.5) @ 2 ** np.arange(12)]


def few(batch):
    """A score of larger pictures, not linear in them."""
    return np.tanh(3 * batch[:, :6, :6].mean(axis=(1, 2, 3)) * batch[:, 6:, 6:].mean(axis=(1, 2, 3)) - 0.2)


def run(method=LIME, model=None, photo=WHITE, **more):
    return seewhy.explain(photo, model=model or Watched(), method=method, targets=0, **more)


# --- where they stop, and what they ask --------------------------------------------------------------------


def test_a_run_stops_where_its_error_has_come_down_to_the_tolerance():
    wide, narrow = (run(LIME.replace(tolerance=tolerance)) for tolerance in (0.3, 0.1))

    assert wide.stop.by == narrow.stop.by == "tolerance"
    assert wide.error < 0.3
    assert narrow.error < 0.1
    assert len(wide.samples) < len(narrow.samples) < 4000
    assert len(narrow.samples) % 32 == 0
    assert narrow.stop.looks >= 2
    assert not any("stopped" in text for text in narrow.warnings)


def test_a_run_stops_when_the_strongest_are_told_apart():
    got = run(LIME.replace(until="top4"))
    size, se = np.abs(got.values()), got.attributions[0].se
    order = np.argsort(-size)

    assert got.stop.by == "until"
    assert len(got.samples) < 3998
    assert size[order[3]] - size[order[4]] > 2.5 * np.hypot(se[order[3]], se[order[4]])  # 32 pairs share the level


@pytest.mark.parametrize("most", [16, 99, 100, 333])
@pytest.mark.parametrize("design", ["bernoulli", "foldover-hadamard", "shapley", "exhaustive", "antithetic"])
def test_no_more_pictures_are_sent_than_allowed(design, most):
    model = Watched()
    kernel = "none" if design == "exhaustive" else "cosine"
    got = run(LIME.replace(design=design, tolerance=0.001, max_evaluations=most, kernel=kernel), model)

    assert len(model.pictures) == got.n_evaluations <= most
    assert len(got.samples) == (most - 1) // 2 * 2
    assert got.stop.by == "max-evaluations"
    assert got.complete
    assert any(f"max_evaluations={most} stopped the run before tolerance 0.001" in text for text in got.warnings)


def test_no_more_masks_are_sent_than_allowed():
    pictures = []

    def model(batch):
        pictures.extend(batch)
        return few(batch)

    got = run(RISE.replace(tolerance=0.001, max_evaluations=150), model, LARGER)

    assert len(pictures) == got.n_evaluations <= 150
    assert got.stop.by == "max-evaluations"


def test_time_stops_a_slow_model_and_the_rest_is_said(monkeypatch):
    slow = Clock(monkeypatch).taking(0.02 / 8, Watched(), each=True)
    got = run(LIME.replace(max_seconds=0.2, tolerance=0.001), slow, batch_size=8)

    assert got.stop.by == "max-seconds"
    assert got.complete
    assert 8 * 8 <= len(got.samples) <= 14 * 8  # ten batches, and those that were begun
    assert [text for text in got.warnings if "max_seconds=0.2 stopped the run before tolerance 0.001" in text]
    straight = run(LIME.replace(n_samples=len(got.samples)))
    np.testing.assert_array_equal(got.values(), straight.values())


@pytest.mark.parametrize(
    "method",
    [*(LIME.replace(design=name) for name in ("auto", "bernoulli", "shapley", "antithetic")), RISE,
     EnsembleLime(unit="score", n_segments=(6, 9))],
    ids=["auto", "bernoulli", "shapley", "antithetic", "rise", "ensemble"],
)  # fmt: skip
def test_a_model_that_never_changes_is_done_at_the_first_look(method):
    got = run(method, lambda batch: np.full(len(batch), 0.3), LARGER)

    assert got.stop == Stop("tolerance", 1)
    assert got.error == 0
    assert np.all(got.heatmap() == 0)
    assert np.all(got.standard_error() == 0)


@pytest.mark.parametrize("design", ["exhaustive", "leave-one-out"])
def test_a_design_with_an_end_runs_to_it(design):
    model = Watched()
    got = run(LIME.replace(design=design, kernel="none", max_evaluations=5000), model)

    assert got.stop.by == "design"
    assert got.error == 0
    assert len(got.samples) == (4096 if design == "exhaustive" else 13)
    assert len(model.pictures) == len(set(model.pictures)) == len(got.samples)  # the whole picture is one of them


@pytest.mark.parametrize(("method", "photo"), [(LIME, WHITE), (RISE, LARGER)], ids=["lime", "rise"])
def test_batches_do_not_move_the_stop(method, photo):
    model = few if method is RISE else None
    one, *others = (run(method, model, photo, batch_size=size, seed=4) for size in (64, 1, 7))

    for other in others:
        assert (len(other.samples), other.stop) == (len(one.samples), one.stop)
        np.testing.assert_array_equal(other.samples.bits, one.samples.bits)
        np.testing.assert_allclose(other.heatmap(), one.heatmap(), rtol=0, atol=1e-6)
    assert one.stop.looks >= 1


def test_the_same_seed_stops_at_the_same_place():
    lengths = [[len(run(LIME.replace(design="bernoulli"), seed=seed).samples) for seed in range(6)] for _ in range(2)]

    assert lengths[0] == lengths[1]
    assert len(set(lengths[0])) > 1


@pytest.mark.parametrize(
    ("rows", "columns", "design"),
    [
        *[(2, 3, name) for name in ("bernoulli", "foldover-hadamard", "shapley", "antithetic", "exhaustive")],
        (1, 3, "foldover-hadamard"),
        (2, 2, "drop-fraction"),
    ],
)
def test_no_picture_is_ever_sent_twice(rows, columns, design):
    pictures = []

    def model(batch):
        pictures.extend(picture.tobytes() for picture in batch)
        return few(batch)

    method = LIME.replace(segmentation=seewhy.Grid(rows=rows, columns=columns), design=design, n_samples=300)
    got = run(method, model, LARGER, batch_size=11)

    assert len(got.samples) == min(300, 2 ** (rows * columns) if design == "exhaustive" else 300)
    assert len(pictures) == len(set(pictures)) == got.n_evaluations <= 2 ** (rows * columns)


@pytest.mark.parametrize("design", ["bernoulli", "foldover-hadamard"])
def test_no_grid_at_the_same_shift_is_ever_sent_twice(design):
    pictures = []

    def model(batch):
        pictures.extend(picture.tobytes() for picture in batch)
        return few(batch)

    got = run(RISE.replace(grid=2, design=design, n_samples=600), model, LARGER[2:10, 2:10])

    cells = got.samples.block(slice(None)).coalitions
    mixed = cells.any(axis=1) & ~cells.all(axis=1)  # the whole and the bare fill look alike at every shift
    different = len(np.unique(got.samples.asked()[mixed], axis=0))
    assert len(pictures) == got.n_evaluations == 1 + different + bool((~cells.any(axis=1)).any())


# --- whether the promise is kept ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("design", ["foldover-hadamard", "bernoulli"])
@pytest.mark.parametrize("tolerance", [0.1, 0.2])
def test_the_error_reached_is_beyond_the_tolerance_in_few_runs_only(tolerance, design):
    scores = planted(12, seed=1)
    z = every_coalition(12).astype(float)
    root = np.sqrt(np.exp(-(((1 - np.sqrt(z.mean(axis=1))) / 0.25) ** 2) / 2))
    columns = np.column_stack([np.ones(len(z)), z]) * root[:, None]
    truth = np.linalg.lstsq(columns, root * scores, rcond=None)[0][1:]

    found = [run(LIME.replace(tolerance=tolerance, design=design), Watched(scores), seed=seed) for seed in range(60)]
    errors = np.array([np.linalg.norm(one.values() - truth) / np.linalg.norm(truth) for one in found])

    assert {one.stop.by for one in found} == {"tolerance"}
    assert np.mean(errors <= SLACK * tolerance) >= 1 - RISK
    assert np.median(errors) > tolerance / 4  # and no run is far longer than it must be
