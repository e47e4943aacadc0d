"""When a run has asked enough: looks at made-up errors, and the settings that say so."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.engine.stopping import RISK, SLACK, Amount, Looks, Stop
from seewhy.estimation.intervals import Spread
from seewhy.methods import EnsembleLime
from support.refusing import refuses

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


def test_with_enough_samples_the_estimate_alone_may_end_a_run():
    unsure = noisy(0.099, m=2, df=5)  # may well be above the tolerance
    amount = Amount(tolerance=0.1)

    def looks():
        return Looks(amount, Rows(), estimate_from=160)

    assert looks().next(32, [unsure]) == 160  # no look between: it is there that the estimate counts
    assert looks().next(160, [unsure]) == "tolerance"
    assert looks().next(160, [unsure, unsure]) == "tolerance"
    assert isinstance(Looks(amount, Rows()).next(160, [unsure]), int)
    assert isinstance(looks().next(160, [unsure, noisy(0.12)]), int)
    assert isinstance(looks().next(160, [unsure, None]), int)
    begun = looks()
    assert begun.first() < begun.forecast == 160  # a bar shows from the beginning what there is to do
    few = Looks(Amount(max_evaluations=100), Rows(), estimate_from=160)
    assert few.first() <= few.forecast == 98  # pairs beside the untouched picture
    following = looks()
    assert following.next(160, [noisy(0.15)]) == -(-math.ceil(1.1 * 360) // 16) * 16  # the estimate falls as 1 / root n
    assert following.forecast == 360
    assert looks().next(32, [noisy(0.01)]) == "tolerance"  # surely below, however few there are


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
    with refuses(InvalidInput, "Lime.until", rule="be topK with K from 1 to 999, such as top5"):
        seewhy.Lime(until=text)


def test_until_is_read():
    assert [seewhy.Lime(until=text).top for text in ("top1", "top07", "top999", None)] == [1, 7, 999, None]


def test_a_number_of_samples_leaves_nothing_to_stop_for():
    with refuses(InvalidInput, "Lime.until", value=100):
        seewhy.Lime(until="top3", n_samples=100)


@pytest.mark.parametrize("method", [seewhy.Rise, EnsembleLime])
def test_a_map_has_no_strongest_segments(method):
    with pytest.raises(InvalidInput, match=rf"{method.__name__}.until needs segments"):
        method(until="top3")


@pytest.mark.parametrize(
    "bad", [{"tolerance": 0}, {"tolerance": 1.5}, {"max_evaluations": 15}, {"max_seconds": 0}, {"n_samples": 1}]
)
def test_limits_have_limits(bad):
    with refuses(InvalidInput, f"Lime.{next(iter(bad))}"):
        seewhy.Lime(**bad)


def test_only_somebody_else_leaves_a_run_incomplete():
    ends = ("n-samples", "tolerance", "until", "max-evaluations", "max-seconds", "design")

    assert all(Stop(by, 1).complete for by in ends)
    assert not any(Stop(by, 1).complete for by in ("interrupted", "cancelled"))
