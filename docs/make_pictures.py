"""Make the pictures of the README and the method pages again, from photos that scikit-image ships.

Run: ``python docs/make_pictures.py``
"""

from pathlib import Path

import skimage

import seewhy
from seewhy.render import figure_png

PHOTOS = Path(skimage.__file__).parent / "data"
FOLDER = Path(__file__).parent / "pictures"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    coffee = seewhy.explain(PHOTOS / "coffee.png")
    cats = seewhy.explain(PHOTOS / "chelsea.png", targets="top3")
    rise = seewhy.explain(PHOTOS / "chelsea.png", method="rise")
    ensemble = seewhy.explain(PHOTOS / "chelsea.png", method="ensemble-lime")
    figures = {
        "coffee.lime.png": coffee.plot(),
        "chelsea.top3.png": cats.plot(),
        "chelsea.rise.png": rise.plot(),
        "chelsea.ensemble-lime.png": ensemble.plot(),
        "chelsea.rise.examples.png": rise.plot_examples(6),
    }
    for name, figure in figures.items():
        (FOLDER / name).write_bytes(figure_png(figure))
        print(f"docs/pictures/{name}")


if __name__ == "__main__":
    main()
