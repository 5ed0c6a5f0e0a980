from __future__ import annotations

from pathlib import Path

import pytest

from core.packaged import packaged_file
from core.pictures import read_picture
from core.types import Image
from embed.check_pictures import PHOTOGRAPHS


@pytest.fixture(scope="session")
def photographs() -> dict[str, Image]:
    """Real photographs by name; those of scikit-image and scikit-learn are always there."""
    here = [pair for pair in PHOTOGRAPHS if pair[0] in ("skimage", "sklearn")]
    return {Path(path).stem: read_picture(packaged_file(package, path)) for package, path in here}
