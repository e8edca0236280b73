"""WIDTH field elements at a time: one interface, so that each kernel is written once for all builds.

In the IFMA build WIDTH is 16 and the product Montgomery's for RADIX = 2^260; in the others a value of lanes is a single
element of `offchain.proving.kernels.field`, and RADIX 2^256. A kernel that obeys the stricter rules of
`offchain.proving.kernels.ifma` (sums grow; b < 4p in a - b; `reduced` before they are stored) is right in all of them.

Places are WIDTH indices of rows: of uint64[n, 4] for Fr, of points uint64[n, 8] for Fq, where the column is 0 for x and
1 for y. Where an end is given no place goes beyond it: the last lanes then repeat the last row, and write the same
there.

The points of a curve keep their coordinates in Montgomery form for 2^256, in all builds, as files have them. So a
product of two coordinates comes out divided by GAP^2 = RADIX / 2^256, which `stretch`, times GAP, sets right twice.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from offchain.proving.kernels import field, ifma, single
from offchain.proving.kernels.build import BUILD
from offchain.proving.kernels.field import P

__all__ = [
    "ALL_LANES",
    "GAP",
    "RADIX",
    "STASH_WORDS",
    "WIDTH",
    "Lanes",
    "Places",
    "canonical_lanes",
    "fq_lanes",
    "fr_lanes",
    "lane_factor",
    "lanes_constant",
    "listed",
    "load_fq_lanes",
    "load_fr_lanes",
    "may_have_plain_zero",
    "may_have_zero",
    "opposite",
    "places",
    "prefetch",
    "reduced",
    "select",
    "stash",
    "stashed_fq",
    "stashed_fr",
    "store_fq_lanes",
    "store_fr_lanes",
    "stretch",
    "unreduced_lanes",
    "zero_lanes",
]  # fmt: skip

Lanes = Any  # WIDTH elements inside a kernel
Places = Any  # a tuple of WIDTH indices

_build: Any = ifma if BUILD == "ifma" else single
RADIX = _build.RADIX
STASH_WORDS = _build.STASH_WORDS
WIDTH = _build.WIDTH
canonical_lanes = _build.canonical_lanes
fq_lanes = _build.fq_lanes
fr_lanes = _build.fr_lanes
lanes_constant = _build.lanes_constant
load_fq_lanes = _build.load_fq_lanes
load_fr_lanes = _build.load_fr_lanes
may_have_plain_zero = _build.may_have_plain_zero
may_have_zero = _build.may_have_zero
reduced = _build.reduced
select = _build.select
stash = _build.stash
stashed_fq = _build.stashed_fq
stashed_fr = _build.stashed_fr
store_fq_lanes = _build.store_fq_lanes
store_fr_lanes = _build.store_fr_lanes
stretch = _build.stretch
unreduced_lanes = _build.unreduced_lanes
zero_lanes = _build.zero_lanes

GAP = 4 if RADIX == 1 << 260 else 1
ALL_LANES = (1 << WIDTH) - 1  # as a mask


def lane_factor(value: int) -> field.Words:
    """uint64[1, 4]: a scalar in Montgomery form, as kernels load it to multiply plain scalars by."""
    return field.from_ints([value * RADIX], P)


@intrinsic
def places(typing: Any, first: Any, stride: Any, end: Any) -> Any:
    """first, first + stride .., none above end - 1."""
    result = types.UniTuple(types.int64, WIDTH)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first, stride, end = args
        last = builder.sub(end, ir.Constant(end.type, 1))
        indices = []
        for lane in range(WIDTH):
            index = builder.add(first, builder.mul(stride, ir.Constant(stride.type, lane)))
            indices.append(builder.select(builder.icmp_signed("<", index, last), index, last))
        return cgutils.pack_array(builder, indices)

    return result(types.int64, types.int64, types.int64), emit


@intrinsic
def opposite(typing: Any, at: Any, total: Any) -> Any:
    """total - k for each of the places k."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        mirrored = [builder.sub(args[1], builder.extract_value(args[0], lane)) for lane in range(WIDTH)]
        return cgutils.pack_array(builder, mirrored)

    return at(at, types.int64), emit


@intrinsic
def listed(typing: Any, indices: Any, first: Any) -> Any:
    """The entries first, first + 1 .. of an array of int64."""
    result = types.UniTuple(types.int64, WIDTH)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        offsets = [builder.add(args[1], ir.Constant(args[1].type, lane)) for lane in range(WIDTH)]
        return cgutils.pack_array(builder, [builder.load(builder.gep(data, [offset])) for offset in offsets])

    return result(indices, types.int64), emit


@intrinsic
def prefetch(typing: Any, array: Any, row: Any) -> Any:
    """Asks for a row of an array of 64 bytes a row to be brought to the cache."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(
            builder.gep(data, [builder.shl(args[1], ir.Constant(args[1].type, 3))]), cgutils.voidptr_t
        )
        i32 = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, i32, i32, i32]), "llvm.prefetch.p0"
        )
        builder.call(function, [pointer, i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), emit
