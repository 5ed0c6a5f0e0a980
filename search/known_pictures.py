"""Pictures that were described lately: asked with again, they are not described again.

People try one picture with other filters, reload the page, go back. To describe it takes longer than all the
rest of a search.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

from core.types import Image, Vectors
from search.query import Box, Mode

_MOST_PICTURES = 512
"""With a few vectors each: some megabytes."""

_Key = tuple[bytes, tuple[int, ...], Mode, Box | None]


class KnownPictures:
    """Vectors by the content of a picture, its pixels, and by what of it was asked for. Thread-safe."""

    def __init__(self, most: int = _MOST_PICTURES) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def vectors(
        self, mode: Mode, image: Image, box_xyxy: Box | None, describe: Callable[[], Vectors]
    ) -> Vectors:
        """What ``describe`` returned for the same question before, or returns now."""
        key = blake2b(image.tobytes(), digest_size=16).digest(), image.shape, mode, box_xyxy
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        vectors = describe()
        vectors.flags.writeable = False
        with self._lock:
            self._kept[key] = vectors
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return vectors
