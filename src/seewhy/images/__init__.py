"""Reading photos: a path, bytes, a file, a picture or an array becomes an :class:`Image`, or one clear error.

Nothing is guessed in silence: what is decided on the way stands in :attr:`Image.warnings`.
"""

from seewhy.images.array_photos import check_shape
from seewhy.images.decoding import Background
from seewhy.images.image import Image
from seewhy.images.reading import KEPT_PIXELS, Reading, from_bytes, load_image, to_bytes
from seewhy.images.rules import MAX_PIXELS, Order, Scale

__all__ = [
    "KEPT_PIXELS",
    "MAX_PIXELS",
    "Background",
    "Image",
    "Order",
    "Reading",
    "Scale",
    "check_shape",
    "from_bytes",
    "load_image",
    "to_bytes",
]
