"""One field element in place of a value of lanes: what `offchain.proving.kernels.lanes` is without vectors.

Elements stay in [0, 2p) throughout, so what keeps lanes in bounds does nothing here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from offchain.proving.kernels import field
from offchain.proving.kernels.field import RADIX, canonical, fq, fr

__all__ = [
    "RADIX",
    "STASH_WORDS",
    "WIDTH",
    "canonical_lanes",
    "fq_lanes",
    "fr_lanes",
    "lanes_constant",
    "load_fq_lanes",
    "load_fr_lanes",
    "may_have_plain_zero",
    "may_have_zero",
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

WIDTH = 1
STASH_WORDS = 4

fr_lanes, fq_lanes = fr, fq
canonical_lanes = canonical
lanes_constant = field.constant
may_have_zero = may_have_plain_zero = field.is_zero


@intrinsic
def _same(typing: Any, value: Any) -> Any:
    return value(value), lambda context, builder, sig, args: args[0]


reduced = stretch = _same


@intrinsic
def zero_lanes(typing: Any, value: Any) -> Any:
    """1 if the element is zero, else 0."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.zext(field.emit_is_zero(builder, args[0], sig.args[0].modulus), ir.IntType(64))

    return types.int64(value), emit


@intrinsic
def unreduced_lanes(typing: Any, value: Any) -> Any:
    """1 if the value isn't in [0, p), else 0."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        over = builder.icmp_unsigned(">=", args[0], ir.Constant(args[0].type, sig.args[0].modulus))
        return builder.zext(over, ir.IntType(64))

    return types.int64(value), emit


@intrinsic
def select(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """a for the mask 1, b for 0."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.icmp_signed("!=", args[0], ir.Constant(ir.IntType(64), 0)), args[1], args[2])

    return a(types.int64, a, a), emit


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, places: Any, column: Any) -> Any:
    i64 = ir.IntType(64)
    data = builder.ptrtoint(context.make_array(array_type)(context, builder, array).data, i64)
    if column is not None:
        data = builder.add(data, builder.shl(column, ir.Constant(i64, 5)))
    row_bytes = ir.Constant(i64, 5 if column is None else 6)
    row = builder.add(data, builder.shl(builder.extract_value(places, 0), row_bytes))
    return builder.inttoptr(row, ir.IntType(256).as_pointer())


def _emit_load(context: Any, builder: Any, array_type: Any, array: Any, places: Any, column: Any = None) -> Any:
    return builder.load(_pointer(context, builder, array_type, array, places, column), align=8)


def _emit_store(
    context: Any, builder: Any, array_type: Any, array: Any, places: Any, value: Any, column: Any = None
) -> Any:
    builder.store(value, _pointer(context, builder, array_type, array, places, column), align=8)
    return context.get_dummy_value()


@intrinsic
def load_fr_lanes(typing: Any, array: Any, places: Any) -> Any:
    """The scalar at the row of uint64[n, 4]."""
    field.check_array(array)
    return fr(array, places), lambda context, builder, sig, args: _emit_load(context, builder, sig.args[0], *args)


@intrinsic
def store_fr_lanes(typing: Any, array: Any, places: Any, value: Any) -> Any:
    """Writes the value as it is to the row of uint64[n, 4]."""
    field.check_array(array)
    return types.void(array, places, fr), lambda context, builder, sig, args: _emit_store(
        context, builder, sig.args[0], *args
    )


@intrinsic
def load_fq_lanes(typing: Any, array: Any, places: Any, column: Any) -> Any:
    """The coordinate in a column of the row of uint64[n, 8]; columns 2 and 3 are the next row's x and y."""
    field.check_array(array)
    return fq(array, places, types.int64), lambda context, builder, sig, args: _emit_load(
        context, builder, sig.args[0], *args
    )


@intrinsic
def store_fq_lanes(typing: Any, array: Any, places: Any, column: Any, value: Any) -> Any:
    """Writes the value as it is, where `load_fq_lanes` would read it."""
    field.check_array(array)
    return types.void(array, places, types.int64, fq), lambda context, builder, sig, args: _emit_store(
        context, builder, sig.args[0], args[0], args[1], args[3], args[2]
    )


stash, stashed_fr, stashed_fq = field.store, field.load_fr, field.load_fq
