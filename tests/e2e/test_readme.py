"""The README's Python runs as it stands, on a real photo."""

import re
import shutil
from pathlib import Path

import pytest
import skimage

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_of_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(skimage.__file__).parent / "data" / "chelsea.png", "photo.jpg")
    scope = {}

    exec(code, scope)

    assert scope["explanation"].complete
    if "region" in scope:
        assert scope["region"].any()
        assert Path("photo.png").stat().st_size > 10_000
        assert Path("photo.seewhy").exists()


def test_there_are_blocks_to_run():
    assert len(BLOCKS) >= 2
