"""Which regions of a photo made an image classifier decide: LIME, RISE and relatives, on the original photo.

>>> import seewhy
>>> explanation = seewhy.explain("photo.jpg")  # doctest: +SKIP
"""

import sys as _sys

from seewhy import _start as _start  # first: what follows takes a while
from seewhy._version import __version__
from seewhy.api import check, explain, segment
from seewhy.core.errors import Cancelled, FileError, ImageError, InvalidInput, MissingExtra, ModelError, SeewhyError
from seewhy.estimation.kernels import Cosine, CustomKernel, ImageCosine, ImageSimilarity, InverseL2, Shapley, Uniform
from seewhy.estimation.surrogate import BayesianRidge, Lasso, LeastSquares, Ridge
from seewhy.evaluate import evaluate
from seewhy.explanation import record, result_file
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.loading import load
from seewhy.explanation.verdict import Verdict
from seewhy.extending import extend as _extend
from seewhy.images import Image, load_image
from seewhy.images.fills import Blur, Color, ImageMean, Noise, Picture, SegmentMean
from seewhy.images.regions import Region
from seewhy.images.segmentation import Felzenszwalb, Grid, Labels, Quickshift, Slic, Watershed
from seewhy.many import explain_many
from seewhy.methods import METHODS, Auto, EnsembleLime, Lime, Occlusion, Rise
from seewhy.methods.presets import PRESETS
from seewhy.models import MODELS, FunctionModel, load_model
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import Preprocessing
from seewhy.render.display import Display
from seewhy.study import study
from seewhy.tune import tune
from seewhy.tune.sweeping import sweep

__all__ = [
    "METHODS",
    "MODELS",
    "PRESETS",
    "Auto",
    "BayesianRidge",
    "Blur",
    "Cancelled",
    "Color",
    "Cosine",
    "CustomKernel",
    "Display",
    "EnsembleLime",
    "Explanation",
    "Felzenszwalb",
    "FileError",
    "FunctionModel",
    "Grid",
    "Image",
    "ImageCosine",
    "ImageError",
    "ImageMean",
    "ImageSimilarity",
    "InvalidInput",
    "InverseL2",
    "Labels",
    "Lasso",
    "LeastSquares",
    "Lime",
    "MissingExtra",
    "ModelError",
    "ModelOptions",
    "Noise",
    "Occlusion",
    "Picture",
    "Preprocessing",
    "Quickshift",
    "Region",
    "Ridge",
    "Rise",
    "SeewhyError",
    "SegmentMean",
    "Shapley",
    "Slic",
    "Uniform",
    "Verdict",
    "Watershed",
    "__version__",
    "check",
    "evaluate",
    "explain",
    "explain_many",
    "load",
    "load_image",
    "load_model",
    "segment",
    "study",
    "sweep",
    "tune",
]

_extend()

# Scripts that read result files themselves know these modules by the places that they had.
for _module in (record, result_file):
    _sys.modules[f"seewhy.{_module.__name__.rpartition('.')[2]}"] = _module
