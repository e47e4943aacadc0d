"""What the guides for contributors mention exists, and the hooks run what ``make check`` runs."""

import importlib
import re
from pathlib import Path
from typing import get_args

import pytest

import seewhy
from seewhy import methods, metrics, models
from seewhy.core.plugins import Group
from seewhy.images import fills, segmentation

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "ARCHITECTURE.md", *DECISIONS]
IN_MODULES = {  # names that the recipes say to extend
    "METHODS": (methods,),
    "METRICS": (metrics,),
    "PREFIXES": (models,),
    "_OBJECTS": (models,),
    "Segmentation": (segmentation,),
    "AnyFill": (fills,),
    "__all__": (seewhy,),
}


def quoted(text):
    """What stands in backticks outside of blocks of code."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def resolved(name):
    """Return what a dotted name stands for; an error where it stands for nothing."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_folders_that_are_mentioned_exist(page):
    for name in quoted(page.read_text(encoding="utf-8")):
        if re.fullmatch(r"(src|tests|docs|bench|\.ci)/[\w./-]+|[A-Z]+\.md|[\w.-]+\.(toml|yaml|txt)", name):
            assert (ROOT / name).exists(), f"{page.name} mentions {name}"


@pytest.mark.parametrize("page", [ROOT / "SECURITY.md", *DECISIONS], ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target, anchor in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        text = (page.parent / target).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
        assert not anchor or anchor in anchors, f"{page.name} links to {target}#{anchor}"


def test_names_that_the_recipes_mention_exist():
    groups = set(get_args(Group))
    named = [name for name in quoted(GUIDE) if re.fullmatch(r"seewhy(\.\w+)+", name) and name not in groups]

    assert len(named) > 10
    for name in named:
        assert resolved(name) is not None


def test_what_the_recipes_extend_is_there():
    for name, modules in IN_MODULES.items():
        assert f"`{name}`" in GUIDE
        assert all(hasattr(module, name) for module in modules)
    assert "window" in seewhy.Occlusion.model_fields
    assert {"gives", "chance", "amounts", "fits", "source"} <= set(dir(methods.MethodSettings))


def test_every_group_of_entry_points_has_its_recipe():
    assert {name for name in quoted(GUIDE) if name in get_args(Group)} == set(get_args(Group))
    assert len(re.findall(r"^### ", GUIDE, re.MULTILINE)) == 5


def test_make_has_the_commands_of_the_table():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z-]+)`", GUIDE)) <= targets


def test_hooks_run_what_make_check_runs():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    check = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert re.findall(r"entry: \.venv/bin/(.+)", hooks) == re.findall(r"\$\(BIN\)/(.+)", check[1])
    assert re.findall(r"repo: (.+)", hooks) == ["local"]
    assert "VENV ?= .venv\n" in (ROOT / "Makefile").read_text()


def test_decisions_are_numbered_listed_and_of_one_form():
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    headings = ["Context", "Decision", "What we gave up", "When to look again"]

    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for page in DECISIONS:
        text = page.read_text(encoding="utf-8")
        assert f"]({page.name})" in listed
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == headings
        assert text.startswith(f"# {int(page.name[:4])}. ")
        assert len(text.splitlines()) <= 60
