"""Laws of many segmentations: planted regions, whole blocks, masks by hand, files, and the family they come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.engine.run import Subject
from seewhy.explanation.record import arrays
from seewhy.images.alike import Alike
from seewhy.images.segmentation.family import Family
from seewhy.methods import EnsembleLime
from seewhy.models import FunctionModel
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs import FoldoverHadamard
from support.refusing import refuses

H, W = 40, 48
RNG = np.random.default_rng(0)
SMOOTH = np.kron(RNG.integers(0, 256, (5, 6, 3)), np.ones((8, 8, 1)))
PHOTO = np.clip(SMOOTH + RNG.normal(0, 8, (H, W, 3)), 0, 255).astype(np.uint8)
PIXELS = PHOTO.astype(np.float32) / 255
LIME = EnsembleLime(n_segments=(6, 12), fill="black", unit="score", n_samples=400)


def bright(batch):
    """Reads one square of the picture, not linearly."""
    return np.tanh(2 * batch[:, 8:20, 26:42].mean(axis=(1, 2, 3)))


def run(method=LIME, model=bright, photo=PHOTO, **more):
    return seewhy.explain(photo, model=model, method=method, targets=0, **more)


GOT = run()


def blocks_of(got):
    """Yield the segmentation, coalitions and scores of every whole block."""
    parts, coalitions = got.samples.parts, got.samples.block(slice(None)).coalitions
    for index, segments in enumerate(got.scene_segments):
        rows, d = np.flatnonzero(parts == index), segments.max() + 1
        if len(rows) == FoldoverHadamard().block_rows(d):
            yield segments, coalitions[rows, :d], got.samples.scores[rows, 0].astype(float)


def map_by_hand(segments, coalitions, scores, power):
    columns = np.column_stack([np.ones(len(scores)), coalitions])
    values = np.linalg.lstsq(columns, scores, rcond=None)[0][1:]
    found = np.zeros(segments.shape)
    for j, value in enumerate(values):
        inside = segments == j
        found[inside] = value * (0.04 / inside.mean()) ** power
    return found


# --- the map -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("algorithms", [("slic",), ("watershed", "slic")])
def test_a_model_that_reads_one_region_lights_that_region(algorithms, seed):
    photo, inside = PHOTO // 4, np.zeros((H, W), bool)
    inside[8:20, 26:42] = True
    photo[inside] += 150
    got = run(LIME.replace(algorithms=algorithms), photo=photo, seed=seed)
    chosen = got.region()

    assert inside.ravel()[np.argmax(got.heatmap())]
    assert got.heatmap()[inside].mean() > 4 * np.abs(got.heatmap()[~inside].mean())
    assert (chosen & inside).sum() / (
        chosen | inside
    ).sum() > 0.5  # no region of a block need end where the square does


@pytest.mark.parametrize(("weighting", "power"), [("value", 0), ("root-area", 0.5), ("density", 1)])
def test_the_map_is_the_mean_of_least_squares_over_blocks(weighting, power):
    maps = np.array([map_by_hand(*block, power) for block in blocks_of(GOT)])
    found = GOT.refit(weighting=weighting, averaging="equal", smoothing="none")

    np.testing.assert_allclose(found.heatmap(), maps.mean(axis=0), rtol=0, atol=2e-6)
    se = np.sqrt(((maps - maps.mean(axis=0)) ** 2).sum(axis=0) / (len(maps) - 1) / len(maps))
    np.testing.assert_allclose(found.standard_error(), se, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("smoothing", ["none", "alike"])
def test_blocks_weigh_the_root_of_their_rows_and_are_smoothed_before_they_are_compared(smoothing):
    smooth = Alike(PIXELS) if smoothing == "alike" else np.array
    maps = np.array([smooth(map_by_hand(*block, 0.5)) for block in blocks_of(GOT)])
    got = GOT.refit(smoothing=smoothing)
    rows = np.array([len(coalitions) for _, coalitions, _ in blocks_of(GOT)])
    w = np.sqrt(rows) / np.sqrt(rows).sum()
    mean = np.tensordot(w, maps, 1)
    factors = w**2 / (1 - 2 * w + (w**2).sum())
    se = np.sqrt(np.tensordot(factors, (maps - mean) ** 2, 1))

    assert len(set(rows)) > 1
    np.testing.assert_allclose(got.heatmap(), mean, rtol=0, atol=2e-6)
    np.testing.assert_allclose(got.standard_error(), se, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(got.interval()[1], mean + got.attributions[0].reach * se, atol=1e-5)


def test_the_error_is_that_of_the_map_averaged_over_rectangles_and_less_its_mean():
    maps = np.array([map_by_hand(*block, 0.5) for block in blocks_of(GOT)])
    plain = GOT.refit(averaging="equal", smoothing="none")
    part = np.arange(H)[:, None] * 16 // H * 16 + np.arange(W) * 16 // W
    pooled = np.array([np.bincount(part.ravel(), one.ravel()) / np.bincount(part.ravel()) for one in maps])
    pooled -= pooled.mean(axis=1, keepdims=True)
    noise, mean = np.cov(pooled.T).trace() / len(maps), pooled.mean(axis=0)

    assert plain.error == pytest.approx(np.sqrt(noise / (mean @ mean - noise)), rel=1e-5)
    assert plain.attributions[0].spread.df == pytest.approx(len(maps) - 1)


def test_an_unfinished_block_is_left_out():
    edges = np.flatnonzero(np.diff(GOT.samples.parts, append=-1)) + 1
    whole, inside = GOT.refit(n_samples=int(edges[6])), GOT.refit(n_samples=int(edges[7]) - 1)

    np.testing.assert_array_equal(inside.heatmap(), whole.heatmap())
    np.testing.assert_array_equal(inside.standard_error(), whole.standard_error())
    assert not np.array_equal(GOT.refit(n_samples=int(edges[7])).heatmap(), whole.heatmap())


def test_less_than_one_block_says_how_many_samples_it_needs():
    first = int(np.sum(GOT.samples.parts == 0))

    with refuses(InvalidInput, "EnsembleLime.n_samples", value=15):
        run(LIME.replace(n_samples=first - 1))
    asked = []
    model = FunctionModel(lambda batch: asked.append(len(batch)), kind="score")
    for few in (LIME.replace(n_samples=first - 1), LIME.replace(n_samples=None, max_evaluations=first)):
        with pytest.raises(InvalidInput, match="the size of the first block"):
            seewhy.explain(PHOTO, model=model, method=few)
    assert asked == []
    one = run(LIME.replace(n_samples=first))
    assert one.standard_error() is None
    assert one.error is None
    assert any("too few segmentations to estimate the error" in text for text in one.warnings)


@pytest.mark.parametrize(
    "changed", [{"weighting": "value"}, {"weighting": "density"}, {"averaging": "equal"}, {"smoothing": "none"}]
)
def test_refitting_equals_having_asked(changed):
    asked, refitted = run(LIME.replace(**changed)), GOT.refit(**changed)

    np.testing.assert_array_equal(refitted.heatmap(), asked.heatmap())
    np.testing.assert_array_equal(refitted.standard_error(), asked.standard_error())
    assert refitted.error == asked.error
    assert refitted.method == asked.method
    assert set(GOT.compare().names) == {"ensemble-lime", "value", "density"}


def test_it_stops_by_itself_after_whole_blocks():
    got = run(LIME.replace(n_samples=None, tolerance=0.25))
    last = got.samples.parts[-1]

    assert got.stop.by == "tolerance"
    assert np.sum(got.samples.parts == last) == FoldoverHadamard().block_rows(got.scene_segments[last].max() + 1)
    assert last >= 5
    assert got.error < 0.25


@pytest.mark.parametrize("blocks", [1, 2, 40])
def test_saved_and_loaded_is_the_same(blocks, tmp_path):
    method = LIME.replace(n_samples=blocks * 40 if blocks > 1 else int(np.sum(GOT.samples.parts == 0)))
    got = run(method, seed=0)
    got.save(tmp_path / "kept")
    again = seewhy.load(tmp_path / "kept")

    np.testing.assert_array_equal(again.scene_segments, got.scene_segments)
    np.testing.assert_array_equal(again.heatmap(), got.heatmap())
    if blocks > 2:
        np.testing.assert_array_equal(again.standard_error(), got.standard_error())
    assert again.error == got.error
    assert again.warnings == got.warnings
    np.testing.assert_array_equal(again.samples.asked(), got.samples.asked())


@pytest.mark.slow
def test_segmentations_that_are_too_many_for_a_file_are_drawn_again(tmp_path):
    photo = np.random.default_rng(3).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    got = run(LIME.replace(n_samples=2000), photo=photo)
    got.save(tmp_path / "kept")
    again = seewhy.load(tmp_path / "kept")

    assert "segments" in arrays(GOT)
    assert "segments" not in arrays(got)
    np.testing.assert_array_equal(again.scene_segments, got.scene_segments)
    np.testing.assert_array_equal(again.heatmap(), got.heatmap())
    more, straight = GOT.continue_(n_samples=500), run(LIME.replace(n_samples=500))
    np.testing.assert_array_equal(more.heatmap(), straight.heatmap())


# --- masks and what is sent --------------------------------------------------------------------------------


def test_every_mask_is_its_own_segmentation_with_its_own_bits():
    subject = Subject.of(GOT.image, GOT.view, GOT.method, GOT.seed)
    block = GOT.samples.block(slice(None))
    masks = subject.masks(block)

    for mask, part, kept in zip(masks, block.parts, block.coalitions, strict=True):
        np.testing.assert_array_equal(mask, kept[GOT.scene_segments[part]])
    shuffled = np.random.default_rng(0).permutation(len(masks))
    mixed = Block(block.coalitions[shuffled], None, block.parts[shuffled])
    np.testing.assert_array_equal(subject.masks(mixed), masks[shuffled])
    assert len(np.unique(GOT.scene_segments, axis=0)) > 8


def test_the_whole_picture_and_the_bare_fill_are_sent_once_for_all_blocks():
    pictures = []

    def model(batch):
        pictures.extend(picture.tobytes() for picture in batch)
        return bright(batch)

    method = LIME.replace(n_segments=(4, 4), n_samples=400)
    got = run(method, model)
    coalitions, parts = got.samples.block(slice(None)).coalitions, got.samples.parts
    d = np.array([segments.max() + 1 for segments in got.scene_segments])[parts]
    own = np.arange(coalitions.shape[1]) < d[:, None]
    whole, bare = (coalitions | ~own).all(axis=1), ~coalitions.any(axis=1)

    assert whole.sum() > 1  # so that once means something
    assert bare.sum() > 1
    assert coalitions[whole].all()
    assert len(pictures) == got.n_evaluations
    assert pictures.count(pictures[0]) == 1
    assert sum(not np.frombuffer(picture, np.float32).any() for picture in pictures) == 1
    rest = np.column_stack([coalitions, parts])[~whole & ~bare]
    assert got.n_evaluations == 2 + len(np.unique(rest, axis=0))
    assert len(set(got.samples.scores[whole, 0])) == len(set(got.samples.scores[bare, 0])) == 1


def test_blocks_are_as_long_as_their_segmentations_need_and_drawn_anew():
    subject = Subject.of(GOT.image, GOT.view, GOT.method, GOT.seed)
    draws, parts = GOT.method.draws(subject.masks), GOT.samples.parts
    ends = np.flatnonzero(np.diff(parts)) + 1  # of every block but the last

    assert draws.least() == ends[5]
    assert draws.total() is None
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        assert [draws.boundary(int(n)) for n in (start + 1, end - 1, end)] == [end] * 3
    blocks = [(kept.shape, kept.tobytes()) for _, kept, _ in blocks_of(GOT)]
    assert len(set(blocks)) == len(blocks)
    assert len({shape for shape, _ in blocks}) < len(blocks)  # some are of one shape


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_first_six_blocks_are_the_same_samples_with_the_coarsest_first(seed):
    wide = LIME.replace(n_segments=(6, 30), n_samples=480)
    early, drawn = (run(wide.replace(order=order), seed=seed) for order in ("coarse-first", "drawn"))

    def six(got):
        found = list(blocks_of(got))[:6]
        assert len(found) == 6
        return {(ids.tobytes(), bits.tobytes(), scores.tobytes()) for ids, bits, scores in found}

    assert six(early) == six(drawn)
    sizes = [int(ids.max()) + 1 for ids in early.scene_segments[:6]]
    assert sizes[0] <= min(sizes) + 1  # what comes out differs a little from what is asked for
    assert sizes != [int(ids.max()) + 1 for ids in drawn.scene_segments[:6]]
    np.testing.assert_array_equal(early.scene_segments[6], drawn.scene_segments[6])
    np.testing.assert_allclose(early.heatmap(), drawn.heatmap(), rtol=1e-4, atol=1e-6)


def test_batches_do_not_matter_where_segmentations_change():
    other = run(batch_size=7)

    np.testing.assert_array_equal(other.samples.bits, GOT.samples.bits)
    np.testing.assert_allclose(other.heatmap(), GOT.heatmap(), rtol=0, atol=1e-6)


# --- the family --------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    block=st.integers(0, 500),
    jitter=st.sampled_from([0.0, 0.1, 0.5]),
    algorithms=st.sampled_from([("slic",), ("watershed",), ("slic", "watershed")]),
)
def test_any_member_has_the_shape_no_gaps_and_a_number_of_regions_in_range(seed, block, jitter, algorithms):
    family = Family(n_segments=(8, 20), jitter=jitter, algorithms=algorithms)

    ids = family.member(PIXELS, seed, block)

    assert ids.shape == (H, W)
    assert ids.dtype == np.int32
    assert np.unique(ids).tolist() == list(range(ids.max() + 1))
    assert 8 / 2 <= ids.max() + 1 <= family.most == 40
    np.testing.assert_array_equal(family.member(PIXELS, seed, block), ids)


@pytest.mark.slow
def test_a_shift_that_cuts_regions_off_leaves_enough():
    for block in range(120):
        family = Family(n_segments=(8, 20), jitter=0.5)
        assert 4 <= family.member(PIXELS, 3, block).max() + 1 <= 40


def test_members_differ_by_block_seed_and_jitter():
    family = Family(n_segments=(8, 20))
    one = family.member(PIXELS, 1, 0)

    for other in (
        family.member(PIXELS, 1, 1),
        family.member(PIXELS, 2, 0),
        family.replace(jitter=0.3).member(PIXELS, 1, 0),
    ):
        assert not np.array_equal(one, other)


def test_numbers_of_regions_cover_their_range_evenly():
    counts = [Family(n_segments=(6, 40)).member(PIXELS, 0, block).max() + 1 for block in range(24)]

    assert min(counts) <= 9
    assert max(counts) >= 28
    assert abs(np.median(np.log(counts)) - np.log(np.sqrt(6 * 40))) < 0.5  # even on a log scale, as SLIC allows


def test_algorithms_take_turns():
    both, slic, watershed = (Family(algorithms=a) for a in (("slic", "watershed"), ("slic",), ("watershed",)))

    for block, alone in [(0, slic), (1, watershed), (2, slic), (3, watershed)]:
        np.testing.assert_array_equal(both.member(PIXELS, 5, block), alone.member(PIXELS, 5, block))


@pytest.mark.parametrize("algorithm", ["slic", "watershed"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_one_color_is_divided_by_place(algorithm, channels):
    flat = np.full((H, W, channels), 0.5, np.float32)
    family = Family(algorithms=(algorithm,), n_segments=(8, 20))

    for block in range(4):
        assert 4 <= family.member(flat, 0, block).max() + 1 <= 40


def test_a_picture_that_cannot_be_divided_says_so():
    with refuses(InvalidInput, "Family", value=9):
        Family(n_segments=(30, 30)).member(np.zeros((3, 3, 3), np.float32), 0, 0)


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"n_segments": (3, 9)}, "two numbers from 4 to 500, the lower first, got 3, 9"),
        ({"n_segments": "20,10"}, "two numbers from 4 to 500, the lower first, got 20, 10"),
        ({"compactness": (0, 1)}, "two numbers from 0.001 to 10000"),
        ({"jitter": 0.6}, "at most 0.5"),
        ({"algorithms": ()}, "must have more values"),
    ],
)
def test_bad_ranges_are_refused_by_the_method_itself(bad, rule):
    with refuses(InvalidInput, f"EnsembleLime.{next(iter(bad))}"):
        EnsembleLime(**bad)
