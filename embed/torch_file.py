"""Read the tensors of a ``torch.save`` state dict without torch and without running anything in it.

Both layouts are read: the zip of PyTorch >= 1.6 and the stream of pickles before it. Only the handful of
names that a state dict needs are resolved; anything else in the pickle is refused.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelUnavailable

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"), "DoubleStorage": np.dtype("<f8"), "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"), "IntStorage": np.dtype("<i4"), "ByteStorage": np.dtype("u1"),
}


class _Tensor:
    """A tensor before its storage has been read."""

    def __init__(
        self, storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def view(self, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
        flat = storages[self.storage[1]]
        steps = tuple(stride * flat.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps).copy()


def _rebuild(storage: tuple[str, str], offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise ModelUnavailable(f"The weights file wants to run {module}.{name}; only plain tensors are read.")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        _, kind, key = pid[:3]
        return kind, key


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Name -> array for every tensor of the file. Raises ModelUnavailable for anything else."""
    try:
        if zipfile.is_zipfile(path):
            return _read_zip(path)
        with path.open("rb") as file:
            return _read_legacy(file)
    except (OSError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise ModelUnavailable(f"{path.name} is not a readable weights file: {error}.") from error


def _read_zip(path: Path) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/")[0]
        tensors = _Unpickler(io.BytesIO(archive.read(f"{root}/data.pkl"))).load()
        kinds = {value.storage for value in tensors.values()}
        storages = {
            key: np.frombuffer(archive.read(f"{root}/data/{key}"), _DTYPES[kind]) for kind, key in kinds
        }
    return {name: value.view(storages) for name, value in tensors.items()}


def _read_legacy(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    if _Unpickler(file).load() != _LEGACY_MAGIC:
        raise ValueError("the first bytes are not those of a weights file")
    for _ in ("protocol", "system"):
        _Unpickler(file).load()
    tensors = _Unpickler(file).load()
    kinds = {value.storage[1]: _DTYPES[value.storage[0]] for value in tensors.values()}
    storages = {}
    for key in _Unpickler(file).load():
        size = int(np.frombuffer(file.read(8), "<i8")[0])
        storages[key] = np.frombuffer(file.read(size * kinds[key].itemsize), kinds[key])
    return {name: value.view(storages) for name, value in tensors.items()}
