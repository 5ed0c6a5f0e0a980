"""Words to token numbers, as the text towers were taught them; no torch.

CLIP's tokens are byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909) over bytes, with the table that
comes inside open_clip. SigLIP 2 has a ``tokenizer.json`` of its own beside its weights.
"""

from __future__ import annotations

import gzip
import html
import string
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelUnavailable
from core.packaged import packaged_file

Tokens = NDArray[np.int64]
"""Shape (texts, context length), zeros after the end of the words."""

_MERGES = 49152 - 256 - 2
_WORD_END = "</w>"
_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


def tidy(text: str) -> str:
    """Mended encoding, no HTML entities, single spaces."""
    import ftfy  # type: ignore[import-untyped,import-not-found,unused-ignore]

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def _canonical(text: str) -> str:
    bare = tidy(text).replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return " ".join(bare.lower().split())


CLEANERS: dict[str, Callable[[str], str]] = {
    "lower": lambda text: tidy(text).lower(), "whitespace": tidy, "canonicalize": _canonical,
}


class ClipTokenizer:
    """CLIP's byte-pair tokens, a start and an end token round them; what is too long is cut."""

    def __init__(self, context_length: int, clean: str = "lower"):
        self._length, self._clean = context_length, CLEANERS[clean]
        self._numbers, self._ranks = _clip_table()

    def __call__(self, texts: Sequence[str]) -> Tokens:
        start = len(self._numbers)
        tokens = np.zeros((len(texts), self._length), np.int64)
        for row, text in enumerate(texts):
            inside = self._encode(self._clean(text))[: self._length - 2]
            numbers = [start, *inside, start + 1]
            tokens[row, : len(numbers)] = numbers
        return tokens

    def _encode(self, text: str) -> list[int]:
        import regex  # type: ignore[import-untyped,import-not-found,unused-ignore]

        letters, numbers = _byte_letters(), []
        for piece in regex.findall(_PIECES, text, regex.IGNORECASE):
            symbols = [letters[byte] for byte in piece.encode()]
            symbols[-1] += _WORD_END
            numbers += [self._numbers[symbol] for symbol in _merge(symbols, self._ranks)]
        return numbers


class FileTokenizer:
    """Tokens by a ``tokenizer.json``: an end token after the words, padding behind it."""

    def __init__(self, path: Path, context_length: int, clean: str):
        try:
            import tokenizers  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            raise ModelUnavailable(
                "Words for this model need the package tokenizers: pip install tokenizers."
            ) from None
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:
            raise ModelUnavailable(f"The tokenizer {path} cannot be read: {error}.") from None
        self._length, self._clean = context_length, CLEANERS[clean]
        self._end = self._number("<eos>", "</s>")
        self._pad = self._number("<pad>")

    def __call__(self, texts: Sequence[str]) -> Tokens:
        tokens = np.full((len(texts), self._length), self._pad, np.int64)
        for row, text in enumerate(texts):
            inside = self._tokenizer.encode(self._clean(text), add_special_tokens=False).ids
            numbers = [*inside[: self._length - 1], self._end]
            tokens[row, : len(numbers)] = numbers
        return tokens

    def _number(self, *names: str) -> int:
        for name in names:
            number = self._tokenizer.token_to_id(name)
            if number is not None:
                return int(number)
        raise ModelUnavailable(f"The tokenizer has no token {' or '.join(names)}.")


@cache
def _byte_letters() -> dict[int, str]:
    """A visible letter for each byte, in the order of CLIP's table: printable ones stand for themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + place) for place, byte in enumerate(others)
    }


@cache
def _clip_table() -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Number of each symbol, and rank of each pair that is merged."""
    path = packaged_file("open_clip", "bpe_simple_vocab_16e6.txt.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : 1 + _MERGES]
    pairs = []
    for line in lines:
        first, second = line.split()
        pairs.append((first, second))
    letters = list(_byte_letters().values())
    symbols = [*letters, *(letter + _WORD_END for letter in letters), *(a + b for a, b in pairs)]
    return (
        {symbol: number for number, symbol in enumerate(symbols)},
        {pair: rank for rank, pair in enumerate(pairs)},
    )


def _merge(symbols: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Join the pair of the lowest rank, wherever it stands, until no pair of the table is left."""
    while len(symbols) > 1:
        pairs = set(pairwise(symbols))
        best = min(pairs, key=lambda pair: ranks.get(pair, _MERGES))
        if best not in ranks:
            break
        joined: list[str] = []
        for symbol in symbols:
            if joined and (joined[-1], symbol) == best:
                joined[-1] += symbol
            else:
                joined.append(symbol)
        symbols = joined
    return symbols
