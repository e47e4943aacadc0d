"""Bad values for every setting there is, made from the settings' own description: through Python, files and flags."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import tomli_w

from seewhy import Display, InvalidInput
from seewhy.cli import main
from seewhy.cli.flags import families, method_flags
from seewhy.core.settings import Settings, limits, members
from seewhy.estimation.kernels import KERNELS
from seewhy.estimation.surrogate import SURROGATES
from seewhy.images.fills import FILLS
from seewhy.images.segmentation import SEGMENTATIONS
from seewhy.methods import METHODS


class _Fits:
    def fit(self, x: object, y: object, sample_weight: object) -> None: ...


NEEDED: dict[str, dict[str, Any]] = {
    "labels": {"path": "labels.png"},
    "picture": {"path": "picture.png"},
    "custom": {"function": len},
    "regressor": {"regressor": _Fits()},
}
"""What must be given besides the bad value."""
NAMED: dict[str, list[tuple[Any, str]]] = {"until": [("top0", "must be topK"), ("5", "must be topK"), ([1], "text")]}
"""Values that break a rule of one setting alone."""
CLASSES: dict[str, type[Settings]] = {
    settings.__name__: settings
    for settings in (
        Display,
        *METHODS.values(),
        *SEGMENTATIONS.values(),
        *FILLS.values(),
        *KERNELS.values(),
        *SURROGATES.values(),
    )
}


@dataclass(frozen=True)
class Bad:
    """One value that breaks one rule of one setting."""

    settings: type[Settings]
    name: str
    value: Any
    rule: str

    def __str__(self) -> str:
        return f"{self.settings.__name__}.{self.name}={self.value!r}"


def _bad_values(settings: type[Settings]) -> Iterator[Bad]:
    for name, field in settings.model_fields.items():
        wrong = _wrong_list if get_origin(field.annotation) is tuple else _wrong_kind
        for value, rule in [*_outside(field), *wrong(field.annotation), *NAMED.get(name, [])]:
            yield Bad(settings, name, value, rule)
    yield Bad(settings, "surplus", 1, "is not a setting")


def _outside(field: Any) -> Iterator[tuple[Any, str]]:
    step = 1 if int in (field.annotation, *get_args(field.annotation)) else 1e-3
    bounds = {
        key: getattr(rule, key) for rule in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(rule, key)
    }
    rule = f"must be {limits(field)}"
    beyond = {"ge": -step, "gt": 0, "le": +step, "lt": 0}
    for key, bound in bounds.items():
        # a step that is not lost in rounding
        yield bound + (beyond[key] if step == 1 else beyond[key] * max(1, abs(bound))), rule


def _wrong_kind(annotation: Any) -> list[tuple[Any, str]]:
    kinds = {annotation, *get_args(annotation)}
    if get_origin(annotation) is Literal:
        return [("nonsense", "must be"), (3, "must be")]
    if members(annotation):
        return [("nonsense", "must be one of"), ({"name": "nonsense"}, "must be one of"), ({"a": 1}, "must be one of")]
    if bool in kinds:
        return [("perhaps", "must be true or false"), (2, "must be true or false")]
    if int in kinds:
        return [("many", "must be a whole number"), (2.5, "must be a whole number"), ([1], "must be a whole number")]
    if float in kinds:
        found: list[tuple[Any, str]] = [("much", "must be a number"), ([1.0], "must be a number")]
        return [*found, (math.inf, "must be a finite number"), (math.nan, "must be a finite number")]
    return []


def _wrong_list(annotation: Any) -> list[tuple[Any, str]]:
    inner, *rest = get_args(annotation)
    text: list[tuple[Any, str]] = [one for one in _wrong_kind(inner) if isinstance(one[0], str)]
    short, long = ([], "must have more values"), ([1, 2, 3], "must have fewer values")
    lengths = [short] if rest == [...] else [short, ([1], "must have more values"), long]
    return [*text, *lengths, ({"a": 1}, "must be a list")]


EVERY = [bad for settings in CLASSES.values() for bad in _bad_values(settings)]


def _one_line(text: str) -> str:
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


def test_there_are_many_and_every_class_has_some() -> None:
    assert len(EVERY) > 150
    assert {bad.settings for bad in EVERY} == set(CLASSES.values())


@pytest.mark.parametrize("bad", EVERY, ids=str)
def test_python_names_class_setting_rule_and_value(bad: Bad) -> None:
    name = bad.settings.model_fields["name"].default if "name" in bad.settings.model_fields else ""
    given = NEEDED.get(name, {}) | {bad.name: bad.value}

    with pytest.raises(InvalidInput) as caught:
        bad.settings(**given)

    said = _one_line(str(caught.value))
    assert said.startswith(f"{bad.settings.__name__}.{bad.name} ")
    assert bad.rule in said
    if bad.name == "surplus":
        assert all(known in said for known in bad.settings.model_fields)
    else:
        assert said.endswith(f"got {bad.value!r}")


def _place_of(settings: type[Settings]) -> tuple[str, str | None]:
    """Return the method and the family that a class of settings stands in."""
    for method, known in METHODS.items():
        if settings is known:
            return method, None
        for family, choice in families(known).items():
            if settings in choice.values():
                return method, family
    raise AssertionError(settings)


def _in_a_file(bad: Bad) -> dict[str, Any]:
    if bad.settings is Display:
        return {"display": {bad.name: bad.value}}
    method, family = _place_of(bad.settings)
    own = bad.settings.model_fields["name"].default
    inner = {key: value for key, value in NEEDED.get(own, {}).items() if isinstance(value, str)}
    part = {"name": own} | inner | {bad.name: bad.value}
    return {"method": part if family is None else {"name": method, family: part}}


IN_FILES = [
    bad for bad in EVERY if bad.name != "name" and bad.settings.__name__ not in {"Custom", "CustomKernel", "Regressor"}
]


@pytest.mark.parametrize("bad", IN_FILES, ids=str)
def test_a_file_names_itself_class_setting_rule_and_value(
    bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(tomli_w.dumps(_in_a_file(bad)))

    with pytest.raises(SystemExit) as end:
        main(["explain", "no-photo.png", "--settings", str(file)])

    found = capsys.readouterr()
    said = _one_line(found.err)
    assert (end.value.code, found.out) == (2, "")
    assert said.startswith(f"error: {file}: {bad.settings.__name__}.{bad.name} ")
    assert bad.rule in said
    assert bad.name == "surplus" or said.endswith(f"got {bad.value!r}")


FLAGS = {setting: flag for flag in method_flags() for setting in flag.settings.split()}
DISPLAY = {f"Display.{name}": f"--{name.replace('_', '-')}" for name in ("regions", "share", "sign")}
BY_FLAG = [
    bad
    for bad in IN_FILES
    if f"{bad.settings.__name__}.{bad.name}" in {*FLAGS, *DISPLAY}
    and isinstance(bad.value, str | int | float)
    # on the command line all is text, so a literal has no wrong kinds, and 3 may be a name
    and not (bad.rule == "must be" and bad.value == 3)
]


def test_bad_values_go_through_every_flag_that_has_a_rule() -> None:
    tried = {f"{bad.settings.__name__}.{bad.name}" for bad in BY_FLAG}

    assert {*FLAGS, *DISPLAY} - tried == {"Labels.path", "Picture.path", "Color.value"}


@pytest.mark.parametrize("bad", BY_FLAG, ids=str)
def test_a_flag_names_itself_rule_and_value(bad: Bad, capsys: pytest.CaptureFixture[str]) -> None:
    setting = f"{bad.settings.__name__}.{bad.name}"
    chosen: list[str] = []
    if setting in DISPLAY:
        name = DISPLAY[setting]
    else:
        flag = FLAGS[setting]
        method, family = _place_of(bad.settings)
        name, chosen = flag.name, ["--method", method]
        if family is not None:
            chosen += [f"--{family}", str(flag.member)]

    with pytest.raises(SystemExit) as end:
        main(["explain", "no-photo.png", *chosen, f"{name}={bad.value}"])

    found = capsys.readouterr()
    said = _one_line(found.err)
    assert (end.value.code, found.out) == (2, "")
    assert said.startswith(f"error: {name} ")
    assert bad.rule in said
    assert said.endswith(f"got {str(bad.value)!r}")


@pytest.mark.parametrize(
    "value", ["nocolor", "#12", "1,2,3", "[1, 2]", "[1, 2, 300]", "[1.5, 0, 0]", "[true, 0, 0]", "#11223344"]
)
def test_a_bad_color_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["explain", "no-photo.png", "--fill", "color", "--color-value", value])

    assert end.value.code == 2
    assert _one_line(capsys.readouterr().err).startswith("error: --color-value must be a color name")
