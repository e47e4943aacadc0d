"""The one list of environment variables is whole, and the docs repeat it."""

import re
from pathlib import Path

import pytest

from seewhy.core.environment import VARIABLES, given

ROOT = Path(__file__).parents[2]
NAMES = {variable.name for variable in VARIABLES}
READ = re.compile(
    r"""\bSEEWHY_[A-Z_]*[A-Z]\b|(?<=environ\.get\(["'])\w+|(?<=getenv\(["'])\w+"""
    r"""|(?<=environ\[["'])\w+(?=["']\](?! = ))"""
)
"""What is set for others, such as Matplotlib's backend, is not read."""


@pytest.mark.parametrize("folder", ["src", "docs"])
def test_every_variable_that_is_read_or_described_is_in_the_list(folder):
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md"}]
    named = {name for path in files for name in READ.findall(path.read_text(encoding="utf-8"))}

    assert len(files) > 5
    assert named <= NAMES
    assert {name for name in NAMES if name.startswith("SEEWHY_")} <= named


def test_each_variable_of_the_list_is_read_outside_of_it():
    files = [path for path in (ROOT / "src").rglob("*.py") if path.name != "environment.py"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)

    assert {name for name in NAMES if name.startswith("SEEWHY_") and name not in source} == set()


def test_the_docs_have_the_list_row_by_row():
    page = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z_]+`) \| (.+) \| (.+) \|$", page, re.MULTILINE)

    assert rows == [(f"`{variable.name}`", variable.meaning, variable.default) for variable in VARIABLES]


def test_what_is_set_is_given_under_the_name_it_is_set_under():
    got = {name: value for _, name, value in given({"no_proxy": "a", "NO_PROXY": "b", "SEEWHY_CACHE": "", "X": "1"})}

    assert got == {"no_proxy": "a", "NO_PROXY": "b"}
