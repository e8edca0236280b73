"""What of a torch module is trained, scored and aggregated, as one vector of numbers; and what stays out.

| kind | tensors | in the vector |
|---|---|---|
| learned | parameters that ask for a gradient | as they are |
| statistics | running means and variances of torch's normalisations, and what the task names beside | over scales |
| local | the same, where the task leaves them to whoever uses the module | no |
| derived | the vectors of torch's spectral norm | no: made of the weights by power iteration |
| fixed | frozen parameters, constants, counters, averages of weights: all other tensors | no: as the module is built |

The vector has the learned tensors in the order of `named_parameters`, then the statistics in that of `named_buffers`. A
tensor that the module holds under several names counts once. d is the vector's length. What is fixed has to be the
same for everybody, so everybody builds the module from one seed (`Task.skeleton`), and compares digests.

Statistics of raw inputs may be any size: a variance of pixels is thousands of times a weight, one of money billions. As
they are, they would be most of an update, and one quantum for all would round the weights away. So an entry for a
statistic is *statistic / scale*, with a power of two for each of its numbers, which the owner's pilot finds
(`pilot.py`) and publishes. Of a variance (`running_var`) it is the root, so that deviations are averaged: where a
feature is rare, variances differ a million times from one data set to another, and no step fits all.

float32, float16 and bfloat16 fit into float64 exactly, and so do they divided by a power of two: a module's vector, put
into a module of the same build, gives the same learned tensors and statistics to the bit.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

from offchain.training.errors import TaskError, VectorError

__all__ = [
    "DERIVED",
    "FIXED",
    "LEARNED",
    "LOCAL",
    "STATISTICS",
    "Layout",
    "Spec",
    "dimension",
    "load_vector",
    "measure",
    "norms",
    "to_vector",
]

LEARNED, STATISTICS, LOCAL, DERIVED, FIXED = "learned", "statistics", "local", "derived", "fixed"
_MAX_EXPONENT = 127  # of a scale, up and down
_POWER_ITERATIONS = 15  # as many as torch begins with

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spec:
    """A tensor of a module: what it is, and of a fixed one the digest of its bits."""

    name: str
    kind: str
    dtype: str
    shape: tuple[int, ...]
    digest: str = ""

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def to_json(self) -> dict[str, Any]:
        found = asdict(self) | {"shape": list(self.shape)}
        return found if self.digest else {key: value for key, value in found.items() if key != "digest"}

    def __str__(self) -> str:
        return f"{self.kind} {self.dtype}{list(self.shape)}"


@dataclass(frozen=True, eq=False)
class Layout:
    """All tensors of a module, the learned first, then shared statistics, then the rest; and log2 of the scale of each
    number of the statistics, int8.
    """

    tensors: tuple[Spec, ...]
    exponents: npt.NDArray[np.int8]

    @classmethod
    def of(cls, module: nn.Module, more: Sequence[str] = (), local: bool = False) -> Layout:
        """A module's, with scales of one. more: names of further buffers that are statistics, or patterns such as
        `*.running_var`; local: statistics stay out of the vector.

        Raises TaskError for a tensor without a size, and for names that no buffer has; VectorError for learned
        parameters that aren't floating-point numbers, and if there are none.
        """
        named = [*module.named_parameters(), *module.named_buffers()]
        for name, tensor in named:
            if is_lazy(tensor):
                raise TaskError(
                    f"{name} has no size before the module has seen data (a Lazy layer): give the layer its input "
                    f"size, or run a dummy batch in module()"
                )
        statistics = {id(tensor) for norm in norms(module) for tensor in (norm.running_mean, norm.running_var)}
        for pattern in more:
            found = [tensor for name, tensor in module.named_buffers() if fnmatchcase(name, pattern)]
            if not found or not all(tensor.is_floating_point() for tensor in found):
                raise TaskError(f"no floating-point buffer {pattern!r} to share; it isn't one of {_names(module)}")
            statistics |= {id(tensor) for tensor in found}
        derived = {id(tensor) for tensor in _derived(module)}

        def spec(name: str, tensor: Tensor) -> Spec:
            if tensor.requires_grad:
                kind = LEARNED
            elif id(tensor) in statistics:
                kind = LOCAL if local else STATISTICS
            else:
                kind = DERIVED if id(tensor) in derived else FIXED
            digest = _digest(tensor) if kind == FIXED else ""
            return Spec(name, kind, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), digest)

        specs = [spec(name, tensor) for name, tensor in named]
        order = [LEARNED, STATISTICS]
        specs.sort(key=lambda one: order.index(one.kind) if one.kind in order else len(order))
        for one in specs:
            if one.kind == LEARNED and not getattr(torch, one.dtype).is_floating_point:
                raise VectorError(f"{one.name} is {one.dtype}: only floating-point parameters can be aggregated")
        if not any(one.count for one in specs if one.kind == LEARNED):
            raise VectorError("the module has nothing to learn: no floating-point parameter that asks for a gradient")
        count = sum(one.count for one in specs if one.kind == STATISTICS)
        return cls(tuple(specs), np.zeros(count, np.int8))

    @cached_property
    def learned(self) -> int:
        """How many entries of the vector are learned: the first ones."""
        return sum(spec.count for spec in self.tensors if spec.kind == LEARNED)

    @property
    def dimension(self) -> int:
        return self.learned + self.exponents.size

    @property
    def has_statistics(self) -> bool:
        return self.exponents.size > 0

    def name_at(self, entry: int) -> str:
        """The tensor that an entry of the vector is of."""
        for spec in self.of_kind(LEARNED, STATISTICS):
            if entry < spec.count:
                return spec.name
            entry -= spec.count
        raise VectorError("no such entry")

    def of_kind(self, *kinds: str) -> list[Spec]:
        return [spec for spec in self.tensors if spec.kind in kinds]

    def scaled(self, scales: Floats) -> Layout:
        """With the least powers of two that aren't below `scales`, float64 above zero, one for each number of the
        statistics.
        """
        exponents = np.clip(np.ceil(np.log2(scales)), -_MAX_EXPONENT, _MAX_EXPONENT)
        return replace(self, exponents=exponents.astype(np.int8))

    def differing(self, other: Layout) -> Spec | None:
        """The first tensor that isn't the same in another."""
        theirs = {spec.name: spec for spec in other.tensors}
        return next((spec for spec in self.tensors if theirs.get(spec.name) != spec), None)

    # --- as JSON

    def to_json(self) -> list[dict[str, Any]]:
        """A list of tensors, {"name", "kind", "dtype", "shape"}; fixed ones with "digest", statistics with "scales":
        the base64 of an int8 for each number.
        """
        described, start = [], 0
        for spec in self.tensors:
            entry = spec.to_json()
            if spec.kind == STATISTICS:
                entry["scales"] = base64.b64encode(self.exponents[start : start + spec.count].tobytes()).decode()
                start += spec.count
            described.append(entry)
        return described

    def agreed(self, theirs: Any) -> Layout:
        """This machine's layout with the scales that a stranger published beside the same tensors. Raises TaskError
        that names the first tensor that differs.
        """
        if not isinstance(theirs, list) or not all(isinstance(entry, dict) for entry in theirs):
            raise TaskError("the project's description has a malformed list of tensors")
        exponents = []
        for spec, entry in zip(self.tensors, theirs, strict=False):
            published = {key: value for key, value in entry.items() if key != "scales"}
            if published != spec.to_json():
                raise TaskError(f"the module isn't the project's: {_difference(spec, published)}")
            if spec.kind == STATISTICS:
                exponents.append(_exponents(entry.get("scales"), spec))
        if len(theirs) != len(self.tensors):
            longer = [*self.tensors, *(entry.get("name") for entry in theirs[len(self.tensors) :])]
            first = longer[min(len(theirs), len(self.tensors))]
            raise TaskError(
                f"the module isn't the project's: {len(self.tensors)} tensors here, {len(theirs)} there, "
                f"the first odd one {_short(first.name if isinstance(first, Spec) else first)}; {_SAME}"
            )
        return replace(self, exponents=np.concatenate([*exponents, np.zeros(0, np.int8)]))


_SAME = "have the owner's code, files and version of torch"


def dimension(module: nn.Module) -> int:
    """The length d of a module's vector, by torch's own statistics alone. Raises what `Layout.of` does."""
    return Layout.of(module).dimension


def to_vector(module: nn.Module, layout: Layout | None = None) -> Floats:
    """A module's vector, float64[d]. Without a layout it is the module's own, if it has no shared statistics.

    Raises VectorError if the module isn't of the layout, and what `Layout.of` does.
    """
    layout = layout or _plain(module)
    tensors = _tensors(module, layout)
    specs = layout.of_kind(LEARNED, STATISTICS)
    parts = [measure(spec, tensor.detach()).reshape(-1).cpu() for spec, tensor in zip(specs, tensors, strict=True)]
    vector = torch.cat(parts).numpy()
    vector[layout.learned :] = np.ldexp(vector[layout.learned :], -layout.exponents.astype(np.int64))
    return vector


def load_vector(module: nn.Module, vector: Floats, layout: Layout | None = None) -> None:
    """Puts a vector, float64[d], into a module, rounded to its types, and makes what is derived from it anew.

    A deviation below zero is put in as zero: the sum of quantised updates can miss a small one by a quantum. Raises
    VectorError for any other shape or type, and as `to_vector` does.
    """
    layout = layout or _plain(module)
    tensors = _tensors(module, layout)
    d = layout.dimension
    if vector.dtype != np.float64 or vector.shape != (d,):
        raise VectorError(f"the module takes float64[{d}], not {vector.dtype}{list(vector.shape)}")
    numbers = np.array(vector)
    numbers[layout.learned :] = np.ldexp(numbers[layout.learned :], layout.exponents.astype(np.int64))
    source, start = torch.from_numpy(numbers), 0
    with torch.no_grad():
        for spec, tensor in zip(layout.of_kind(LEARNED, STATISTICS), tensors, strict=True):
            numbers_of = source[start : start + spec.count].reshape(spec.shape)
            tensor.copy_(numbers_of.clamp(min=0).square() if _is_variance(spec) else numbers_of)
            start += spec.count
        _derive(module)


def measure(spec: Spec, tensor: Tensor) -> Tensor:
    """A tensor as the vector counts it, before its scale: float64, the root of a variance."""
    return tensor.double().sqrt() if _is_variance(spec) else tensor.double()


def norms(module: nn.Module) -> list[_NormBase]:
    """Torch's normalisations in a module that keep running statistics."""
    return [part for part in module.modules() if isinstance(part, _NormBase) and part.running_mean is not None]


def _is_variance(spec: Spec) -> bool:
    return spec.kind in (STATISTICS, LOCAL) and spec.name.rpartition(".")[2] == "running_var"


def _plain(module: nn.Module) -> Layout:
    layout = Layout.of(module)
    if layout.has_statistics:
        raise VectorError("the module has running statistics: give the layout that says their scales (task.layout)")
    return layout


def _tensors(module: nn.Module, layout: Layout) -> list[Tensor]:
    named = dict(module.named_parameters()) | dict(module.named_buffers())
    specs = layout.of_kind(LEARNED, STATISTICS)
    for spec in specs:
        tensor = named.get(spec.name)
        if tensor is None or tuple(tensor.shape) != spec.shape:
            raise VectorError(f"the module has no {spec.name} of shape {list(spec.shape)}: it isn't of this layout")
    return [named[spec.name] for spec in specs]


def _spectral(module: nn.Module) -> list[tuple[nn.Module, Any]]:
    """Who has a spectrally normalised weight, with torch's parametrisation or, of the older kind, its hook."""
    found: list[tuple[nn.Module, Any]] = []
    for part in module.modules():
        if isinstance(part, parametrize.ParametrizationList):
            found += [(part, one) for one in part if isinstance(one, _SpectralNorm)]
        found += [(part, hook) for hook in part._forward_pre_hooks.values() if isinstance(hook, SpectralNorm)]
    return found


def _derived(module: nn.Module) -> list[Tensor]:
    return [
        getattr(hook, name) if isinstance(hook, nn.Module) else getattr(part, hook.name + name)
        for part, hook in _spectral(module)
        for name in ("_u", "_v")
        if not isinstance(hook, nn.Module) or hasattr(hook, name)
    ]


def _derive(module: nn.Module) -> None:
    """Power iterations: the vectors of a spectral norm follow the weight, as they do in training."""
    for part, hook in _spectral(module):
        was_training = part.training
        part.train()
        for _ in range(_POWER_ITERATIONS):
            if isinstance(hook, nn.Module):
                part()
            else:
                hook.compute_weight(part, do_power_iteration=True)
        part.train(was_training)


def _digest(tensor: Tensor) -> str:
    """Of a tensor's bits."""
    dense = tensor.detach().cpu()
    dense = dense.to_dense() if dense.layout != torch.strided else dense
    bits = dense.resolve_conj().resolve_neg().reshape(-1).contiguous().view(torch.uint8)
    return hashlib.sha256(bits.numpy().data).hexdigest()[:32]


def _exponents(text: Any, spec: Spec) -> npt.NDArray[np.int8]:
    try:
        exponents = np.frombuffer(base64.b64decode(text, validate=True), np.int8)
    except (TypeError, ValueError):
        exponents = np.zeros(0, np.int8)
    if exponents.size != spec.count or (exponents < -_MAX_EXPONENT).any():
        raise TaskError(f"the project's description has no sound scales for {spec.name}")
    return exponents


def _difference(spec: Spec, published: dict[str, Any]) -> str:
    if published.get("name") != spec.name:
        return f"where it has {spec.name} here, the project has {_short(published.get('name'))}; {_SAME}"
    if published | {"digest": spec.digest} == spec.to_json():
        return (
            f"{spec.name} ({spec}) has other values here; {_SAME}, and make such tensors of torch's generator or of a "
            f"file that all have, not of other generators or of this machine's data"
        )
    theirs = f"{published.get('kind')} {published.get('dtype')}{published.get('shape')}"
    return f"{spec.name} is {spec} here, {_short(theirs)} there; {_SAME}"


def _short(value: Any) -> str:
    """What a stranger wrote, for a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _names(module: nn.Module) -> str:
    return ", ".join(name for name, _ in module.named_buffers()) or "no buffer at all"
