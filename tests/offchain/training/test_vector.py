"""Modules as vectors: which tensors take part, in which order, and exact round trips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from offchain.training.errors import VectorError
from offchain.training.vector import dimension, load_vector, to_vector


class Tied(nn.Module):
    """An encoder and a decoder that share their weight, as language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Embedding(5, 3)
        self.decoder = nn.Linear(3, 5)
        self.decoder.weight = self.encoder.weight


class Scalars(nn.Module):
    """Numbers without dimensions, an empty parameter, an integer buffer, one that isn't saved, and extra state."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.none = nn.Parameter(torch.zeros(0))
        self.register_buffer("shift", torch.tensor(-0.25))
        self.register_buffer("count", torch.tensor(7))
        self.register_buffer("cache", torch.ones(3), persistent=False)

    def get_extra_state(self) -> dict:
        return {"anything": 1}

    def set_extra_state(self, state: dict) -> None:
        pass


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))


MODULES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "linear": (lambda: nn.Linear(4, 3), 15),
    "batch norm": (normed, 15 + 4 * 3 + 8),
    "tied": (Tied, 15 + 5),
    "scalars": (Scalars, 2),
    "recurrent": (lambda: nn.GRU(2, 3), 3 * 3 * (2 + 3) + 6 * 3),
    "convolution": (lambda: nn.Conv2d(1, 2, 3), 20),
    "double": (lambda: nn.Linear(4, 3).double(), 15),
    "half": (lambda: nn.Linear(4, 3).half(), 15),
    "bfloat16": (lambda: nn.Linear(4, 3).bfloat16(), 15),
}


@pytest.mark.parametrize("name", MODULES)
def test_dimension__each_kind_of_module__counts_what_is_trained(name: str) -> None:
    build, d = MODULES[name]
    assert dimension(build()) == d
    vector = to_vector(build())
    assert vector.shape == (d,)
    assert vector.dtype == np.float64


@pytest.mark.parametrize("name", MODULES)
def test_load_vector__vector_of_another__makes_it_equal_to_the_bit(name: str) -> None:
    build, _ = MODULES[name]
    torch.manual_seed(1)
    one = build()
    with torch.no_grad():
        for tensor in [*one.parameters(), *one.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape))
    torch.manual_seed(2)
    two = build()
    load_vector(two, to_vector(one))
    for key, tensor in one.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            assert torch.equal(two.state_dict()[key], tensor), key
    assert np.array_equal(to_vector(two), to_vector(one))


def test_to_vector__order__is_that_of_the_state() -> None:
    module = normed()
    state = module.state_dict()
    expected = [tensor.double().numpy().ravel() for tensor in state.values() if tensor.is_floating_point()]
    assert np.array_equal(to_vector(module), np.concatenate(expected))


def test_load_vector__tied_weights__stay_tied() -> None:
    module = Tied()
    load_vector(module, np.arange(20.0))
    assert module.decoder.weight is module.encoder.weight
    assert module.decoder.weight.flatten().tolist() == list(range(15))
    assert module.decoder.bias.tolist() == [15, 16, 17, 18, 19]


def test_load_vector__integer_buffers__stay_as_built() -> None:
    module = normed()
    module[1].num_batches_tracked.fill_(9)
    load_vector(module, np.ones(dimension(module)))
    assert int(module[1].num_batches_tracked) == 9
    assert module[1].running_mean.tolist() == [1, 1, 1]
    scalars = Scalars()
    load_vector(scalars, np.array([2.0, 3.0]))
    assert (float(scalars.scale.detach()), float(scalars.shift), int(scalars.count)) == (2.0, 3.0, 7)
    assert scalars.cache.tolist() == [1, 1, 1]


def test_load_vector__variance_below_zero__is_zero() -> None:
    module = normed()
    vector = -np.ones(dimension(module))
    load_vector(module, vector)
    assert module[1].running_var.tolist() == [0, 0, 0]
    assert module[1].running_mean.tolist() == [-1, -1, -1]
    assert (vector == -1).all()


def test_to_vector__result__is_a_copy() -> None:
    module = nn.Linear(2, 1).double()
    to_vector(module)[:] = 99
    vector = np.zeros(3)
    load_vector(module, vector)
    vector[:] = 99
    assert to_vector(module).tolist() == [0, 0, 0]


def test_load_vector__read_only_vector__is_taken() -> None:
    vector = np.ones(15)
    vector.flags.writeable = False
    load_vector(nn.Linear(4, 3), vector)


@pytest.mark.parametrize(
    "vector",
    [np.zeros(14), np.zeros(16), np.zeros((15, 1)), np.zeros(15, np.float32), np.zeros(15, np.int64)],
    ids=["short", "long", "matrix", "float32", "integers"],
)
def test_load_vector__other_shape_or_type__raises(vector: np.ndarray) -> None:
    with pytest.raises(VectorError, match=r"the module takes float64\[15\], not "):
        load_vector(nn.Linear(4, 3), vector)


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bool])
def test_to_vector__parameter_that_isnt_floating__raises(dtype: torch.dtype) -> None:
    module = nn.Linear(4, 3)
    module.extra = nn.Parameter(torch.zeros(2, dtype=dtype), requires_grad=False)
    with pytest.raises(VectorError, match=f"extra is {dtype}: only floating-point"):
        to_vector(module)


def test_to_vector__complex_buffer__raises() -> None:
    module = nn.Linear(4, 3)
    module.register_buffer("phases", torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(VectorError, match=r"phases is torch\.complex64"):
        to_vector(module)


@pytest.mark.parametrize("module", [nn.ReLU(), nn.Sequential()], ids=["ReLU", "Sequential"])
def test_dimension__nothing_to_train__raises(module: nn.Module) -> None:
    with pytest.raises(VectorError, match="no floating-point parameters"):
        to_vector(module)
