"""What the model does wrong: its own exceptions, nonsense, and too few or too many answers."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import ModelError
from support.refusing import refuses
from support.small import LIME, METHODS, PHOTO, RISE, Streaming, composing, known, score


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    assert composing() == []


class Odd(Exception):
    """An exception of the model's own."""


@METHODS
@pytest.mark.parametrize(("call", "place"), [(1, None), (2, 0), (4, 20)])
def test_the_models_own_exception_keeps_its_type_and_says_where(method, call, place):
    calls = []

    def model(batch):
        calls.append(len(batch))
        if len(calls) == call:
            raise Odd(f"call {call}")
        return score(batch)

    with pytest.raises(Odd, match=f"call {call}") as caught:
        seewhy.explain(PHOTO, model=model, method=method, batch_size=10)

    notes = " ".join(caught.value.__notes__)
    assert f"batch of {calls[-1]} images" in notes
    if place is not None:  # in LIME, the untouched picture is sample 0
        assert f"while scoring samples from {place + known(method)} on" in notes
    assert composing() == []


def test_an_exception_of_a_streaming_model_names_the_first_sample_that_is_missing():
    def model(batch):
        if len(batch) < 10:
            raise Odd
        return score(batch)

    with pytest.raises(Odd) as caught:
        seewhy.explain(PHOTO, model=Untouched(model, ahead=3), method=RISE.replace(n_samples=45), batch_size=10)

    assert caught.value.__notes__ == ["while scoring samples from 40 on"]


class Untouched(Streaming):
    """Answers well for the untouched picture, and by ``function`` from then on."""

    def __init__(self, function, ahead=1):
        super().__init__(ahead=ahead, function=function)
        self.first = True

    def answer(self, held):
        if self.first:
            self.first = False
            return score(held.popleft()).astype(np.float32)
        return self.function(held.popleft())


def wrong_at(value, row=3):
    def model(batch):
        answer = score(batch).astype(np.float32)
        answer[row, 1] = value
        return answer

    return model


NONSENSE = {
    "a flat array": (lambda batch: score(batch)[:, 0], {"setting": "model", "value": (10,)}),
    "a row too few": (lambda batch: score(batch)[1:], {"setting": "model", "value": (9, 2)}),
    "a row too many": (
        lambda batch: score(np.concatenate([batch, batch[:1]])),
        {"setting": "model", "value": (11, 2)},
    ),
    "fewer classes": (lambda batch: score(batch)[:, :1], {"setting": "model", "value": (10, 1)}),
    "more classes": (lambda batch: np.tile(score(batch), 2), {"setting": "model", "value": (10, 4)}),
    "NaN": (wrong_at(np.nan), {"setting": "model", "rule": "finite scores"}),
    "infinity": (wrong_at(-np.inf), {"setting": "model", "rule": "finite scores"}),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_from_a_model_is_refused(nonsense):
    function, message = NONSENSE[nonsense]

    with refuses(ModelError, **message):
        seewhy.explain(PHOTO, model=Untouched(function), method=RISE, batch_size=10)

    assert composing() == []


def test_in_lime_the_untouched_picture_counts_as_the_first_sample():
    with refuses(ModelError, "model", rule="return finite scores"):
        seewhy.explain(PHOTO, model=Untouched(wrong_at(np.nan)), method=LIME, batch_size=10)


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_from_a_function_is_refused(nonsense):
    function, _ = NONSENSE[nonsense]
    calls = []

    def model(batch):
        calls.append(batch)
        return score(batch) if len(calls) == 1 else function(batch)

    with pytest.raises(ModelError, match="must return"):
        seewhy.explain(PHOTO, model=model, method=RISE, batch_size=10)


def test_the_number_of_classes_may_not_change_between_batches():
    calls = []

    def model(batch):
        calls.append(batch)
        return np.tile(score(batch), 1 + len(calls) // 4)

    with refuses(ModelError, "model", rule="as many scores per image as for the batch"):
        seewhy.explain(PHOTO, model=model, method=RISE, batch_size=10)


@pytest.mark.parametrize("nonsense", [np.full((1, 2), np.nan), np.zeros(2), np.zeros((2, 2))], ids=["nan", "flat", "2"])
def test_nonsense_of_a_streaming_model_for_the_untouched_picture_is_refused(nonsense):
    with refuses(ModelError, "model"):
        seewhy.explain(PHOTO, model=Streaming(function=lambda batch: nonsense), method=LIME)


def test_a_streaming_model_that_says_nothing_is_refused():
    class Silent(Streaming):
        def stream(self, batches):
            return iter(())

    with refuses(ModelError, "model", rule="one answer for every batch"):
        seewhy.explain(PHOTO, model=Silent(), method=LIME)


def test_nonsense_for_the_untouched_picture_is_refused_before_any_sample():
    calls = []

    def model(batch):
        calls.append(batch)
        return np.full((len(batch), 2), np.nan)

    with refuses(ModelError, "model", rule="finite scores, returned nan at image 0,"):
        seewhy.explain(PHOTO, model=model, method=LIME)

    assert len(calls) == 1


class Lazy(Streaming):
    """Forgets the batches after the third, or answers once too often."""

    def __init__(self, *, too_often):
        super().__init__()
        self.too_often = too_often

    def stream(self, batches):
        for i, batch in enumerate(batches):
            if i == 3 and not self.too_often:
                return
            yield self.function(batch).astype(np.float32)
            if i == 3:
                yield self.function(batch).astype(np.float32)


@METHODS
@pytest.mark.parametrize("too_often", [False, True])
def test_a_model_that_answers_too_few_or_too_many_batches_is_refused(method, too_often):
    with refuses(ModelError, "model", rule="one answer for every batch"):
        seewhy.explain(PHOTO, model=Lazy(too_often=too_often), method=method, batch_size=10)

    assert composing() == []
