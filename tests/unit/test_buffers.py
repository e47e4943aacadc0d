"""Memory of batches: used again within a run and by the next one, never by two at once, and bounded."""

import sys
from threading import Thread

import numpy as np
import pytest

import seewhy
from seewhy.engine import buffers
from seewhy.engine.buffers import Buffers, Spare
from support.small import LIME, PHOTO, Streaming, score


def place(batch):
    return batch.__array_interface__["data"][0]


@pytest.fixture
def spare(monkeypatch):
    fresh = Spare()
    monkeypatch.setattr(buffers, "_spare", fresh)
    monkeypatch.setattr(Buffers.__init__, "__defaults__", (fresh,))
    return fresh


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_a_batch_stays_as_it_is_while_so_many_more_are_filled(ahead):
    made = Buffers(ahead, Spare())
    given = [made.room((3, 2, 2)) for _ in range(20)]
    for i, one in enumerate(given):
        assert place(one) not in {place(other) for other in given[i + 1 : i + 1 + ahead]}
    assert len({place(one) for one in given}) == ahead + 1


def test_without_any_ahead_each_batch_is_handed_over_for_good():
    spare = Spare()
    made = Buffers(0, spare)
    given = [made.room((3, 2, 2)) for _ in range(20)]
    made.release()
    assert len({place(one) for one in given}) == 20
    assert spare.nbytes == 0


def test_the_next_run_gets_what_the_last_one_left():
    spare = Spare()
    one, other = Buffers(2, spare), Buffers(2, spare)
    first = {place(one.room((4, 5))) for _ in range(3)}
    at_once = {place(other.room((4, 5))) for _ in range(3)}
    one.release()
    third = Buffers(2, spare)
    assert {place(third.room(shape)) for shape in ((4, 5), (2, 5), (20,))} == first  # smaller ones too, up to half
    assert not at_once & first


def test_room_is_neither_too_small_nor_far_too_large():
    spare = Spare()
    spare.give(np.empty(100, np.float32))
    assert spare.take(101).size == 101
    assert spare.take(49).size == 49
    assert spare.nbytes == 400
    assert spare.take(50).size == 100
    assert spare.nbytes == 0


def test_what_is_kept_is_bounded():
    spare = Spare(most=1000)
    for size in (100, 120, 140):
        spare.give(np.empty(size, np.float32))
    assert spare.nbytes == 4 * 140  # 100 and 120 went, in this order
    spare.give(np.empty(1000, np.float32))
    assert spare.nbytes == 0


def test_a_batch_that_grows_gets_more_room():
    made = Buffers(1, Spare())
    made.room((2, 3))[:] = 1
    grown = [made.room((5, 3)) for _ in range(3)]
    assert {one.shape for one in grown} == {(5, 3)}


def test_many_threads_never_get_the_same():
    spare, seen = Spare(), []

    def work():
        for _ in range(200):
            made = Buffers(1, spare)
            one = made.room((64,))
            one[:] = id(made) % 1000
            seen.append(bool((one == id(made) % 1000).all()))
            made.release()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=work) for _ in range(8)]
        [one.start() for one in threads]
        [one.join() for one in threads]
    finally:
        sys.setswitchinterval(before)
    assert all(seen)
    assert len(seen) == 1600


class Noting(Streaming):
    """Remembers where its batches lay."""

    def __init__(self, **more):
        super().__init__(**more)
        self.places = []

    def stream(self, batches):
        def noted():
            for batch in batches:
                if len(batch) > 1:
                    self.places.append(place(batch))
                yield batch

        return super().stream(noted())


def test_a_run_leaves_its_memory_to_the_next(spare):
    one, other = Noting(in_flight=1), Noting(in_flight=1)
    first = seewhy.explain(PHOTO, model=one, method=LIME, batch_size=5)
    kept = spare.nbytes
    second = seewhy.explain(PHOTO, model=other, method=LIME, batch_size=5)

    assert set(other.places) <= set(one.places)
    assert 0 < kept == spare.nbytes
    np.testing.assert_array_equal(first.samples.scores, second.samples.scores)


def test_a_run_that_is_stopped_keeps_its_memory_to_itself(spare):
    """The model may still be reading."""
    asked = iter(range(10_000))
    seewhy.explain(PHOTO, model=Noting(in_flight=1), method=LIME, batch_size=5, cancel=lambda: next(asked) > 6)
    assert spare.nbytes == 0


def test_what_a_function_was_given_is_never_used_again(spare):
    kept = []

    def model(batch):
        kept.append(batch)
        return score(batch)

    for _ in range(2):
        seewhy.explain(PHOTO, model=model, method=LIME, batch_size=7)
    assert len({place(one) for one in kept}) == len(kept)
    assert spare.nbytes == 0
