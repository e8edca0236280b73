"""A torch module as one vector of numbers, and back.

The global model of a project is a vector w in float64, and a torch module gets a copy of it in its own types. The
entries are, in the order of `state_dict`, all floating-point parameters and buffers (the running statistics of batch
normalisation take part in aggregation as weights do). A tensor that the module holds under several names counts once.
Integer buffers, such as batch normalisation's counter of batches, aren't part of it and stay as the module was built.
d is the vector's length.

float32, float16 and bfloat16 fit into float64 exactly: a module's vector, put into a module of the same build, gives
the same module to the bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from offchain.training.errors import VectorError

__all__ = ["dimension", "load_vector", "to_vector"]


def dimension(module: nn.Module) -> int:
    """The length d of a module's vector. Raises VectorError, as `to_vector` does."""
    return sum(tensor.numel() for tensor in _tensors(module))


def to_vector(module: nn.Module) -> npt.NDArray[np.float64]:
    """A module's vector, float64[d].

    Raises VectorError for parameters that aren't floating-point numbers, and if there is nothing to train.
    """
    return np.concatenate([tensor.detach().double().reshape(-1).cpu().numpy() for tensor in _tensors(module)])


def load_vector(module: nn.Module, vector: npt.NDArray[np.float64]) -> None:
    """Puts a vector, float64[d], into a module, rounded to its types. Raises VectorError for any other shape or type.

    A running variance below zero is put in as zero: the sum of quantised updates can miss a small variance by a
    quantum.
    """
    tensors = _tensors(module)
    d = sum(tensor.numel() for tensor in tensors)
    if vector.dtype != np.float64 or vector.shape != (d,):
        raise VectorError(f"the module takes float64[{d}], not {vector.dtype}{list(vector.shape)}")
    source, start = torch.from_numpy(np.array(vector)), 0
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(source[start : start + tensor.numel()].reshape(tensor.shape))
            start += tensor.numel()
        for norm in module.modules():
            if isinstance(norm, _NormBase) and norm.running_var is not None:
                norm.running_var.clamp_(min=0)


def _tensors(module: nn.Module) -> list[Tensor]:
    parameters = {id(parameter) for parameter in module.parameters()}
    tensors: dict[int, Tensor] = {}  # a shared tensor is one object under several names
    for name, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):
            continue  # extra state: whatever a module's author keeps there, it isn't trained
        if tensor.is_floating_point():
            tensors[id(tensor)] = tensor
        elif id(tensor) in parameters or tensor.is_complex():
            raise VectorError(f"{name} is {tensor.dtype}: only floating-point parameters and buffers can be aggregated")
    if not any(tensor.numel() for tensor in tensors.values()):
        raise VectorError("the module has no floating-point parameters")
    return list(tensors.values())
