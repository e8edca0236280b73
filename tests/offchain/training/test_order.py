"""Batches: every row once an epoch, and none alone where it can be helped."""

from __future__ import annotations

import pytest
import torch

from offchain.training.order import batches, deterministic


@pytest.mark.parametrize(
    ("rows", "batch_size", "sizes"),
    [
        (65, 2, {2, 3}),
        (3, 2, {3}),
        (5, 4, {2, 3}),
        (65, 64, {32, 33}),
        (7, 100, {7}),
        (64, 16, {16}),
        (2, 2, {2}),
        (1, 4, {1}),
        (3, 1, {1}),  # as asked for
    ],
)
def test_batches__any_size__have_every_row_once_an_epoch_and_none_alone(
    rows: int, batch_size: int, sizes: set[int]
) -> None:
    found = list(batches(rows, 2, batch_size, 0))
    one, other = found[: len(found) // 2], found[len(found) // 2 :]
    assert {len(batch) for batch in found} == sizes
    assert sorted(torch.cat(one).tolist()) == sorted(torch.cat(other).tolist()) == list(range(rows))


def test_batches__seed__decides_the_order() -> None:
    def order(seed: int) -> list[int]:
        return torch.cat(list(batches(40, 1, 8, seed))).tolist()

    assert order(1) == order(1) != order(2)


def test_deterministic__afterwards__torch_is_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with deterministic(1):
        assert torch.get_num_threads() == 1
        one = torch.rand(1)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads
    with deterministic(1):
        assert torch.equal(torch.rand(1), one)
