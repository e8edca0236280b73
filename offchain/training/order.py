"""What makes training a function of its arguments: the order of rows, one thread, and torch's generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["batches", "deterministic", "one_thread"]


def batches(rows: int, epochs: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Row numbers of each batch, in the order of training.

    Sizes differ by one at most, and with a batch size of two or more no row is alone unless it is the only one: a
    batch of one would stop batch normalisation. So a batch may have one row more than asked for.
    """
    generator = torch.Generator().manual_seed(seed)
    count = -(-rows // batch_size)
    if batch_size > 1:
        count = max(1, min(count, rows // 2))
    for _ in range(epochs):
        yield from torch.randperm(rows, generator=generator).tensor_split(count)


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """One thread; torch's generator seeded inside and left as it was."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on one thread inside, so that sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
