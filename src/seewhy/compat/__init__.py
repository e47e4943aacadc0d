"""Code written for ``lime`` runs on seewhy: in its imports, ``lime`` becomes ``seewhy.compat``.

>>> from seewhy.compat import lime_image
>>> from seewhy.compat.wrappers.scikit_image import SegmentationAlgorithm
"""

from seewhy.compat.wrappers.scikit_image import SegmentationAlgorithm

__all__ = ["SegmentationAlgorithm"]
