"""Where the object is: masks and boxes that people drew, in the forms that data sets come in.

To add a form: a file here with ``read(path)``, and its line in :mod:`seewhy.truth.forms`.
"""

from seewhy.truth.classes import class_of, of_others, right_classes
from seewhy.truth.forms import read_truth
from seewhy.truth.known import Known, Marked, Marks, MaskPicture
from seewhy.truth.matching import matched
from seewhy.truth.names import printable
from seewhy.truth.shapes import Objects, Runs, Shapes

__all__ = [
    "Known",
    "Marked",
    "Marks",
    "MaskPicture",
    "Objects",
    "Runs",
    "Shapes",
    "class_of",
    "matched",
    "of_others",
    "printable",
    "read_truth",
    "right_classes",
]
