"""The tiny open_clip model: a small ModifiedResNet and a narrow text transformer, trained by contrast.

The text tower keeps CLIP's own tokenizer, so that words take the same path as with the big models. Its
49 408 rows of 32 numbers are most of the file; rows of tokens that the grammar never uses stay zero, which
makes an unknown word a pause and lets git and wheels compress them away.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.tiny import CLIP_CONFIG, CLIP_WEIGHTS
from bench.tiny.captions import agreement, caption_of, vocabulary
from bench.tiny.pictures import batch, pictures

if TYPE_CHECKING:
    import torch

CONTEXT_LENGTH = 24
IMAGE_SIZE = 64
MODEL_CONFIG: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": IMAGE_SIZE, "layers": [1, 1, 1, 1], "width": 16, "head_width": 32},
    "text_cfg": {
        "context_length": CONTEXT_LENGTH,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}
MAX_LOGIT_SCALE = math.log(100)


@dataclass(frozen=True, slots=True)
class ClipRecipe:
    seed: int
    threads: int = 1
    steps: int = 3000
    batch: int = 128
    easy_share: float = 0.4
    """Share of the steps that see single objects only: shapes are learned sooner without company."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.05


@dataclass(frozen=True, slots=True)
class Trained:
    model: torch.nn.Module
    losses: list[float]


def train(recipe: ClipRecipe, folder: Path, tell: Callable[[str], None] = print) -> Trained:
    """Train and write the model as an open_clip folder that "local-dir:FOLDER" loads."""
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(recipe.threads)
    cv2.setNumThreads(recipe.threads)
    try:
        trained = _train(recipe, tell)
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
    save(trained.model, folder)
    return trained


def save(model: torch.nn.Module, folder: Path) -> None:
    """Half-precision weights beside the configuration that open_clip reads with them."""
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    preprocess = {
        "mean": list(OPENAI_DATASET_MEAN),
        "std": list(OPENAI_DATASET_STD),
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    config = {"model_cfg": MODEL_CONFIG, "preprocess_cfg": preprocess}
    (folder / CLIP_CONFIG.name).write_text(json.dumps(config, indent=2) + "\n")
    state = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    save_file(state, str(folder / CLIP_WEIGHTS.name))


def new_model(seed: int) -> torch.nn.Module:
    """Untrained towers; the rows of tokens outside the grammar are zero and stay so."""
    import torch
    from open_clip.model import CLIP

    torch.manual_seed(seed)
    model: torch.nn.Module = CLIP(**MODEL_CONFIG)
    known = torch.zeros(MODEL_CONFIG["text_cfg"]["vocab_size"], 1)
    known[tokenizer()(vocabulary()).flatten().unique()] = 1
    table = model.token_embedding.weight
    with torch.no_grad():
        table.mul_(known)
    return model


def tokenizer() -> Callable[[list[str]], torch.Tensor]:
    """CLIP's own, with this model's context length: what get_tokenizer gives for the saved folder."""
    from open_clip.tokenizer import SimpleTokenizer

    result: Callable[[list[str]], torch.Tensor] = SimpleTokenizer(context_length=CONTEXT_LENGTH)
    return result


def contrast(
    image_features: torch.Tensor, text_features: torch.Tensor, scale: torch.Tensor, truth: torch.Tensor
) -> torch.Tensor:
    """open_clip's contrastive loss where a caption may be right for several pictures.

    ``truth`` (texts, pictures) says how much of a picture each caption tells. With one right caption per
    picture it is ClipLoss exactly; without it, two red stars in a batch would be taught to differ.
    """
    from open_clip.loss import ClipLoss

    per_image, per_text = ClipLoss().get_logits(image_features, text_features, scale)
    return (_cross_entropy(per_image, truth.T) + _cross_entropy(per_text, truth)) / 2


def _cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    shares = truth / truth.sum(dim=1, keepdim=True)
    return -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()


def _train(recipe: ClipRecipe, tell: Callable[[str], None]) -> Trained:
    import torch

    model = new_model(recipe.seed).train()
    tokens = tokenizer()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    rng = np.random.default_rng(recipe.seed)
    everything = pictures(rng)
    single = (picture for picture in pictures(rng) if len(picture[1]) < 2)
    losses: list[float] = []
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _schedule(step, recipe.steps)
        source = single if step < recipe.easy_share * recipe.steps else everything
        images, objects = batch(rng, source, recipe.batch, IMAGE_SIZE)
        captions = [caption_of(rng, things) for things in objects]
        truth = torch.from_numpy(agreement(captions, objects))
        seen, said, scale = model(normalised(images), tokens([caption.text for caption in captions]))
        loss = contrast(seen, said, scale, truth)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            tell(f"step {step + 1} of {recipe.steps}: loss {np.mean(losses[-100:]):.3f}")
    return Trained(model.eval(), losses)


def normalised(images: NDArray[np.uint8]) -> torch.Tensor:
    """Pictures (n, side, side, 3) as the image tower takes them, (n, 3, side, side)."""
    import torch
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    mean = torch.tensor(OPENAI_DATASET_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(OPENAI_DATASET_STD).view(1, 3, 1, 1)
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - mean) / std


def _schedule(step: int, steps: int) -> float:
    """Share of the learning rate: rises over 50 steps, then falls along a half cosine."""
    return min(1.0, (step + 1) / 50) * (0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2)
