"""Words to numbers, held against the tokenizers that the models were trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ModelUnavailable
from embed.tokens import ClipTokenizer, FileTokenizer

TEXTS = [
    "", " ", "a red triangle", "A Red   TRIANGLE!", "don't, they're I'd we'll", "mother-in-law's 3rd car",
    "naïve café Ünïcödé (2024)", "寿司 と ラーメン", "Привет, мир", "emoji \U0001f600\U0001f680 here",
    "&amp;lt; fish &amp; chips",
    "sâ€™il vous plaît", "tabs\tand\nlines", "internationalization antidisestablishmentarianism", "x" * 300,
    "one two three " * 60, "½ ² ³ ٣", "___under_score___", "...!?!...",
]


@pytest.mark.parametrize("context_length", [77, 24, 5])
@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
def test_clip_s_tokens_are_open_clip_s(context_length: int, clean: str) -> None:
    theirs = pytest.importorskip("open_clip.tokenizer")
    expected = theirs.SimpleTokenizer(context_length=context_length, clean=clean)(TEXTS).numpy()
    assert ClipTokenizer(context_length, clean)(TEXTS).tolist() == expected.tolist()


def test_the_shape_is_texts_by_length() -> None:
    pytest.importorskip("open_clip")
    tokens = ClipTokenizer(24)(["a cat", "a dog"])
    assert (tokens.shape, tokens.dtype) == ((2, 24), np.int64)
    assert ClipTokenizer(24)([]).shape == (0, 24)


@pytest.fixture
def small_file(tmp_path: Path) -> tuple[Path, Any]:
    """A tokenizer.json with the special tokens of SigLIP 2's, trained on a few words."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=120, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"], show_progress=False
    )
    tokenizer.train_from_iterator(["a red triangle on the grass", "the blue ring"] * 3, trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json", tokenizer


def test_a_tokenizer_file_ends_words_and_pads(small_file: tuple[Path, Any]) -> None:
    path, tokenizer = small_file
    ours = FileTokenizer(path, 16, "canonicalize")
    end, pad = tokenizer.token_to_id("<eos>"), tokenizer.token_to_id("<pad>")
    inside = tokenizer.encode("the red ring").ids
    assert ours(["The RED, ring!"]).tolist() == [[*inside, end, *[pad] * (15 - len(inside))]]
    long = ours(["the red ring " * 9])[0]
    assert long[-1] == end
    assert pad not in long.tolist()


def test_a_broken_tokenizer_file_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        FileTokenizer(path, 16, "canonicalize")
