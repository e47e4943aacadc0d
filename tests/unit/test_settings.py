"""Settings: frozen, equal by value, checked at once, and the same again from a dict or from TOML."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

import seewhy
from seewhy import Display, FileError, InvalidInput, Lime, Rise
from seewhy.core.settings import Settings, by_name, limits, members, read_toml, setting, to_toml
from seewhy.estimation.kernels import KERNELS
from seewhy.estimation.surrogate import SURROGATES
from seewhy.images.fills import FILLS
from seewhy.images.segmentation import SEGMENTATIONS
from seewhy.methods import METHODS
from support.refusing import refuses

OTHER: list[Settings] = [
    Display(regions=7, share=0.5, sign="negative", hide_rest=True),
    seewhy.Slic(n_segments=20, compactness=1e-3, sigma=1.5, max_num_iter=3, enforce_connectivity=False, slic_zero=True),
    seewhy.Quickshift(kernel_size=2, max_dist=6, ratio=0.9, sigma=1),
    seewhy.Felzenszwalb(scale=10, sigma=0.1, min_size=7),
    seewhy.Watershed(n_segments=9, compactness=0.1),
    seewhy.Grid(rows=2, columns=3),
    seewhy.Labels(path="labels.png"),
    seewhy.SegmentMean(),
    seewhy.ImageMean(),
    seewhy.Color(value="tomato"),
    seewhy.Blur(sigma=1 / 3),
    seewhy.Noise(),
    seewhy.Picture(path="picture.png"),
    seewhy.Cosine(width=0.7),
    seewhy.ImageCosine(width=1e-3),
    seewhy.InverseL2(),
    seewhy.Uniform(),
    seewhy.Ridge(alpha=0),
    seewhy.LeastSquares(),
    seewhy.Lasso(alpha=1e-4),
    seewhy.BayesianRidge(max_iter=5, tol=0.1, alpha_1=0, alpha_2=1, lambda_1=2, lambda_2=3),
    Lime(
        segmentation=seewhy.Grid(rows=2, columns=5),
        fill="red",
        design="drop-fraction",
        keep=0.8,
        n_samples=99,
        kernel="none",
        surrogate=seewhy.Lasso(alpha=0.3),
        feature_selection="lasso-path",
        num_features=4,
        unit="log-odds",
    ),
    Rise(n_samples=9, grid=3, keep=0.1, fill="blur", estimator="ratio", unit="score"),
]
"""Each class with values that are not its defaults."""
DEFAULTS: list[Settings] = [
    settings()
    for settings in (
        Display,
        *METHODS.values(),
        *SEGMENTATIONS.values(),
        *FILLS.values(),
        *KERNELS.values(),
        *SURROGATES.values(),
    )
    if settings.__name__ not in {"Labels", "Picture", "Custom", "CustomKernel", "Regressor"}
]
ALL = DEFAULTS + OTHER


def _named(settings: Settings) -> str:
    return repr(settings)[:60]


class Spoon(Settings):
    """A spoon. It has more to say.

    But only this line is its summary.
    """

    name: Literal["spoon"] = "spoon"
    length: Annotated[float, setting("length in cm", gt=0, le=30, search=(1, 2), log=True)] = 12.5
    sold: Annotated[int, setting("how many", ge=0, lt=100)] = 0
    clean: Annotated[bool, setting("whether it is clean")] = True
    motto: Annotated[str | None, setting("engraving")] = None


class Fork(Settings):
    """A fork."""

    name: Literal["fork"] = "fork"
    teeth: Annotated[int, setting("how many", ge=2)]


# --- what they are ------------------------------------------------------------------------------------------


def test_the_list_has_every_class() -> None:
    classes = {type(settings).__name__ for settings in ALL}

    assert {"Custom", "CustomKernel", "Regressor"}.isdisjoint(classes)
    assert len({type(s) for s in OTHER}) == len(OTHER) == 23
    for family in (SEGMENTATIONS, FILLS, KERNELS, SURROGATES, METHODS):
        for member in family.values():
            assert member.__name__ in classes | {"Custom", "CustomKernel", "Regressor"}


@pytest.mark.parametrize("settings", ALL, ids=_named)
def test_a_dict_json_and_toml_give_the_same_settings(settings: Settings) -> None:
    plain = settings.to_dict()

    assert type(settings)(**plain) == settings
    assert type(settings)(**json.loads(json.dumps(plain, allow_nan=False))) == settings
    assert type(settings)(**tomllib.loads(to_toml(plain))) == settings
    assert type(settings)(**plain).to_dict() == plain


@pytest.mark.parametrize("settings", ALL, ids=_named)
def test_settings_are_frozen_equal_by_value_and_hashable(settings: Settings) -> None:
    same = settings.replace()

    assert same == settings
    assert same is not settings
    assert hash(same) == hash(settings)
    for name in type(settings).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(settings, name, getattr(settings, name))
    with pytest.raises((ValidationError, ValueError)):
        settings.surplus = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("settings", OTHER, ids=_named)
def test_other_values_are_other_settings(settings: Settings) -> None:
    fields = type(settings).model_fields
    if set(fields) == {"name"} or {"path"} <= set(fields):
        return
    assert settings != type(settings)()


@pytest.mark.parametrize("settings", ALL, ids=_named)
def test_every_setting_is_described_and_every_class_has_a_source(settings: Settings) -> None:
    cls = type(settings)

    assert cls.summary()
    assert "\n" not in cls.summary()
    assert cls.source or cls is Display
    for name, field in cls.model_fields.items():
        assert name == "name" or field.description, name


def test_summary_is_the_first_line() -> None:
    assert Spoon.summary() == "A spoon. It has more to say."


def test_none_is_left_out_of_the_dict() -> None:
    assert Spoon().to_dict() == {"name": "spoon", "length": 12.5, "sold": 0, "clean": True}
    assert Spoon(motto="x").to_dict()["motto"] == "x"
    assert "num_features" not in Lime().to_dict()


# --- replace ------------------------------------------------------------------------------------------------


def test_replace_changes_one_setting_and_leaves_the_first_alone() -> None:
    first = Lime(n_samples=10, fill="red")

    second = first.replace(n_samples=20)

    assert (first.n_samples, second.n_samples) == (10, 20)
    assert second.fill == first.fill
    assert isinstance(second, Lime)


def test_replace_checks_again() -> None:
    with refuses(InvalidInput, "Lime.keep", value=1.5):
        Lime().replace(keep=1.5)
    with refuses(InvalidInput, "Lime.samples", rule="not a setting"):
        Lime().replace(samples=5)
    with refuses(InvalidInput, "Lime.num_features", value=5):
        Lime(num_features=5).replace(feature_selection="none")


# --- messages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"length": 0}, "Spoon.length must be above 0, at most 30, got 0"),
        ({"length": 31}, "Spoon.length must be above 0, at most 30, got 31"),
        ({"sold": 100}, "Spoon.sold must be at least 0, below 100, got 100"),
        ({"sold": -1}, "Spoon.sold must be at least 0, below 100, got -1"),
        ({"sold": 1.5}, "Spoon.sold must be a whole number, got 1.5"),
        ({"sold": "x"}, "Spoon.sold must be a whole number, got 'x'"),
        ({"length": "x"}, "Spoon.length must be a number, got 'x'"),
        ({"length": float("inf")}, "Spoon.length must be a finite number, got inf"),
        ({"clean": "x"}, "Spoon.clean must be true or false, got 'x'"),
        ({"motto": 5}, "Spoon.motto must be text, got 5"),
        ({"name": "fork"}, "Spoon.name must be 'spoon', got 'fork'"),
        ({"size": 5}, "Spoon.size is not a setting; Spoon has name, length, sold, clean, motto"),
        (
            {"sold": -1, "clean": 7},
            "Spoon.sold must be at least 0, below 100, got -1; Spoon.clean must be true or false, got 7",
        ),
    ],
)
def test_a_message_names_class_setting_rule_and_value(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Spoon(**given)

    assert str(caught.value) == said
    assert isinstance(caught.value, ValueError)


class Rack(Settings):
    """Several."""

    sizes: Annotated[tuple[int, ...], setting("sizes")] = ()


def test_only_the_first_fault_of_a_setting_is_named() -> None:
    with refuses(InvalidInput, "Rack.sizes", value="a"):
        Rack(sizes=("a", "b"))


def test_what_must_be_given_is_named() -> None:
    with refuses(InvalidInput, "Fork.teeth"):
        Fork()


def test_a_long_value_is_cut() -> None:
    with pytest.raises(InvalidInput) as caught:
        Spoon(sold="x" * 1000)

    assert str(caught.value).endswith("xxx...")
    assert len(str(caught.value)) < 200


def test_a_fault_inside_a_setting_names_the_inner_class() -> None:
    with refuses(InvalidInput, "Slic.n_segments", value=1):
        Lime(segmentation={"name": "slic", "n_segments": 1})
    with refuses(InvalidInput, "Ridge.beta", rule="not a setting"):
        Lime(surrogate={"name": "ridge", "beta": 1})


def test_limits_in_words() -> None:
    fields = Spoon.model_fields

    assert limits(fields["length"]) == "above 0, at most 30"
    assert limits(fields["sold"]) == "at least 0, below 100"
    assert limits(fields["clean"]) == ""
    assert limits(FieldInfo()) == ""


def test_the_search_range_stands_beside_the_setting() -> None:
    assert Spoon.model_fields["length"].json_schema_extra == {"search": [1, 2], "log": True}
    assert Spoon.model_fields["sold"].json_schema_extra is None


@pytest.mark.parametrize("settings", DEFAULTS, ids=_named)
def test_search_ranges_are_allowed_values(settings: Settings) -> None:
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict):
            low, high = extra["search"]  # type: ignore[misc]
            assert low < high  # type: ignore[operator]
            for value in (low, high):
                assert getattr(settings.replace(**{name: value}), name) == value


# --- by name ------------------------------------------------------------------------------------------------


def test_a_member_is_given_by_name_dict_or_settings() -> None:
    expand = by_name(Spoon | Fork)

    assert expand("spoon") == Spoon()
    assert expand({"name": "fork", "teeth": 3}) == Fork(teeth=3)
    fork = Fork(teeth=4)
    assert expand(fork) is fork


@pytest.mark.parametrize("value", ["knife", 5, None, {}, {"teeth": 3}, {"name": 5}, {"name": ["fork"]}, Fork])
def test_nothing_else_is_guessed(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be one of spoon, fork$"):
        by_name(Spoon | Fork)(value)


def test_members_of_nested_unions() -> None:
    assert members(Spoon | Fork) == {"spoon": Spoon, "fork": Fork}
    assert members(Annotated[Spoon | Fork, "x"]) == {"spoon": Spoon, "fork": Fork}
    assert members(int | None) == {}


def test_every_member_is_known_by_its_own_name() -> None:
    for family in (SEGMENTATIONS, FILLS, KERNELS, SURROGATES, METHODS):
        for name, member in family.items():
            assert member.model_fields["name"].default == name


# --- features -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["highest-weights", "forward-selection", "lasso-path"])
def test_a_selection_needs_a_number(how: Any) -> None:
    with refuses(InvalidInput, "Lime.num_features", rule="be given with feature_selection"):
        Lime(feature_selection=how)

    assert Lime(feature_selection=how, num_features=3).num_features == 3


def test_no_selection_takes_no_number() -> None:
    with refuses(InvalidInput, "Lime.num_features", value=3):
        Lime(feature_selection="none", num_features=3)

    assert Lime(feature_selection="none").num_features is None


def test_auto_takes_a_number_or_none() -> None:
    assert Lime(feature_selection="auto").num_features is None
    assert Lime(feature_selection="auto", num_features=100_000).num_features == 100_000


# --- files --------------------------------------------------------------------------------------------------


def test_toml_keeps_every_digit(tmp_path: Path) -> None:
    settings = Lime(keep=0.1 + 0.2, kernel=seewhy.Cosine(width=1e-7), surrogate=seewhy.Ridge(alpha=1 / 3))
    (tmp_path / "s.toml").write_text(to_toml({"method": settings.to_dict()}))

    assert Lime(**read_toml(tmp_path / "s.toml")["method"]) == settings


def test_a_path_that_is_not_ascii_comes_back(tmp_path: Path) -> None:
    settings = seewhy.Picture(path='C:\\Bilder\\"ä" 猫.png')
    (tmp_path / "s.toml").write_text(to_toml(settings.to_dict()), encoding="utf-8")

    assert seewhy.Picture(**read_toml(str(tmp_path / "s.toml"))) == settings


@pytest.mark.parametrize("content", [None, b"x =", b"\xff\xfe", b"a = 1\na = 2"])
def test_an_unreadable_file_is_one_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(FileError) as refused:
        read_toml(path)
    assert refused.value.setting.endswith("s.toml")
    assert refused.value.rule


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with refuses(FileError, tmp_path.name, value="folder"):
        read_toml(tmp_path)
