"""What is known of a run while it goes on, for whoever looks on."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.core.progress import Bar
from seewhy.engine import handing_over

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=3), n_samples=64)


def brightness(batch: np.ndarray) -> np.ndarray:
    left = batch[:, :, :8].mean((1, 2, 3))
    return np.stack([left, 1 - left], 1)


class Clock:
    """A clock that goes on only where the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def updates(monkeypatch: pytest.MonkeyPatch, step: float, cost: float = 0.0) -> list[seewhy.Explanation]:
    """Return the partial explanations of a run whose batches take ``step`` seconds, where each look takes ``cost``."""
    clock, seen = Clock(), list[seewhy.Explanation]()
    monkeypatch.setattr(handing_over, "perf_counter", clock)

    def look(part: seewhy.Explanation) -> None:
        seen.append(part)
        clock.now += cost

    def tick(done: int, total: int) -> None:
        clock.now += step

    seewhy.explain(PHOTO, model=brightness, method=LIME, on_update=look, batch_size=4, progress=tick)
    return seen


def test_partial_explanations_are_given_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = updates(monkeypatch, 1.0)
    counts = [len(part.samples) for part in seen]

    assert counts == sorted(set(counts))
    assert counts[0] <= 16
    assert not any(part.complete for part in seen)
    for part in seen[:3]:
        alone = seewhy.explain(
            PHOTO, model=brightness, method=LIME.replace(n_samples=len(part.samples)), batch_size=4, progress=False
        )
        assert part.values().tobytes() == alone.values().tobytes()
    whole = seen[0].continue_(model=brightness, progress=False)
    assert whole.values().tobytes() == seewhy.explain(PHOTO, model=brightness, method=LIME).values().tobytes()
    assert seen[-1].plot() is not None


def test_the_first_comes_at_once_and_the_others_not_more_than_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    every, seldom, once = (len(updates(monkeypatch, step)) for step in (0.5, 0.2, 0.001))

    assert once == 1
    assert every > 2
    assert seldom == -(-every // 3)  # 0.2 seconds a batch: every third one


def test_updates_that_take_long_come_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap, dear = updates(monkeypatch, 0.5), updates(monkeypatch, 0.5, cost=0.018)

    assert len(dear) == -(-len(cheap) // 2)  # 0.018 seconds are 2 % of 0.9, so every second one


def test_an_error_of_the_one_who_looks_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(Exception):
        pass

    def look(part: seewhy.Explanation) -> None:
        raise Mine

    with pytest.raises(Mine):
        seewhy.explain(PHOTO, model=brightness, method=LIME, on_update=look, batch_size=4, progress=False)


class Lines:
    """Stands for a bar of tqdm."""

    def __init__(self) -> None:
        self.total, self.n, self.said = 0, 0, list[str]()

    def set_postfix_str(self, words: str, *, refresh: bool) -> None:
        self.said.append(words)

    def update(self, more: int) -> None:
        self.n += more

    def refresh(self) -> None:
        pass


def test_a_bar_tells_the_class_and_the_error() -> None:
    bar = Lines()
    seewhy.explain(PHOTO, model=brightness, method=LIME, batch_size=4, progress=Bar(bar))

    assert bar.said[0] == "about 64 more"
    assert bar.said[-1].startswith("class 0: error ")
    assert bar.said[-1].endswith(", about 0 more")
    assert (bar.n, bar.total) == (64, 64)
