"""Explain two real photos, one as it comes and one by RISE, and say where the pictures are."""

import sys
from pathlib import Path

import skimage

from seewhy.cli import main

PHOTOS = Path(skimage.__file__).parent / "data"


def run(*arguments: str) -> None:
    print(f"\n$ seewhy {' '.join(arguments)}\n", flush=True)
    try:
        main(list(arguments))
    except SystemExit as done:
        if done.code:
            raise


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else "demo"
    run("explain", str(PHOTOS / "coffee.png"), "--out", folder)
    run("explain", str(PHOTOS / "chelsea.png"), "--method", "rise", "--examples", "6", "--out", folder)
    print("\nLook at these pictures:")
    for name in ("coffee.ensemble-lime.png", "chelsea.rise.png", "chelsea.rise.examples.png"):
        print(f"  {Path(folder) / name}")
