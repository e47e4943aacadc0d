"""What docs/coming-from-lime.md shows runs as it stands there."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-lime.md"
OLD, NEW = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


class Model:
    """Reads the upper half, as a model of Keras would be asked."""

    def predict(self, images):
        bright = images[:, :40].mean(axis=(1, 2, 3))
        return np.stack([0 * bright, 0 * bright, bright], axis=1)


def test_old_code_runs():
    scope = {"image": skimage.data.coffee()[::5, ::5] / 255, "model": Model()}

    exec(OLD, scope)

    assert scope["explanation"].top_labels[0] == 2
    assert set(np.unique(scope["mask"])) == {0, 1}
    assert not scope["temp"][scope["mask"] == 0].any()
    assert scope["temp"][scope["mask"] == 1].any()


@pytest.mark.slow
def test_new_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(skimage.__file__).parent / "data" / "coffee.png", "photo.jpg")
    scope = {}

    exec(NEW.replace('["lime-default"].method', '["lime-default"].method.replace(n_samples=60)'), scope)

    assert scope["explanation"].n_evaluations <= 60
    assert scope["lasso"].targets == scope["explanation"].targets
    assert scope["figure"].axes
