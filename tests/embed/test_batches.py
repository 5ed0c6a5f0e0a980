"""Out of memory: real allocations that really fail."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ModelUnavailable
from embed.batches import Batches, is_out_of_memory

TOO_MUCH = 1 << 56


class Machine:
    """Doubles its rows; has no memory for more than ``most`` at a time."""

    def __init__(self, most: int):
        self.most, self.sizes = most, list[int]()

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            np.ones(TOO_MUCH)
        return batch * 2


def stacked(rows: object) -> NDArray[np.float32]:
    return np.asarray(rows, np.float32)[:, None]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 40])
def test_rows_come_back_in_order(count: int) -> None:
    machine = Machine(100)
    got = np.concatenate([np.zeros((0, 1)), *Batches(machine, 8).over(range(count), stacked)])
    assert got[:, 0].tolist() == [2.0 * row for row in range(count)]
    assert all(size <= 8 for size in machine.sizes)


def test_a_batch_that_does_not_fit_is_halved_and_that_is_remembered() -> None:
    machine = Machine(3)
    batches = Batches(machine, 16)
    got = np.concatenate(list(batches.over(range(20), stacked)))
    assert got[:, 0].tolist() == [2.0 * row for row in range(20)]
    assert machine.sizes[:4] == [16, 8, 4, 2]
    assert batches.size == 2
    assert set(machine.sizes[3:]) == {2}


def test_when_a_single_row_does_not_fit_it_says_so() -> None:
    with pytest.raises(ModelUnavailable, match="not enough memory"):
        list(Batches(Machine(0), 4).over(range(3), stacked))


def test_other_errors_are_not_swallowed() -> None:
    def broken(_: NDArray[np.float32]) -> NDArray[np.float32]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Batches(broken, 4).over(range(3), stacked))


def test_torch_on_a_cpu_says_it_in_its_own_words() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as refused:
        torch.empty(TOO_MUCH, dtype=torch.float32)
    assert is_out_of_memory(refused.value)
