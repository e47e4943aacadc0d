"""Occlusion against captum's, against loops written out, and on planted models."""

import numpy as np
import pytest

import seewhy
from seewhy.methods.occlusion import WindowMasks
from seewhy.sampling.blocks import Block
from support.refusing import refuses

PHOTO = (np.random.default_rng(0).random((40, 52, 3)) * 255).astype(np.uint8)


def explained(model, photo=PHOTO, **settings):
    return seewhy.explain(photo, model=model, method=seewhy.Occlusion(**settings), targets=[0], progress=False)


def corner(pictures):
    """Read the upper left 8 x 12 pixels alone."""
    return pictures[:, :8, :12].mean(axis=(1, 2, 3))


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (12, 12), (5, 3), (40, 40)])
def test_the_map_is_the_mean_loss_over_windows_written_as_loops(window, stride):
    weights = np.random.default_rng(1).random((40, 52, 3)).astype(np.float32)

    def model(pictures):
        return np.tanh((pictures * weights).mean(axis=(1, 2, 3)))

    whole = PHOTO.astype(np.float32) / 255
    tops = sorted({*range(0, 40 - window + 1, stride), 40 - window})
    lefts = sorted({*range(0, 52 - window + 1, stride), 52 - window})
    lost, covered = np.zeros((40, 52)), np.zeros((40, 52))
    for top in tops:
        for left in lefts:
            place = np.s_[top : top + window, left : left + window]
            hidden = whole.copy()
            hidden[place] = 0
            lost[place] += model(whole[None])[0] - model(hidden[None])[0]
            covered[place] += 1

    got = explained(model, window=window, stride=stride, fill="black")

    np.testing.assert_allclose(got.heatmap(), lost / covered, atol=1e-6)
    assert got.n_evaluations == len(tops) * len(lefts) + 1


def test_it_equals_captum_where_the_places_fill_the_picture():
    torch = pytest.importorskip("torch")
    captum = pytest.importorskip("captum.attr")
    photo = (np.random.default_rng(2).random((32, 48, 3)) * 255).astype(np.uint8)
    weights = torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(0))

    def forward(pictures):
        return torch.tanh((pictures * weights).mean(dim=(1, 2, 3)))[:, None]

    def model(pictures):
        return forward(torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))).numpy()

    tensor = torch.from_numpy(photo.astype(np.float32).transpose(2, 0, 1) / 255)[None]
    wanted = captum.Occlusion(forward).attribute(
        tensor, sliding_window_shapes=(3, 8, 8), strides=(3, 4, 4), baselines=0.0, target=0
    )

    got = explained(model, photo, window=8, stride=4, fill="black")

    np.testing.assert_allclose(got.heatmap(), wanted[0, 0].numpy(), atol=1e-6)


def test_what_the_model_reads_is_found_and_the_rest_is_zero():
    got = explained(corner, window=4, stride=4, fill="black")
    heatmap = got.heatmap()

    assert (heatmap[:8, :12] > 0).all()
    assert np.abs(heatmap[8:]).max() == np.abs(heatmap[:, 12:]).max() == 0
    assert got.error == 0


def test_every_pixel_is_covered_where_the_stride_does_not_fit():
    masks = WindowMasks(17, 23, 5, 4)
    rows = ~np.eye(masks.d, dtype=bool)

    made = masks(Block(rows))

    assert made.dtype == np.float32
    assert (made.min(axis=0) == 0).all()
    assert ((made == 0).sum(axis=(1, 2)) == 25).all()
    np.testing.assert_array_equal(masks(Block(np.ones((1, masks.d), dtype=bool))), np.ones((1, 17, 23)))


def test_a_device_composes_the_same_masks():
    torch = pytest.importorskip("torch")
    from seewhy.models.torch.canvas import masks_on

    masks = WindowMasks(17, 23, 5, 4)
    rows = Block(np.random.default_rng(0).random((9, masks.d)) < 0.7)

    np.testing.assert_array_equal(masks_on(masks, torch.device("cpu"))(rows).numpy(), masks(rows))


def test_the_seed_and_the_batch_size_change_nothing():
    one = seewhy.explain(PHOTO, model=corner, method="occlusion", targets=[0], seed=0, batch_size=1, progress=False)
    two = seewhy.explain(PHOTO, model=corner, method="occlusion", targets=[0], seed=9, batch_size=64, progress=False)

    assert one.heatmap().tobytes() == two.heatmap().tobytes()


@pytest.mark.parametrize("name", ["n_samples", "tolerance", "max_evaluations", "max_seconds", "until"])
def test_what_leaves_nothing_to_chance_takes_no_amount(name):
    with refuses(seewhy.InvalidInput, f"Occlusion.{name}", rule="not a setting"):
        seewhy.Occlusion(**{name: 5})


def test_a_run_that_is_stopped_before_its_end_gives_no_map_of_a_part():
    seen = []

    def cancel():
        seen.append(1)
        return len(seen) > 3

    with pytest.raises(seewhy.Cancelled):
        seewhy.explain(
            PHOTO, model=corner, method="occlusion", targets=[0], batch_size=1, cancel=cancel, progress=False
        )


@pytest.mark.parametrize(
    ("settings", "setting"),
    [({"window": 41, "stride": 8}, "Occlusion.window"), ({"window": 8, "stride": 9}, "Occlusion.stride")],
)
def test_windows_that_cannot_slide_are_refused(settings, setting):
    with pytest.raises(seewhy.InvalidInput) as refused:
        explained(corner, **settings)

    assert refused.value.setting == setting


def test_a_saved_result_is_the_same_and_can_be_read_in_another_unit(tmp_path):
    def model(pictures):
        bright = corner(pictures)
        return np.stack([bright, 1 - bright], axis=1)

    before = seewhy.explain(PHOTO, model=model, method="occlusion", targets=[0], progress=False)
    after = seewhy.load(before.save(tmp_path / "one.seewhy"))

    assert after.heatmap().tobytes() == before.heatmap().tobytes()
    assert after.refit(unit="log-odds").targets[0].unit == "log-odds"
    with pytest.raises(seewhy.InvalidInput) as refused:
        before.continue_(n_samples=10)
    assert refused.value.value == "occlusion"
