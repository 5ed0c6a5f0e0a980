"""Batches that fit into memory: when one does not, half of it is tried, and that is remembered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelUnavailable

_log = logging.getLogger(__name__)
_SAYS_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "bad_alloc", "failed to allocate")


class Batches:
    """Runs ``run`` on rows, ``size`` at a time at most."""

    def __init__(self, run: Callable[[NDArray[Any]], NDArray[np.float32]], size: int):
        self._run, self.size = run, size

    def over(
        self, rows: Sequence[Any], prepare: Callable[[Sequence[Any]], NDArray[Any]]
    ) -> Iterator[NDArray[np.float32]]:
        """The results of all rows in order, in pieces; ``prepare`` makes a batch of some of them.

        At most one prepared batch is held. Raises ModelUnavailable when even a single row does not fit.
        """
        done = 0
        while done < len(rows):
            batch = prepare(rows[done : done + self.size])
            for result in self._fitting(batch):
                done += len(result)
                yield result

    def _fitting(self, batch: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
        done = 0
        while done < len(batch):
            piece = batch[done : done + self.size]
            try:
                result = self._run(piece)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(len(piece))
                continue
            done += len(piece)
            yield result

    def _halve(self, tried: int) -> None:
        if tried <= 1:
            raise ModelUnavailable(
                "There is not enough memory for the model to look at a single picture: close other programs "
                "or choose a smaller model (momentseek models list)."
            ) from None
        self.size = max(1, tried // 2)
        _log.warning("out of memory with %d pictures at a time; going on with %d", tried, self.size)


def is_out_of_memory(error: BaseException) -> bool:
    """Numpy, torch on CPU and GPU, and OpenVINO all say it differently."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _SAYS_OUT_OF_MEMORY)
