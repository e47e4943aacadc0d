"""The README's Python runs as it stands, on a real photo."""

import re
import shutil
from pathlib import Path

import pytest
import skimage

import seewhy

README = Path(__file__).parents[2] / "README.md"
pytestmark = pytest.mark.figures
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_of_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(skimage.__file__).parent / "data" / "chelsea.png", "photo.jpg")
    scope = {}
    explain = seewhy.explain

    def quick(photo, **given):
        method = given.pop("method", "auto")
        return explain(photo, method={"name": method, "n_samples": 256} if isinstance(method, str) else method, **given)

    monkeypatch.setattr(seewhy, "explain", quick)  # the same code, on fewer samples
    exec(code, scope)

    assert scope["explanation"].complete
    if "region" in scope:
        assert scope["region"].any()
        assert Path("photo.png").stat().st_size > 10_000
        assert Path("photo.seewhy").exists()


def test_there_are_blocks_to_run():
    assert len(BLOCKS) >= 2
