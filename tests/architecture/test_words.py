"""Messages, notes, help and docs use the field's terms, and tests read an error's attributes, not its sentence."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VOCABULARY = ROOT / "docs" / "vocabulary.md"
RETIRED = re.findall(r"^\| `(.+?)` \| [^|]+ \|$", VOCABULARY.read_text().split("## Retired words")[1], re.MULTILINE)
WORDS = re.compile("|".join(f"(?:{word})" for word in RETIRED), re.IGNORECASE)


def said(path: Path) -> str:
    """Return the strings of a module, docstrings included, each on a line of its own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            lines.append("".join(str(part) for part in parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            lines.append(node.value)
    return "\n".join(" ".join(line.split()) for line in lines)


@pytest.mark.parametrize("package", sorted(path.name for path in (ROOT / "src" / "seewhy").iterdir() if path.is_dir()))
def test_no_retired_word_in_what_users_read(package):
    modules = (ROOT / "src" / "seewhy" / package).rglob("*.py")
    hits = {path.name: found for path in modules if (found := [hit.group() for hit in WORDS.finditer(said(path))])}

    assert hits == {}, f"see {VOCABULARY.name}"


PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("examples/*.ipynb")),
    *sorted(
        path for path in (ROOT / "src" / "seewhy" / "render" / "pages").rglob("*") if path.suffix in {".j2", ".js"}
    ),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_retired_word_in_pages_and_notebooks(page):
    text = page.read_text(encoding="utf-8").split("## Retired words")[0]

    assert [hit.group() for hit in WORDS.finditer(" ".join(text.split()))] == []


def test_the_list_finds_what_it_names():
    assert len(RETIRED) >= 40
    assert WORDS.search("the size is chosen with the truth in hand")


def test_few_tests_compare_sentences():
    uses = [text.count("match" + "=") for path in ROOT.glob("tests/**/*.py") for text in [path.read_text()]]

    assert sum(uses) < 60
