"""When a run has asked enough: looks at made-up errors, whole runs on small models, and whether the promise is kept."""

import math
import time
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seewhy
from seewhy.errors import InvalidInput
from seewhy.intervals import Spread
from seewhy.methods import EnsembleLime
from seewhy.stopping import RISK, SLACK, Amount, Looks, Stop
from support.games import every_coalition, planted

# --- looks at made-up errors -------------------------------------------------------------------------------


@dataclass
class Rows:
    """Blocks of 16 rows."""

    fewest: int = 32
    end: int | None = None

    def least(self):
        return self.fewest

    def total(self):
        return self.end

    def usable(self, n):
        return n

    def boundary(self, n):
        return -(-n // 16) * 16


def noisy(noise, m=10, df=50):
    """A spread whose estimated error is ``noise``."""
    values = np.ones(m)
    return Spread(values, np.eye(m) * noise**2 / (1 + noise**2), df)


def unread():
    yield pytest.fail("an error was looked at")


def test_a_number_of_samples_is_never_looked_at():
    looks = Looks(Amount(n_samples=50), Rows())

    assert looks.first() == 50
    assert looks.next(50, unread()) == "n-samples"
    assert (looks.count, looks.tests, looks.forecast) == (0, 0, None)


@pytest.mark.parametrize("amount", [Amount(), Amount(n_samples=300), Amount(until="top2")])
def test_a_design_that_ends_ends_the_run_without_a_look(amount):
    looks = Looks(amount, Rows(fewest=17, end=17))

    assert looks.first() == 17
    assert looks.next(17, unread()) == "design"
    assert looks.count == 0


def test_the_first_look_comes_after_the_least_rows_that_give_intervals():
    assert Looks(Amount(), Rows(fewest=96)).first() == 96
    assert Looks(Amount(max_evaluations=60), Rows(fewest=96)).first() == 58  # one for the untouched; pairs stay whole
    assert Looks(Amount(max_evaluations=61), Rows(fewest=96)).first() == 60


def test_a_small_error_ends_the_run_and_a_large_one_costs_no_risk():
    looks = Looks(Amount(tolerance=0.1), Rows())

    assert looks.next(32, [noisy(0.3)]) == 128  # far off: four times as many, the most
    assert (looks.count, looks.tests, looks.alpha) == (1, 0, RISK / 2)
    assert looks.next(128, [noisy(0.05)]) == "tolerance"


def test_every_look_that_could_end_the_run_spends_half_of_the_risk_left():
    spread = noisy(0.1)
    between = (spread.bound(RISK / 4) + spread.bound(RISK / 2)) / 2 / SLACK  # good enough at once, not at the second
    amount = Amount(tolerance=between)
    assert spread.error < between

    early, late = Looks(amount, Rows()), Looks(amount, Rows(), tests=1)

    assert early.next(32, [spread]) == "tolerance"
    assert isinstance(late.next(32, [spread]), int)
    assert late.tests == 2
    spent = [Looks(amount, Rows(), tests=tests).alpha for tests in range(60)]
    assert spent[:3] == [RISK / 2, RISK / 4, RISK / 8]
    assert sum(spent) <= RISK


def test_an_error_at_the_tolerance_alone_is_not_yet_enough():
    spread = noisy(0.1, m=2, df=5)  # so few values and degrees of freedom that the error may well be larger
    looks = Looks(Amount(tolerance=0.1001), Rows())

    assert isinstance(looks.next(32, [spread]), int)
    assert looks.tests == 1


def test_the_worst_target_decides():
    amount = Amount(tolerance=0.1)

    assert Looks(amount, Rows()).next(64, [noisy(0.02), noisy(0.03)]) == "tolerance"
    assert isinstance(Looks(amount, Rows()).next(64, [noisy(0.02), noisy(0.5)]), int)
    assert isinstance(Looks(amount, Rows()).next(64, [noisy(0.5), noisy(0.02)]), int)
    assert isinstance(Looks(amount, Rows()).next(64, [noisy(0.02), None]), int)
    assert isinstance(Looks(amount, Rows()).next(64, [noisy(0.02), noisy(0.099, m=2, df=5)]), int)


@pytest.mark.parametrize("noise", [0.11, 0.13, 0.14])
def test_the_next_look_is_where_the_forecast_puts_the_aim(noise):
    spread = noisy(noise, df=20)  # a forecast takes the variance for known; two targets share the risk
    looks = Looks(Amount(tolerance=0.1), Rows())
    needed = 640 * (spread.bound(RISK / 2 / 2, certain=True) / 0.11) ** 2

    found = looks.next(640, [noisy(0.01), spread])

    assert looks.forecast == math.ceil(needed)
    assert 1.1 * needed <= found < 1.1 * needed + 16 + 1.1  # whole blocks, and a margin of a tenth
    assert found % 16 == 0


def test_steps_are_neither_tiny_nor_huge():
    near, nothing = noisy(0.1, m=400, df=8), noisy(5)

    assert Looks(Amount(tolerance=0.1), Rows()).next(320, [near]) == 400
    assert Looks(Amount(tolerance=0.1), Rows()).next(320, [nothing]) == 1280
    assert Looks(Amount(tolerance=0.1), Rows()).next(320, [None]) == 704  # nothing is known: 2.2 times as many
    lost = Looks(Amount(tolerance=0.1), Rows())
    lost.next(320, [Spread(np.ones(2), np.eye(2), 9)])  # more noise than signal: no end in sight
    assert lost.forecast == 3998


def test_the_strongest_must_be_told_apart_at_the_risk_of_the_look():
    apart = Spread(np.array([5.0, -4, 0, 0]), 0.01 * np.eye(4), 50)
    amount = Amount(until="top2")

    assert Looks(amount, Rows()).next(64, [apart]) == "until"
    looks = Looks(amount, Rows())
    assert looks.next(64, [apart, Spread(apart.values, 9 * np.eye(4), 50)]) == 144  # 2.2 times, in whole blocks
    assert (looks.tests, looks.alpha) == (1, RISK / 4)
    assert isinstance(Looks(Amount(until="top1"), Rows()).next(64, [Spread(apart.values, np.eye(4), 50)]), int)


@given(
    noise=st.floats(0.01, 100),
    tolerance=st.floats(0.01, 1),
    most=st.integers(16, 3000),
    fewest=st.sampled_from([16, 48, 400]),
    end=st.sampled_from([None, 128, 4096]),
)
def test_any_run_goes_forward_in_whole_blocks_and_stays_within_its_limits(noise, tolerance, most, fewest, end):
    looks = Looks(Amount(tolerance=tolerance, max_evaluations=most), Rows(fewest, end))
    limit = (most - 1) // 2 * 2
    n, places = looks.first(), []
    while isinstance(n, int):
        assert n > max(places, default=0)
        places.append(n)
        assert n + 1 <= most
        assert n % 16 == 0 or n in {limit, end}
        n = looks.next(n, [noisy(noise / math.sqrt(n))])

    assert n in {"tolerance", "max-evaluations", "design"}
    assert looks.count == len(places) - (n == "design")
    if n == "max-evaluations":
        assert places[-1] == limit


# --- settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["top", "top0", "top000", "top1000", "5", "Top5", "top-1", "top 5", "best5", ""])
def test_until_is_a_number_of_strongest_segments(text):
    with pytest.raises(InvalidInput, match="must be topK with K from 1 to 999, such as top5"):
        seewhy.Lime(until=text)


def test_until_is_read():
    assert [seewhy.Lime(until=text).top for text in ("top1", "top07", "top999", None)] == [1, 7, 999, None]


def test_a_number_of_samples_leaves_nothing_to_stop_for():
    with pytest.raises(InvalidInput, match=r"Lime.until needs a run that stops by itself, but n_samples=100 is given"):
        seewhy.Lime(until="top3", n_samples=100)


@pytest.mark.parametrize("method", [seewhy.Rise, EnsembleLime])
def test_a_map_has_no_strongest_segments(method):
    with pytest.raises(
        InvalidInput, match=rf"{method.__name__}.until needs segments, and a map has none; use tolerance"
    ):
        method(until="top3")


@pytest.mark.parametrize(
    "bad", [{"tolerance": 0}, {"tolerance": 1.5}, {"max_evaluations": 15}, {"max_seconds": 0}, {"n_samples": 1}]
)
def test_limits_have_limits(bad):
    with pytest.raises(InvalidInput, match=rf"Lime.{next(iter(bad))}"):
        seewhy.Lime(**bad)


def test_only_somebody_else_leaves_a_run_incomplete():
    ends = ("n-samples", "tolerance", "until", "max-evaluations", "max-seconds", "design")

    assert all(Stop(by, 1).complete for by in ends)
    assert not any(Stop(by, 1).complete for by in ("interrupted", "cancelled"))


# --- whole runs --------------------------------------------------------------------------------------------

WHITE = np.full((2, 6, 3), 255, np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=6), fill="black", unit="score")
RISE = seewhy.Rise(grid=3, unit="score")
LARGER = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)


class Watched:
    """A model that reads a table of coalitions of 12 segments, and remembers every picture."""

    def __init__(self, scores=None, seconds=0.0):
        self.scores, self.seconds, self.pictures = planted(12) if scores is None else scores, seconds, []

    def __call__(self, batch):
        time.sleep(self.seconds)
        self.pictures += [picture.tobytes() for picture in batch]
        return self.scores[(batch[..., 0].reshape(len(batch), -1) > 0.5) @ 2 ** np.arange(12)]


def few(batch):
    """A score of larger pictures, not linear in them."""
    return np.tanh(3 * batch[:, :6, :6].mean(axis=(1, 2, 3)) * batch[:, 6:, 6:].mean(axis=(1, 2, 3)) - 0.2)


def run(method=LIME, model=None, photo=WHITE, **more):
    return seewhy.explain(photo, model=model or Watched(), method=method, targets=0, **more)


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
    assert any(text.startswith(f"stopped by max_evaluations={most} before tolerance 0.001") for text in got.warnings)


def test_no_more_masks_are_sent_than_allowed():
    pictures = []

    def model(batch):
        pictures.extend(batch)
        return few(batch)

    got = run(RISE.replace(tolerance=0.001, max_evaluations=150), model, LARGER)

    assert len(pictures) == got.n_evaluations <= 150
    assert got.stop.by == "max-evaluations"


def test_time_stops_a_slow_model_and_the_rest_is_said():
    got = run(LIME.replace(max_seconds=0.2, tolerance=0.001), Watched(seconds=0.02), batch_size=8)

    assert got.stop.by == "max-seconds"
    assert got.complete
    assert 2 <= len(got.samples) < 1000
    assert [text for text in got.warnings if text.startswith("stopped by max_seconds=0.2 before tolerance 0.001")]
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
