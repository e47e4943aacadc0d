"""Samples read again for other classes: those that were kept, as if they had been asked for at first."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from support.refitting import ENSEMBLE, LIME, RISE, Counting, K, order, run, same_file
from support.refusing import refuses


@pytest.mark.parametrize("method", [LIME, RISE, ENSEMBLE], ids=lambda method: method.name)
@pytest.mark.parametrize("targets", ["top1", "top3", "contrast", ["top2", "contrast"]], ids=str)
def test_other_classes_in_their_order_give_the_same_file(method, targets, tmp_path):
    model = Counting()
    before = run(method, model)
    first, second = order(before)[:2]
    named = {"contrast": f"class-{first} vs class-{second}"}
    wanted = [named.get(one, one) for one in targets] if isinstance(targets, list) else named.get(targets, targets)
    asked = model.pictures

    assert same_file(before.refit(targets=wanted), run(method, targets=wanted), tmp_path)
    assert same_file(seewhy.load(tmp_path / "one").refit(targets="top1"), before, tmp_path)
    assert model.pictures == asked


@pytest.mark.parametrize("case", ["index", "name", "last of the kept", "contrast", "mixed"])
def test_other_classes_in_any_order_give_the_same_answers(case):
    before = run()
    ranked = order(before)
    wanted = {
        "index": ranked[4],
        "name": f"class-{ranked[2]}",
        "last of the kept": [ranked[9], ranked[8]],
        "contrast": f"{ranked[6]} vs class-{ranked[1]}",
        "mixed": [f"{ranked[3]} vs {ranked[0]}", ranked[5], "top2"],
    }[case]

    found, straight = before.refit(targets=wanted, unit="log-odds"), run(LIME.replace(unit="log-odds"), targets=wanted)

    assert found.targets == straight.targets
    assert found.predictions == straight.predictions
    for i in range(len(found.targets)):
        np.testing.assert_array_equal(found.values(i), straight.values(i))
        np.testing.assert_array_equal(found.standard_error(i), straight.standard_error(i))
    assert found.to_dict() | {"seconds": 0, "seconds_model": 0} == straight.to_dict() | {
        "seconds": 0,
        "seconds_model": 0,
    }


def test_ten_classes_and_the_targets_are_kept():
    least = order(run(keep_scores="all"))  # ten of fourteen are shown
    left_out = next(k for k in range(K) if k not in least)

    found = run(targets=left_out)

    assert found.samples.classes == (*least, left_out)  # by rank, whoever is explained
    assert found.refit(targets=[left_out, f"{left_out} vs {least[9]}"]).targets[0].index == left_out


@pytest.mark.parametrize(
    "labels",
    [None, "names"],
)
def test_a_class_that_was_not_kept_is_refused(labels):
    model = Counting()
    model.labels = model.labels if labels else None
    before = run(model=model)
    left_out = next(k for k in range(K) if k not in before.samples.classes)

    with refuses(InvalidInput, "targets", value=1) as caught:
        before.refit(targets=left_out)
    assert (caught.value.setting, caught.value.value) == ("targets", left_out)
    assert "keep_scores='all'" in str(caught.value)
    with refuses(InvalidInput, "targets", value=1):
        before.refit(targets=f"{order(before)[0]} vs {left_out}")
    with refuses(InvalidInput, "targets", value=1):
        before.refit(targets="top11")


def test_a_name_that_was_not_kept_and_an_index_that_is_none_are_refused():
    before = run()
    left_out = next(k for k in range(K) if k not in before.samples.classes)

    for asked in (f"class-{left_out}", f"0 vs class-{left_out}", ["top1", f"class-{left_out}"]):
        with refuses(InvalidInput, "targets", value="class-1") as caught:
            before.refit(targets=asked)
        assert caught.value.rule == "be a class whose scores were kept"
    with refuses(InvalidInput, "targets", value="zebra"):
        run(keep_scores="all").refit(targets="zebra")
    with refuses(InvalidInput, "targets", value=14):
        before.refit(targets=14)


@pytest.mark.parametrize("method", [LIME, RISE, ENSEMBLE], ids=lambda method: method.name)
def test_where_all_classes_are_kept_any_can_be_asked_for(method, tmp_path):
    model = Counting()
    before = run(method, model, keep_scores="all")
    asked = model.pictures
    assert sorted(before.samples.classes) == list(range(K))

    loaded = seewhy.load(before.save(tmp_path / "all"))
    found = loaded.refit(targets=list(range(K)))

    assert [target.index for target in found.targets] == list(range(K))
    assert model.pictures == asked
    for k in (0, 5, 13):
        np.testing.assert_array_equal(found.heatmap(k), run(method, targets=k).heatmap())
    assert same_file(before.refit(targets=f"top{K}"), run(method, targets=f"top{K}"), tmp_path)


UNHASHABLE = ["all"]


@pytest.mark.parametrize("keep_scores", ["top5", "ALL", "", None, True, 10, UNHASHABLE], ids=repr)
def test_other_words_for_what_is_kept_are_refused_before_any_work(keep_scores):
    model = Counting()

    with refuses(InvalidInput, "keep_scores", rule="be 'top10' or 'all'"):
        run(LIME, model, keep_scores=keep_scores)

    assert model.pictures == 0


@pytest.mark.parametrize("place", [1, 4, 9])
def test_a_refit_to_any_kept_class_is_the_file_of_asking_for_it_at_first(place, tmp_path):
    ranked = order(run(keep_scores="all"))
    before, straight = run(), run(targets=ranked[place])

    one = before.refit(targets=ranked[place]).save(tmp_path / "one").read_bytes()
    assert one == straight.save(tmp_path / "other").read_bytes()
