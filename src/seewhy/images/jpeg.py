"""A JPEG with only what decoding needs."""

from __future__ import annotations

import re

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not: stuffed zeros, restarts, fill bytes
_APPS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # they decide how colors are decoded


def without_metadata(data: bytes) -> bytes | None:
    """Return the first picture of a JPEG with only what decoding needs; None if its structure is not plain.

    EXIF and XMP (place, camera, thumbnail), IPTC, comments, and whatever follows the end are left out.
    """
    kept, at, in_scan = [b"\xff\xd8"], 2, False
    while (match := _MARKER.search(data, at)) is not None:
        kept += [data[at : match.start()]] if in_scan else []
        at, code = match.end(), match.group()[1]
        if code == 0xD9:
            return b"".join([*kept, b"\xff\xd9"])
        segment = data[at : at + int.from_bytes(data[at : at + 2], "big")]
        if code in {0x01, 0xD8} or len(segment) < max(2, int.from_bytes(segment[:2], "big")):
            return None
        if 0xC0 <= code <= 0xDF or (code in _APPS and segment[2:].startswith(_APPS[code])):
            kept += [match.group(), segment]
        at, in_scan = at + len(segment), code == 0xDA
    return None
