"""Modules as vectors: what takes part, what stays out, scales, exact round trips, and the list that is published."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from offchain.training.errors import TaskError, VectorError
from offchain.training.vector import (
    DERIVED,
    FIXED,
    LEARNED,
    LOCAL,
    STATISTICS,
    Layout,
    dimension,
    load_vector,
    to_vector,
)


class Tied(nn.Module):
    """An encoder and a decoder that share their weight, as language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Embedding(5, 3)
        self.decoder = nn.Linear(3, 5)
        self.decoder.weight = self.encoder.weight


class Scalars(nn.Module):
    """Numbers without dimensions, an empty parameter, buffers of all kinds, one that isn't saved, and extra state."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.none = nn.Parameter(torch.zeros(0))
        self.register_buffer("shift", torch.tensor(-0.25))
        self.register_buffer("count", torch.tensor(7))
        self.register_buffer("phases", torch.ones(2, dtype=torch.complex64))
        self.register_buffer("mask", torch.full((2, 2), float("-inf")))
        self.register_buffer("cache", torch.ones(3), persistent=False)

    def get_extra_state(self) -> dict:
        return {"anything": 1}

    def set_extra_state(self, state: dict) -> None:
        pass


class Own(nn.Module):
    """A normalisation of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(2))
        self.register_buffer("running_var", torch.full((2,), 4.0))
        self.register_buffer("running_level", torch.full((2,), -3.0))


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))


def adapted() -> nn.Module:
    """A frozen layer with a small trained one beside it."""
    module = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    module[0].requires_grad_(False)
    return module


MODULES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "linear": (lambda: nn.Linear(4, 3), 15),
    "tied": (Tied, 15 + 5),
    "scalars": (Scalars, 1),
    "frozen layer": (adapted, 8),
    "batch norm": (normed, 15 + 6 + 8 + 6),
    "instance norm": (lambda: nn.Sequential(nn.Linear(2, 2), nn.InstanceNorm1d(2, track_running_stats=True)), 6 + 4),
    "batch norm without statistics": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)),
        6 + 4,
    ),
    "layer norm": (lambda: nn.LayerNorm(5), 10),
    "recurrent": (lambda: nn.GRU(2, 3), 3 * 3 * (2 + 3) + 6 * 3),
    "convolution": (lambda: nn.Conv2d(1, 2, 3), 20),
    "double": (lambda: nn.Linear(4, 3).double(), 15),
    "half": (lambda: nn.Linear(4, 3).half(), 15),
    "bfloat16": (lambda: nn.Linear(4, 3).bfloat16(), 15),
    "half with batch norm": (lambda: normed().half(), 15 + 6 + 8 + 6),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), 15 + 3),
    "spectral norm": (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)), 15),
    "orthogonal": (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(3, 3)), 12),
}


@pytest.mark.parametrize("name", MODULES)
def test_dimension__each_kind_of_module__counts_what_is_learned_and_statistics(name: str) -> None:
    build, d = MODULES[name]
    assert dimension(build()) == d
    vector = to_vector(build(), Layout.of(build()))
    assert vector.shape == (d,)
    assert vector.dtype == np.float64


@pytest.mark.parametrize("name", MODULES)
def test_load_vector__vector_of_another__makes_it_equal_to_the_bit(name: str) -> None:
    build, _ = MODULES[name]
    torch.manual_seed(1)
    one = build()
    layout = Layout.of(one).scaled(np.random.default_rng(0).uniform(1e-9, 1e9, Layout.of(one).exponents.size))
    inside = {spec.name for spec in layout.of_kind(LEARNED, STATISTICS)}
    named = [*one.named_parameters(), *one.named_buffers()]
    with torch.no_grad():
        for key, tensor in named:
            if key in inside:
                tensor.copy_(torch.rand(tensor.shape))
    torch.manual_seed(2)
    two = build()
    before = {key: tensor.clone() for key, tensor in [*two.named_parameters(), *two.named_buffers()]}
    load_vector(two, to_vector(one, layout), layout)
    after = dict([*two.named_parameters(), *two.named_buffers()])
    for key, tensor in named:
        if key in inside:
            assert torch.equal(after[key], tensor), key
        elif not key.endswith(("_u", "_v")):
            assert torch.equal(after[key], before[key]), key
    assert np.array_equal(to_vector(two, layout), to_vector(one, layout))


def test_layout__kinds__are_told_apart() -> None:
    module = normed()
    module[0].bias.requires_grad_(False)
    kinds = {spec.name: spec.kind for spec in Layout.of(module).tensors}
    assert kinds == {
        "0.weight": LEARNED,
        "0.bias": FIXED,
        "1.weight": LEARNED,
        "1.bias": LEARNED,
        "1.running_mean": STATISTICS,
        "1.running_var": STATISTICS,
        "1.num_batches_tracked": FIXED,
        "4.weight": LEARNED,
        "4.bias": LEARNED,
    }
    assert {spec.kind for spec in Layout.of(Scalars()).tensors if spec.name not in ("scale", "none")} == {FIXED}


def test_to_vector__order__is_learned_then_statistics_then_nothing() -> None:
    module = normed()
    with torch.no_grad():
        module[1].running_mean.copy_(torch.tensor([10.0, 20.0, 30.0]))
        module[1].running_var.copy_(torch.tensor([4.0, 9.0, 0.25]))
    learned = [parameter.detach().double().numpy().ravel() for parameter in module.parameters()]
    # a variance counts by its root
    assert np.array_equal(to_vector(module, Layout.of(module)), np.concatenate([*learned, [10, 20, 30, 2, 3, 0.5]]))


def test_to_vector__scales__divide_statistics_alone_by_the_power_of_two_above() -> None:
    module = normed()
    with torch.no_grad():
        module[1].running_mean.copy_(torch.tensor([1e6, -3.0, 0.125]))
        module[1].running_var.copy_(torch.tensor([1e10, 4.0, 1e-4]))
    layout = Layout.of(module).scaled(np.array([1e5, 3.0, 0.25, 1e5, 4.0, 1e-2]))
    plain, scaled = to_vector(module, Layout.of(module)), to_vector(module, layout)
    assert layout.exponents.tolist() == [17, 2, -2, 17, 2, -6]
    assert np.array_equal(scaled[:29], plain[:29])
    assert scaled[29:].tolist() == pytest.approx([1e6 / 2**17, -0.75, 0.5, 1e5 / 2**17, 0.5, 0.64])


def test_load_vector__tied_weights__stay_tied() -> None:
    module = Tied()
    load_vector(module, np.arange(20.0))
    assert module.decoder.weight is module.encoder.weight
    assert module.decoder.weight.flatten().tolist() == list(range(15))
    assert module.decoder.bias.tolist() == [15, 16, 17, 18, 19]


def test_load_vector__what_is_fixed__stays_as_built() -> None:
    module = normed()
    module[1].num_batches_tracked.fill_(9)
    load_vector(module, np.ones(dimension(module)), Layout.of(module))
    assert int(module[1].num_batches_tracked) == 9
    assert module[1].running_mean.tolist() == [1, 1, 1]
    scalars = Scalars()
    load_vector(scalars, np.array([2.0]))
    assert (float(scalars.scale.detach()), float(scalars.shift), int(scalars.count)) == (2.0, -0.25, 7)
    assert scalars.cache.tolist() == [1, 1, 1]


def test_load_vector__deviation_below_zero__is_zero() -> None:
    module = normed()
    vector = -np.ones(dimension(module))
    load_vector(module, vector, Layout.of(module))
    assert module[1].running_var.tolist() == [0, 0, 0]
    assert module[1].running_mean.tolist() == [-1, -1, -1]
    assert (vector == -1).all()


@pytest.mark.parametrize("older", [False, True], ids=["parametrisation", "hook"])
def test_load_vector__spectral_norm__follows_the_weight(older: bool) -> None:
    norm = nn.utils.spectral_norm if older else nn.utils.parametrizations.spectral_norm
    torch.manual_seed(0)
    module = norm(nn.Linear(4, 3))
    assert {spec.kind for spec in Layout.of(module).tensors if spec.name.endswith(("_u", "_v"))} == {DERIVED}
    vector = np.random.default_rng(3).standard_normal(15)
    module.eval()
    load_vector(module, vector)
    weight = module(torch.eye(4)) - module(torch.zeros(4))  # what the layer multiplies by
    assert float(torch.linalg.matrix_norm(weight.detach(), 2)) == pytest.approx(1.0, abs=1e-2)
    assert not module.training


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


def test_load_vector__statistics_without_their_scales__raises() -> None:
    for call in (lambda: load_vector(normed(), np.zeros(35)), lambda: to_vector(normed())):
        with pytest.raises(VectorError, match="has running statistics: give the layout"):
            call()


def test_load_vector__layout_of_another_module__raises() -> None:
    with pytest.raises(VectorError, match=r"has no 0\.weight of shape \[3, 4\]"):
        load_vector(nn.Linear(4, 3), np.zeros(35), Layout.of(normed()))


# --- kinds that a task chooses


def test_layout__named_buffers__are_statistics_like_torchs_own() -> None:
    one = Layout.of(nn.Sequential(Own(), Own()), more=["0.running_var", "*.running_level"])
    assert [spec.name for spec in one.of_kind(STATISTICS)] == ["0.running_var", "0.running_level", "1.running_level"]
    assert [spec.name for spec in one.of_kind(FIXED)] == ["1.running_var"]
    module = nn.Sequential(Own(), Own())
    assert to_vector(module, one)[4:].tolist() == [2, 2, -3, -3, -3, -3]


def test_layout__local_statistics__stay_out() -> None:
    layout = Layout.of(normed(), local=True)
    assert [spec.name for spec in layout.of_kind(LOCAL)] == ["1.running_mean", "1.running_var"]
    assert layout.dimension == layout.learned == 29
    assert not layout.has_statistics


@pytest.mark.parametrize("pattern", ["running_mean", "*.weight", "1.num_batches_tracked"])
def test_layout__no_such_buffer_to_share__raises(pattern: str) -> None:
    with pytest.raises(TaskError, match=r"no floating-point buffer .* isn't one of 1\.running_mean, 1\.running_var"):
        Layout.of(normed(), more=[pattern])


@pytest.mark.parametrize("module", [nn.LazyLinear(3), nn.Sequential(nn.Linear(2, 2), nn.LazyBatchNorm1d())])
def test_layout__lazy_layer__says_what_to_do(module: nn.Module) -> None:
    with pytest.raises(TaskError, match="give the layer its input size, or run a dummy batch"):
        Layout.of(module)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_layout__frozen_integers__are_fixed(dtype: torch.dtype) -> None:
    module = nn.Linear(4, 3)
    module.extra = nn.Parameter(torch.zeros(2, dtype=dtype), requires_grad=False)
    assert dimension(module) == 15


def test_layout__learned_complex_numbers__raises() -> None:
    module = nn.Linear(4, 3)
    module.extra = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(VectorError, match="extra is complex64: only floating-point"):
        Layout.of(module)


@pytest.mark.parametrize(
    "module",
    [nn.ReLU(), nn.Sequential(), nn.Linear(4, 3).requires_grad_(False), nn.BatchNorm1d(3, affine=False)],
    ids=["ReLU", "Sequential", "all frozen", "statistics alone"],
)
def test_layout__nothing_to_learn__raises(module: nn.Module) -> None:
    with pytest.raises(VectorError, match="nothing to learn: no floating-point parameter that asks for a gradient"):
        Layout.of(module)


# --- what is published


def published(layout: Layout) -> Any:
    return json.loads(json.dumps(layout.to_json()))


def test_agreed__same_module__takes_the_scales() -> None:
    owner = Layout.of(normed()).scaled(np.array([1e5, 3.0, 0.25, 1e5, 4.0, 1e-2]))
    trainer = Layout.of(normed()).agreed(published(owner))
    assert trainer.exponents.tolist() == owner.exponents.tolist()
    assert trainer.tensors == Layout.of(normed()).tensors


def test_to_json__tensors__say_all_that_must_be_the_same() -> None:
    entries = {entry["name"]: entry for entry in published(Layout.of(normed()))}
    assert entries["0.weight"] == {"name": "0.weight", "kind": "learned", "dtype": "float32", "shape": [3, 4]}
    assert base64.b64decode(entries["1.running_var"]["scales"]) == bytes(3)
    assert len(entries["1.num_batches_tracked"]["digest"]) == 32


def build_masked(value: float) -> nn.Module:
    module = nn.Linear(2, 2)
    module.register_buffer("mask", torch.tensor([[0.0, value], [0.0, 0.0]]))
    module.register_buffer("later", torch.tensor([value]))
    return module


def test_agreed__other_values_of_a_constant__names_the_first() -> None:
    theirs = published(Layout.of(build_masked(float("-inf"))))
    assert Layout.of(build_masked(float("-inf"))).agreed(theirs).dimension == 6
    with pytest.raises(TaskError, match=r"mask \(fixed float32\[2, 2\]\) has other values here; have the owner's code"):
        Layout.of(build_masked(-1e9)).agreed(theirs)


@pytest.mark.parametrize("bits", [torch.bfloat16, torch.float64, torch.bool, torch.complex64, torch.int8])
def test_digest__each_type__tells_values_apart(bits: torch.dtype) -> None:
    def built(value: int) -> Layout:
        module = nn.Linear(1, 1)
        module.register_buffer("table", torch.tensor([0, value, 1]).to(bits))
        module.register_buffer("none", torch.zeros(0, dtype=bits))
        module.register_buffer("one", torch.tensor(1, dtype=bits))
        return Layout.of(module)

    assert built(1).differing(built(1)) is None
    different = built(0).differing(built(1))
    assert different is not None
    assert different.name == "table"


def test_digest__sparse_or_strided_buffer__is_that_of_its_values() -> None:
    def built(table: torch.Tensor) -> Layout:
        module = nn.Linear(1, 1)
        module.register_buffer("table", table)
        return Layout.of(module)

    table = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    assert built(table.to_sparse()).differing(built(table)) is None
    assert built(table.t()).differing(built(table.t().contiguous())) is None
    assert built(table.t()).differing(built(table)) is not None


DIFFERENT: dict[str, tuple[nn.Module, str]] = {
    "wider": (
        nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5)),
        r"0\.weight is learned float32\[3, 4\] here, 'learned",
    ),
    "double": (nn.Sequential(nn.Linear(4, 3).double(), nn.BatchNorm1d(3)), "learned float64"),
    "frozen": (nn.Sequential(nn.Linear(4, 3).requires_grad_(False), nn.BatchNorm1d(3)), "where it has 0.weight here"),
    "longer": (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.PReLU()), "where it has 1.running_mean here"),
    "shorter": (nn.Sequential(nn.Linear(4, 3)), r"7 tensors here, 2 there, the first odd one '?1\.weight"),
    "more at the end": (
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3, affine=False)),
        "where it has 1.num_batches_tracked here, the project has '2.running_mean'",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_agreed__another_module__names_the_first_difference(name: str) -> None:
    theirs, match = DIFFERENT[name]
    own = Layout.of(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)))
    with pytest.raises(TaskError, match=f"the module isn't the project's: .*{match}"):
        own.agreed(published(Layout.of(theirs)))


def test_agreed__local_here_shared_there__raises() -> None:
    with pytest.raises(TaskError, match=r"where it has 1\.num_batches|1\.running_mean is local float32\[3\] here"):
        Layout.of(normed(), local=True).agreed(published(Layout.of(normed())))


@pytest.mark.parametrize(
    "scales",
    [None, 3, [0, 0, 0], "AAAA!", "AAA", base64.b64encode(bytes(2)).decode(), base64.b64encode(b"\x80\0\0").decode()],
    ids=["none", "number", "list", "no base64", "padding", "short", "beyond"],
)
def test_agreed__unsound_scales__raises(scales: Any) -> None:
    theirs = published(Layout.of(normed()))
    next(entry for entry in theirs if entry["name"] == "1.running_mean")["scales"] = scales
    with pytest.raises(TaskError, match=r"no sound scales for 1\.running_mean"):
        Layout.of(normed()).agreed(theirs)


@pytest.mark.parametrize("theirs", [None, {}, "tensors", [1], [[]], [None]], ids=repr)
def test_agreed__malformed_list__raises(theirs: Any) -> None:
    with pytest.raises(TaskError, match="malformed list of tensors"):
        Layout.of(normed()).agreed(theirs)


def test_agreed__hostile_text__is_cut_short() -> None:
    theirs = published(Layout.of(normed()))
    theirs[0]["name"] = "\x1b[31m" + "a" * 10_000
    with pytest.raises(TaskError) as caught:
        Layout.of(normed()).agreed(theirs)
    assert len(str(caught.value)) < 400
    assert "\x1b" not in str(caught.value)


def test_differing__same_layout__is_none() -> None:
    layout = Layout.of(normed())
    assert layout.differing(Layout.of(normed())) is None
    odd = replace(layout.tensors[3], dtype="float16")
    assert layout.differing(replace(layout, tensors=(*layout.tensors[:3], odd, *layout.tensors[4:]))) is not None
