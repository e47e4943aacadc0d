"""``python -m seewhy``."""

import os
import sys

if sys.path[:1] in ([""], [os.getcwd()]):  # noqa: PTH109  # Python puts the current folder first: its files would run
    del sys.path[0]  # as what they are called, numpy.py as numpy; --model py:... finds its module there all the same

from seewhy.cli import main

if __name__ == "__main__":
    main()
