"""Photographs that come inside packages, and things to look for on them.

Files are found without importing their packages, so a photograph costs nothing until it is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

Box = tuple[float, float, float, float]
"""``box_xyxy`` as everywhere: shares of the picture's width and height."""

_NASA = "NASA, public domain"
_FLICKR = "CC BY 2.0, scikit-learn's sample images"


@dataclass(frozen=True, slots=True)
class Photograph:
    """``credit`` is what the package says about author and licence."""

    package: str
    path: str
    credit: str

    def file(self) -> Path | None:
        """Where it lies, or None when its package is not installed."""
        spec = find_spec(self.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if (file := Path(folder) / self.path).is_file():
                return file
        return None


PHOTOGRAPHS: dict[str, Photograph] = {
    "astronaut": Photograph("skimage", "data/astronaut.png", f"Eileen Collins; {_NASA}"),
    "brick": Photograph("skimage", "data/brick.png", "CC0Textures, CC0"),
    "camera": Photograph("skimage", "data/camera.png", "Lav Varshney, CC0"),
    "cell": Photograph("skimage", "data/cell.png", "Paul Müller et al., CC0"),
    "chelsea": Photograph("skimage", "data/chelsea.png", "Stefan van der Walt, CC0"),
    "clock": Photograph("skimage", "data/clock_motion.png", "Stefan van der Walt, public domain"),
    "coffee": Photograph("skimage", "data/coffee.png", "Rachel Michetti, CC0"),
    "coins": Photograph("skimage", "data/coins.png", "Brooklyn Museum, no known restrictions"),
    "colour_wheel": Photograph("skimage", "data/color.png", "scikit-image's sample images"),
    "grass": Photograph("skimage", "data/grass.png", "linolafett, CC0"),
    "gravel": Photograph("skimage", "data/gravel.png", "CC0Textures, CC0"),
    "horse": Photograph("skimage", "data/horse.png", "Andreas Preuss, CC0"),
    "hubble": Photograph("skimage", "data/hubble_deep_field.jpg", _NASA),
    "logo": Photograph("skimage", "data/logo.png", "scikit-image's own logo"),
    "moon": Photograph("skimage", "data/moon.png", "scikit-image's sample images"),
    "motorcycle": Photograph("skimage", "data/motorcycle_left.png", "Middlebury stereo 2014"),
    "motorcycle_right": Photograph("skimage", "data/motorcycle_right.png", "Middlebury stereo 2014"),
    "page": Photograph("skimage", "data/page.png", "scikit-image's sample images"),
    "retina": Photograph("skimage", "data/retina.jpg", "CC0"),
    "rocket": Photograph("skimage", "data/rocket.jpg", "SpaceX, public domain"),
    "text": Photograph("skimage", "data/text.png", "public domain"),
    "tissue": Photograph("skimage", "data/ihc.png", "CMMI, no known restrictions"),
    "china": Photograph("sklearn", "datasets/images/china.jpg", f"danielbuechele, {_FLICKR}"),
    "flower": Photograph("sklearn", "datasets/images/flower.jpg", f"vultilion, {_FLICKR}"),
    "grace_hopper": Photograph(
        "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "US Navy portrait; matplotlib's sample data"
    ),
    "gift": Photograph(
        "matplotlib", "mpl-data/sample_data/Minduka_Present_Blue_Pack.png", "Minduka, public domain"
    ),
    "bus": Photograph("ultralytics", "assets/bus.jpg", "Ultralytics, AGPL-3.0"),
    "zidane": Photograph("ultralytics", "assets/zidane.jpg", "Ultralytics, AGPL-3.0"),
}


@dataclass(frozen=True, slots=True)
class Thing:
    """Something on a photograph that can be asked for."""

    photograph: str
    box_xyxy: Box


THINGS: dict[str, Thing] = {
    "the cup": Thing("coffee", (0.29, 0.03, 0.68, 0.75)),
    "the pagoda": Thing("china", (0.13, 0.02, 0.58, 0.87)),
    "the dahlia": Thing("flower", (0.26, 0.19, 0.70, 0.84)),
    "the rocket": Thing("rocket", (0.465, 0.31, 0.54, 0.97)),
    "the cat's face": Thing("chelsea", (0.22, 0.0, 0.80, 0.92)),
    "the astronaut's face": Thing("astronaut", (0.35, 0.12, 0.53, 0.34)),
    "the admiral's face": Thing("grace_hopper", (0.33, 0.20, 0.72, 0.58)),
}


@cache
def photograph(name: str) -> Image.Image:
    """The picture, RGB. Raises KeyError for an unknown name, FileNotFoundError for a missing package."""
    if name not in PHOTOGRAPHS:
        raise KeyError(f"there is no photograph {name!r}; there are {', '.join(PHOTOGRAPHS)}")
    source = PHOTOGRAPHS[name]
    file = source.file()
    if file is None:
        raise FileNotFoundError(
            f"The photograph {name!r} comes inside {source.package}, which is not installed; "
            "install the extra: pip install 'momentseek[demo]'."
        )
    with Image.open(file) as picture:
        return picture.convert("RGB")


def available(name: str) -> bool:
    return PHOTOGRAPHS[name].file() is not None
