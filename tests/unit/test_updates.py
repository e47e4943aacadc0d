"""What is known of a run while it goes on, for whoever looks on."""

from __future__ import annotations

from typing import Any

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
    seconds = 0.5 * len(cheap) + 0.018 * len(dear)

    assert (len(dear) - 1) * 0.018 <= 0.02 * seconds  # the first one comes at once, whatever it takes
    assert len(dear) * 0.018 > 0.015 * seconds
    assert len(updates(monkeypatch, 0.5, cost=1.0)) == 1


LARGER = np.random.default_rng(1).integers(0, 256, (48, 72, 3), dtype=np.uint8)


def test_the_pilot_of_auto_gives_the_first_map_at_no_call_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_over, "_UPDATE_SECONDS", 0.0)
    monkeypatch.setattr(handing_over, "_UPDATE_PART", np.inf)
    asked, seen = [], list[tuple[int, seewhy.Explanation]]()

    def corner(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return batch[:, :24, :24].mean((1, 2, 3), keepdims=False)

    def explained(**given: Any) -> seewhy.Explanation:
        asked.clear()
        model = seewhy.FunctionModel(corner, kind="score")
        auto = {"name": "auto", "n_samples": 240}
        return seewhy.explain(
            LARGER, model=model, method=auto, preflight=False, progress=False, seed=3, batch_size=8, **given
        )

    found = explained(on_update=lambda part: seen.append((sum(asked), part)))
    calls, first = seen[0]
    whole = sum(asked)
    alone = explained()

    assert sum(asked) == whole
    assert found.heatmap().tobytes() == alone.heatmap().tobytes()
    assert calls - 1 <= first.n_evaluations <= calls  # a bare fill and the whole picture may be asked twice
    assert calls <= 0.1 * whole
    grid = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=3), fill="blur", unit="score", n_samples=16)
    straight = seewhy.explain(LARGER, model=corner, method=grid, seed=3, progress=False, targets=0)
    assert first.values().tobytes() == straight.values().tobytes()
    assert int(np.argmax(np.abs(first.values()))) == 0
    assert not first.complete
    assert first.continue_(model=corner, n_samples=32, progress=False).complete
    assert [part.method.name for _, part in seen[1:]] == ["ensemble-lime"] * (len(seen) - 1)
    rows = np.diff([0, *np.flatnonzero(np.diff(found.samples.parts)) + 1, len(found.samples)])
    assert len(seen[1][1].samples) < rows[0] + 8  # as soon as the first block is there
    assert rows[0] == np.min(rows[:-1])  # the last may have been cut short


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


def test_a_bar_tells_the_error_of_a_look_even_if_no_update_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_over, "_UPDATE_PART", 0.0)  # none but the first, which is too early for an error
    bar = Lines()
    auto = {"name": "auto", "estimate_from": 300, "max_evaluations": 400}
    found = seewhy.explain(LARGER, model=brightness, method=auto, progress=Bar(bar), targets=0)

    assert found.stop.looks > 1
    assert bar.said[0].startswith("class 0: error unknown")
    assert bar.said[-1].startswith("class 0: error about ")
