"""Sixteen field elements at a time with AVX-512 IFMA, which multiplies 52-bit integers and adds half of the product.

A value is two groups of five vectors of eight lanes: limb k of eight elements, to base 2^52. Limbs are below 2^52, so
a value has 260 bits and room above p: sums and differences aren't reduced.

    a + b     the bounds add up
    a - b     is a + 5p - b; b must be below 4p, or a hair above
    a * b     a b / 2^260 modulo p; below 2p if the bounds, in multiples of p, have a product up to 80
    reduced   below 2p; of anything up to 16p

Loaded elements are below 2p, and so is what `store` writes, in the four 64-bit words that the rest reads.

Only `offchain.proving.kernels.lanes` imports this. Cost: about 4 ns a product and element.
Reference: Gueron, Krasnov, "Software implementation of modular exponentiation, using advanced vector instructions
architectures" (2012).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from offchain.proving.kernels.field import check_array, declare
from offchain.proving.parameters import P, Q

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


_GROUPS = 2  # of eight lanes, side by side in each operation, so that one works while the other waits
WIDTH = 8 * _GROUPS
RADIX = 1 << 260
STASH_WORDS = 5 * WIDTH  # 64-bit words of a value as it is

_BITS = 52
_MASK = (1 << _BITS) - 1
_I1, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
_ROW = ir.VectorType(_I64, 4)
_VECTOR = ir.VectorType(_I64, 8)
_VALUE = ir.LiteralStructType([_VECTOR] * 5 * _GROUPS)


class LanesType(types.Type):
    """The type of WIDTH elements of a field in kernels."""

    def __init__(self, name: str, modulus: int) -> None:
        super().__init__(name=name)
        self.modulus = modulus


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, _VALUE)


fr_lanes, fq_lanes = LanesType("FrLanes", P), LanesType("FqLanes", Q)
_TYPES = (fr_lanes, fq_lanes)

# --- vectors --------------------------------------------------------------------------------------------------


def _all(value: int) -> Any:
    return ir.Constant(_VECTOR, [ir.Constant(_I64, value)] * 8)


def _split(value: int) -> list[int]:
    """Five limbs; the last has all that is left."""
    return [(value >> (_BITS * k)) & _MASK for k in range(4)] + [value >> (4 * _BITS)]


def _groups(builder: Any, value: Any) -> list[list[Any]]:
    """The five limbs of each group of eight lanes."""
    limbs = [builder.extract_value(value, k) for k in range(5 * _GROUPS)]
    return [limbs[k : k + 5] for k in range(0, len(limbs), 5)]


def _value(builder: Any, groups: list[list[Any]]) -> Any:
    value = ir.Constant(_VALUE, ir.Undefined)
    for k, limb in enumerate(limb for limbs in groups for limb in limbs):
        value = builder.insert_value(value, limb, k)
    return value


def _instruction(builder: Any, name: str, operands: list[Any]) -> Any:
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(_VECTOR, [operand.type for operand in operands]), name)
    return builder.call(function, operands)


def _low(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """total + the lower 52 bits of a b."""
    return _instruction(builder, "llvm.x86.avx512.vpmadd52l.uq.512", [total, a, b])


def _high(builder: Any, total: Any, a: Any, b: Any) -> Any:
    """total + the upper 52 bits of a b."""
    return _instruction(builder, "llvm.x86.avx512.vpmadd52h.uq.512", [total, a, b])


def _carry(builder: Any, limbs: list[Any]) -> list[Any]:
    """The same number with limbs in [0, 2^52); signed limbs of a number that isn't negative."""
    limbs = list(limbs)
    for k in range(4):
        limbs[k + 1] = builder.add(limbs[k + 1], builder.ashr(limbs[k], _all(_BITS)))
        limbs[k] = builder.and_(limbs[k], _all(_MASK))
    return limbs


def _shuffle(builder: Any, a: Any, b: Any, indices: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_I32, len(indices)), [ir.Constant(_I32, index) for index in indices])
    return builder.shuffle_vector(a, b, mask)


# --- arithmetic -----------------------------------------------------------------------------------------------


def _map(builder: Any, function: Callable[..., list[Any]], *values: Any) -> Any:
    """function(limbs of a, limbs of b ..), group by group."""
    groups = zip(*(_groups(builder, value) for value in values), strict=True)
    return _value(builder, [function(*limbs) for limbs in groups])


def _add(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    return _map(builder, lambda a, b: _carry(builder, [builder.add(x, y) for x, y in zip(a, b, strict=True)]), a, b)


def _subtract(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    above = [_all(limb) for limb in _split(5 * modulus)]

    def limbs(a: list[Any], b: list[Any]) -> list[Any]:
        return _carry(builder, [builder.sub(builder.add(x, m), y) for x, y, m in zip(a, b, above, strict=True)])

    return _map(builder, limbs, a, b)


def _multiply(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    """Limb by limb of b, for all groups, so that their chains of dependent instructions overlap."""
    a_groups, b_groups, zero = _groups(builder, a), _groups(builder, b), _all(0)
    m = [_all(limb) for limb in _split(modulus)]
    negated_inverse = _all(pow(-modulus, -1, 1 << _BITS))
    totals = [[zero] * 5] * _GROUPS
    for step in range(5):
        for group, total in enumerate(totals):
            a_limbs, b_limb = a_groups[group], b_groups[group][step]
            total = [_low(builder, total[k], a_limbs[k], b_limb) for k in range(5)]
            quotient = _low(builder, zero, total[0], negated_inverse)
            lowest = _low(builder, total[0], quotient, m[0])  # a multiple of 2^52
            shifted = [_low(builder, total[k], quotient, m[k]) for k in range(1, 5)]
            shifted = [builder.add(shifted[0], builder.lshr(lowest, _all(_BITS))), *shifted[1:], zero]
            shifted = [_high(builder, shifted[k], a_limbs[k], b_limb) for k in range(5)]
            totals[group] = [_high(builder, shifted[k], quotient, m[k]) for k in range(5)]
    return _value(builder, [_carry(builder, total) for total in totals])


def _reduce_once(builder: Any, value: Any, bound: int) -> Any:
    """value - bound if that isn't negative; value < 2 bound."""

    def limbs(limbs: list[Any]) -> list[Any]:
        less = _carry(builder, [builder.sub(x, _all(m)) for x, m in zip(limbs, _split(bound), strict=True)])
        negative = builder.icmp_signed("<", less[4], _all(0))
        return [builder.select(negative, x, y) for x, y in zip(limbs, less, strict=True)]

    return _map(builder, limbs, value)


def _reduce(builder: Any, value: Any, modulus: int) -> Any:
    """value - 2p q for q = value / 2p rounded down, or one less by a chance of 2^-36, from the highest limb."""
    doubles = ir.VectorType(ir.DoubleType(), 8)
    reciprocal = ir.Constant(doubles, [ir.Constant(ir.DoubleType(), (1 - 2**-40) * 2**208 / (2 * modulus))] * 8)
    multiples = zip(*[_split(2 * modulus * q) for q in range(8)], strict=True)
    tables = [ir.Constant(_VECTOR, [ir.Constant(_I64, limb) for limb in table]) for table in multiples]

    def limbs(limbs: list[Any]) -> list[Any]:
        quotient = builder.fptoui(builder.fmul(builder.uitofp(limbs[4], doubles), reciprocal), _VECTOR)
        looked_up = [_instruction(builder, "llvm.x86.avx512.permvar.di.512", [table, quotient]) for table in tables]
        return _carry(builder, [builder.sub(x, y) for x, y in zip(limbs, looked_up, strict=True)])

    return _map(builder, limbs, value)


declare(operator.add, _add, _TYPES)
declare(operator.sub, _subtract, _TYPES)
declare(operator.mul, _multiply, _TYPES)


def _unary(emit: Callable[..., Any], doc: str) -> Any:
    @intrinsic
    def function(typing: Any, value: Any) -> Any:
        return value(value), lambda context, builder, sig, args: emit(builder, args[0], sig.args[0].modulus)

    function.__doc__ = doc
    return function


def _canonical(builder: Any, value: Any, modulus: int) -> Any:
    for bound in (2 * modulus, modulus):
        value = _reduce_once(builder, value, bound)
    return value


def _stretch(builder: Any, value: Any, modulus: int) -> Any:
    return _map(builder, lambda limbs: _carry(builder, [builder.shl(limb, _all(2)) for limb in limbs]), value)


reduced = _unary(_reduce, "Below 2p, or a hair (2^-36) above; of values up to 16p.")
canonical_lanes = _unary(_canonical, "In [0, p); of values below 4p.")
stretch = _unary(_stretch, "4 times the value: the square root of the ratio of this radix and that of coordinates.")

# --- masks: bit l stands for lane l -----------------------------------------------------------------------------


_FLAGS = ir.VectorType(_I1, 8)


def _any_lowest(builder: Any, value: Any, candidates: Sequence[int]) -> Any:
    """If the lowest limb of an element is one of these."""
    together = ir.Constant(_FLAGS, [ir.Constant(_I1, 0)] * 8)
    for limbs in _groups(builder, value):
        for candidate in candidates:
            together = builder.or_(together, builder.icmp_unsigned("==", limbs[0], _all(candidate)))
    return builder.icmp_unsigned("!=", builder.bitcast(together, _I8), ir.Constant(_I8, 0))


@intrinsic
def may_have_zero(typing: Any, value: Any) -> Any:
    """If an element of a value below 8p may be zero; errs on the side of true, by a chance of 2^-46."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _any_lowest(builder, args[0], [k * sig.args[0].modulus & _MASK for k in range(8)])

    return types.boolean(value), emit


@intrinsic
def may_have_plain_zero(typing: Any, value: Any) -> Any:
    """If an element may be the number 0, not another multiple of p; errs in the same way."""
    return types.boolean(value), lambda context, builder, sig, args: _any_lowest(builder, args[0], [0])


def _mask(builder: Any, flags: list[Any]) -> Any:
    """The bits of all groups in one number."""
    mask = ir.Constant(_I64, 0)
    for group, bits in enumerate(flags):
        byte = builder.zext(builder.bitcast(bits, _I8), _I64)
        mask = builder.or_(mask, builder.shl(byte, ir.Constant(_I64, 8 * group)))
    return mask


@intrinsic
def zero_lanes(typing: Any, value: Any) -> Any:
    """Mask of the elements that are zero; of values up to 16p."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        modulus, flags = sig.args[0].modulus, []
        for limbs in _groups(builder, _canonical(builder, _reduce(builder, args[0], modulus), modulus)):
            together = limbs[0]
            for limb in limbs[1:]:
                together = builder.or_(together, limb)
            flags.append(builder.icmp_unsigned("==", together, _all(0)))
        return _mask(builder, flags)

    return types.int64(value), emit


@intrinsic
def unreduced_lanes(typing: Any, value: Any) -> Any:
    """Mask of the elements that aren't in [0, p): to check what comes from outside."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        modulus, flags = _split(sig.args[0].modulus), []
        for limbs in _groups(builder, args[0]):
            less = _carry(builder, [builder.sub(x, _all(m)) for x, m in zip(limbs, modulus, strict=True)])
            flags.append(builder.icmp_signed(">=", less[4], _all(0)))
        return _mask(builder, flags)

    return types.int64(value), emit


@intrinsic
def select(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """The elements of a where the mask has a bit, those of b elsewhere."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        chosen = []
        for group, (a, b) in enumerate(zip(_groups(builder, args[1]), _groups(builder, args[2]), strict=True)):
            bits = builder.trunc(builder.lshr(args[0], ir.Constant(_I64, 8 * group)), _I8)
            flags = builder.bitcast(bits, _FLAGS)
            chosen.append([builder.select(flags, x, y) for x, y in zip(a, b, strict=True)])
        return _value(builder, chosen)

    return a(types.int64, a, a), emit


def lanes_constant(lanes: Any, value: int) -> Any:
    """A kernel without arguments that returns the same element in all lanes, in the form that `value` is in."""

    @intrinsic
    def element(typing: Any) -> Any:
        limbs = [_all(limb) for limb in _split(value % lanes.modulus)]
        return lanes(), lambda context, builder, sig, args: _value(builder, [limbs] * _GROUPS)

    return element


# --- memory: uint64 arrays of two dimensions, four words an element ---------------------------------------------


def _addresses(context: Any, builder: Any, array_type: Any, array: Any, places: Any, column: Any) -> list[Any]:
    """Of the elements in a column of rows: a row of Fr has one element, of Fq two."""
    data = builder.ptrtoint(context.make_array(array_type)(context, builder, array).data, _I64)
    if column is not None:
        data = builder.add(data, builder.shl(column, ir.Constant(_I64, 5)))
    row_bytes = ir.Constant(_I64, 5 if column is None else 6)
    rows = [builder.add(data, builder.shl(builder.extract_value(places, lane), row_bytes)) for lane in range(WIDTH)]
    return [builder.inttoptr(row, _ROW.as_pointer()) for row in rows]


def _load(builder: Any, addresses: list[Any]) -> list[Any]:
    """Four vectors of words from eight rows of four."""
    rows = [builder.load(address, align=8) for address in addresses]
    a, b, c, d = (_shuffle(builder, rows[k], rows[k + 4], [*range(8)]) for k in range(4))
    even, odd = [0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]
    first, second = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    ab, cd = _shuffle(builder, a, b, even), _shuffle(builder, c, d, even)
    ab_odd, cd_odd = _shuffle(builder, a, b, odd), _shuffle(builder, c, d, odd)
    return [
        _shuffle(builder, ab, cd, first),
        _shuffle(builder, ab_odd, cd_odd, first),
        _shuffle(builder, ab, cd, second),
        _shuffle(builder, ab_odd, cd_odd, second),
    ]


def _save(builder: Any, addresses: list[Any], words: list[Any]) -> None:
    even, odd = [0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]
    first, second = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    low, high = _shuffle(builder, words[0], words[1], even), _shuffle(builder, words[2], words[3], even)
    low_odd, high_odd = _shuffle(builder, words[0], words[1], odd), _shuffle(builder, words[2], words[3], odd)
    rows = [
        _shuffle(builder, low, high, first),
        _shuffle(builder, low_odd, high_odd, first),
        _shuffle(builder, low, high, second),
        _shuffle(builder, low_odd, high_odd, second),
    ]
    for k, row in enumerate(rows):  # rows k and k + 4
        builder.store(_shuffle(builder, row, row, [0, 1, 2, 3]), addresses[k], align=8)
        builder.store(_shuffle(builder, row, row, [4, 5, 6, 7]), addresses[k + 4], align=8)


def _to_limbs(builder: Any, words: list[Any]) -> list[Any]:
    """52-bit limbs of 64-bit words."""
    limbs = [words[0]]
    for k in range(1, 4):
        low = builder.lshr(words[k - 1], _all(64 - 12 * k))
        limbs.append(builder.or_(low, builder.shl(words[k], _all(12 * k))))
    limbs = [builder.and_(limb, _all(_MASK)) for limb in limbs]
    return [*limbs, builder.lshr(words[3], _all(16))]


def _to_words(builder: Any, limbs: list[Any]) -> list[Any]:
    """64-bit words of 52-bit limbs."""
    words = []
    for k in range(4):
        low = builder.lshr(limbs[k], _all(12 * k))
        words.append(builder.or_(low, builder.shl(limbs[k + 1], _all(_BITS - 12 * k))))
    return words


def _emit_load(context: Any, builder: Any, array_type: Any, array: Any, places: Any, column: Any = None) -> Any:
    addresses = _addresses(context, builder, array_type, array, places, column)
    groups = [addresses[k : k + 8] for k in range(0, WIDTH, 8)]
    return _value(builder, [_to_limbs(builder, _load(builder, group)) for group in groups])


def _emit_store(
    context: Any, builder: Any, array_type: Any, array: Any, places: Any, value: Any, column: Any = None
) -> Any:
    addresses = _addresses(context, builder, array_type, array, places, column)
    for group, limbs in enumerate(_groups(builder, value)):
        _save(builder, addresses[8 * group : 8 * group + 8], _to_words(builder, limbs))
    return context.get_dummy_value()


@intrinsic
def load_fr_lanes(typing: Any, array: Any, places: Any) -> Any:
    """The scalars at rows `places` of uint64[n, 4]."""
    check_array(array)
    return fr_lanes(array, places), lambda context, builder, sig, args: _emit_load(context, builder, sig.args[0], *args)


@intrinsic
def store_fr_lanes(typing: Any, array: Any, places: Any, value: Any) -> Any:
    """Writes a value below 2^256 as it is to rows `places` of uint64[n, 4]."""
    check_array(array)
    return types.void(array, places, fr_lanes), lambda context, builder, sig, args: _emit_store(
        context, builder, sig.args[0], *args
    )


@intrinsic
def load_fq_lanes(typing: Any, array: Any, places: Any, column: Any) -> Any:
    """The coordinates in a column of rows `places` of uint64[n, 8]; columns 2 and 3 are the next row's x and y."""
    check_array(array)
    return fq_lanes(array, places, types.int64), lambda context, builder, sig, args: _emit_load(
        context, builder, sig.args[0], *args
    )


@intrinsic
def store_fq_lanes(typing: Any, array: Any, places: Any, column: Any, value: Any) -> Any:
    """Writes a value below 2^256 as it is, where `load_fq_lanes` would read it."""
    check_array(array)
    return types.void(array, places, types.int64, fq_lanes), lambda context, builder, sig, args: _emit_store(
        context, builder, sig.args[0], args[0], args[1], args[3], args[2]
    )


def _stash_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.gep(data, [builder.mul(index, ir.Constant(_I64, STASH_WORDS))])
    return builder.bitcast(first, _VECTOR.as_pointer())


@intrinsic
def stash(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Keeps a value as it is in the index-th STASH_WORDS of an array of words: for what the same kernel reads again."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _stash_pointer(context, builder, sig.args[0], *args[:2])
        for k, limb in enumerate(limb for limbs in _groups(builder, args[2]) for limb in limbs):
            builder.store(limb, builder.gep(pointer, [ir.Constant(_I64, k)]), align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), emit


def _emit_stash_read(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _stash_pointer(context, builder, sig.args[0], *args)
    loads = [builder.load(builder.gep(pointer, [ir.Constant(_I64, k)]), align=8) for k in range(5 * _GROUPS)]
    return _value(builder, [loads[k : k + 5] for k in range(0, len(loads), 5)])


@intrinsic
def stashed_fr(typing: Any, array: Any, index: Any) -> Any:
    """What `stash` has kept."""
    return fr_lanes(array, types.int64), _emit_stash_read


@intrinsic
def stashed_fq(typing: Any, array: Any, index: Any) -> Any:
    """What `stash` has kept."""
    return fq_lanes(array, types.int64), _emit_stash_read
