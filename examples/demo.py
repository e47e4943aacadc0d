"""Explain two real photos, one as it comes and one by RISE, and say where the pictures are."""

import argparse
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


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="demo", help="where the pictures go")
    parser.add_argument("--smoke", action="store_true", help="a few samples: everything runs, the maps mean little")
    return parser


if __name__ == "__main__":
    asked = arguments().parse_args()
    folder, few = asked.folder, ("--n-samples", "256") if asked.smoke else ()
    run("explain", str(PHOTOS / "coffee.png"), "--out", folder, *few)
    run("explain", str(PHOTOS / "chelsea.png"), "--method", "rise", "--examples", "6", "--out", folder, *few)
    print("\nLook at these pictures:")
    for name in ("coffee.ensemble-lime.png", "chelsea.rise.png", "chelsea.rise.examples.png"):
        print(f"  {Path(folder) / name}")
