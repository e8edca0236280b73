"""The two prime fields of BN254 as numba types, with the operators + - * == on them.

Fr has P elements (the scalars), Fq has Q (the coordinates of points). A value is an LLVM i256, which the compiler
keeps in registers, and lies in [0, 2p): each sum or product leaves it there without a full reduction, and `canonical`
ends in [0, p).

The product is Montgomery's: a * b means a b / 2^256. So a value in Montgomery form (x 2^256) times a plain one is
plain. Scalars stay plain in memory and their factors come in Montgomery form (`factor`), coordinates stay in
Montgomery form; then nothing is ever converted in bulk.

Cost: about 20 ns a product. Reference: Koc, Acar, Kaliski, "Analyzing and comparing Montgomery multiplication
algorithms" (1996), CIOS.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from os import urandom
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, models, register_model

from offchain.proving.kernels.build import kernel
from offchain.proving.kernels.parallel import run, split
from offchain.proving.parameters import P, Q

__all__ = [
    "RADIX",
    "Element",
    "P",
    "Q",
    "Words",
    "canonical",
    "constant",
    "factor",
    "fq",
    "fq_inverse",
    "fq_one",
    "fq_zero",
    "fr",
    "fr_zero",
    "from_ints",
    "is_canonical",
    "is_zero",
    "load_fq",
    "load_fr",
    "powers",
    "random_elements",
    "store",
    "to_ints",
]  # fmt: skip

RADIX = 1 << 256

Words = npt.NDArray[np.uint64]
Element = Any  # a value of Fr or Fq inside a kernel

_I64, _I128, _I256 = ir.IntType(64), ir.IntType(128), ir.IntType(256)
_LIMB = (1 << 64) - 1


class FieldType(types.Type):
    """The type of a field's elements in kernels."""

    def __init__(self, name: str, modulus: int) -> None:
        super().__init__(name=name)
        self.modulus = modulus


@register_model(FieldType)
class _FieldModel(models.PrimitiveModel):
    def __init__(self, manager: Any, field: FieldType) -> None:
        super().__init__(manager, field, _I256)


fr, fq = FieldType("Fr", P), FieldType("Fq", Q)
_FIELDS = (fr, fq)

# --- operators ----------------------------------------------------------------------------------------------


def _reduce_once(builder: Any, value: Any, bound: int) -> Any:
    """value - bound if that isn't negative; value < 2 bound."""
    limit = ir.Constant(_I256, bound)
    return builder.select(builder.icmp_unsigned("<", value, limit), value, builder.sub(value, limit))


def _add(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    return _reduce_once(builder, builder.add(a, b), 2 * modulus)  # 4 p < 2^256


def _subtract(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    wrap = builder.select(builder.icmp_unsigned("<", a, b), ir.Constant(_I256, 2 * modulus), ir.Constant(_I256, 0))
    return builder.add(builder.sub(a, b), wrap)


def _limbs(builder: Any, value: Any) -> list[Any]:
    return [builder.trunc(builder.lshr(value, ir.Constant(_I256, 64 * k)), _I64) for k in range(4)]


def _montgomery(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    """a b / 2^256 modulo p, less than p above a b / 2^256: so below 2 p for a, b < 2 p, and for a < p with any b.

    The total stays below a + p, and so in four limbs.
    """
    modulus_limbs = [ir.Constant(_I64, (modulus >> (64 * k)) & _LIMB) for k in range(4)]
    negated_inverse = ir.Constant(_I64, pow(-modulus, -1, 1 << 64))

    def accumulate(total: list[Any], limbs: list[Any], factor: Any) -> tuple[list[Any], Any]:
        """(four limbs, carry) of total + limbs * factor."""
        wide, carry, result = builder.zext(factor, _I128), ir.Constant(_I128, 0), []
        for limb, old in zip(limbs, total, strict=True):
            product = builder.mul(builder.zext(limb, _I128), wide)
            step = builder.add(builder.add(product, builder.zext(old, _I128)), carry)
            result.append(builder.trunc(step, _I64))
            carry = builder.lshr(step, ir.Constant(_I128, 64))
        return result, builder.trunc(carry, _I64)

    a_limbs = _limbs(builder, a)
    total = [ir.Constant(_I64, 0)] * 4
    for b_limb in _limbs(builder, b):
        total, high = accumulate(total, a_limbs, b_limb)
        total, carry = accumulate(total, modulus_limbs, builder.mul(total[0], negated_inverse))
        total = [*total[1:], builder.add(high, carry)]  # its lowest limb is 0: divided by 2^64
    value = builder.zext(total[0], _I256)
    for k in range(1, 4):
        value = builder.or_(value, builder.shl(builder.zext(total[k], _I256), ir.Constant(_I256, 64 * k)))
    return value


def _multiply(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    """A call of the product: inlined dozens of times in a kernel it would take minutes to compile and run no faster."""
    name = f"montgomery_product_{modulus:x}"
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(_I256, [_I256, _I256]), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        body = ir.IRBuilder(function.append_basic_block())
        body.ret(_montgomery(body, function.args[0], function.args[1], modulus))
    return builder.call(function, [a, b])


def _is_zero(builder: Any, value: Any, modulus: int) -> Any:
    zeros = [builder.icmp_unsigned("==", value, ir.Constant(_I256, zero)) for zero in (0, modulus)]
    return builder.or_(*zeros)


def _equal(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    return _is_zero(builder, _subtract(builder, a, b, modulus), modulus)


def _differ(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    return builder.not_(_equal(builder, a, b, modulus))


def _negate(builder: Any, a: Any, modulus: int) -> Any:
    return _subtract(builder, ir.Constant(_I256, 0), a, modulus)


def _declare(symbol: Any, emit: Callable[..., Any], *, arity: int = 2, result: types.Type | None = None) -> None:
    """Makes `symbol` on elements of one field mean what `emit` writes."""

    @infer_global(symbol)
    class _Operator(ConcreteTemplate):
        cases = [signature(result or field, *[field] * arity) for field in _FIELDS]  # noqa: RUF012

    for field in _FIELDS:

        @lower_builtin(symbol, *[field] * arity)
        def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return emit(builder, *args, sig.args[0].modulus)


_declare(operator.add, _add)
_declare(operator.sub, _subtract)
_declare(operator.mul, _multiply)
_declare(operator.neg, _negate, arity=1)
_declare(operator.eq, _equal, result=types.boolean)
_declare(operator.ne, _differ, result=types.boolean)


@intrinsic
def canonical(typing: Any, value: Any) -> Any:
    """The same element in [0, p)."""
    return value(value), lambda context, builder, sig, args: _reduce_once(builder, args[0], sig.args[0].modulus)


@intrinsic
def is_canonical(typing: Any, value: Any) -> Any:
    """If the value is in [0, p): to check what comes from outside."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.icmp_unsigned("<", args[0], ir.Constant(_I256, sig.args[0].modulus))

    return types.boolean(value), emit


@intrinsic
def is_zero(typing: Any, value: Any) -> Any:
    """If the element is zero: cheaper than == with a zero."""
    return types.boolean(value), lambda context, builder, sig, args: _is_zero(builder, args[0], sig.args[0].modulus)


def constant(field: FieldType, value: int) -> Any:
    """A kernel without arguments that returns the element, in the form that `value` is in."""

    @intrinsic
    def element(typing: Any) -> Any:
        return field(), lambda context, builder, sig, args: ir.Constant(_I256, value % field.modulus)

    return element


fr_zero, fq_zero = constant(fr, 0), constant(fq, 0)
fq_one = constant(fq, RADIX)  # in Montgomery form, as all of Fq

# --- memory -------------------------------------------------------------------------------------------------


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    first_word = builder.gep(data, [builder.mul(index, ir.Constant(index.type, 4))])
    return builder.bitcast(first_word, _I256.as_pointer())


def _check_array(array: Any) -> None:
    if not (isinstance(array, types.Array) and array.dtype == types.uint64 and array.layout == "C"):
        raise TypeError("elements are read from contiguous arrays of uint64 words alone")


def _loader(field: FieldType) -> Any:
    @intrinsic
    def load(typing: Any, array: Any, index: Any) -> Any:
        _check_array(array)

        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.load(_pointer(context, builder, sig.args[0], *args), align=8)

        return field(array, types.intp), emit

    return load


load_fr, load_fq = _loader(fr), _loader(fq)  # the index-th run of four words of an array of any shape


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Writes the value as it is to the index-th run of four words of an array of any shape."""
    _check_array(array)

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, sig.args[0], *args[:2]), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), emit


# --- kernels ------------------------------------------------------------------------------------------------

_NIBBLES = np.array([(Q - 2) >> (4 * k) & 15 for k in reversed(range(64))], np.int64)


@kernel
def fq_inverse(x: Element) -> Element:
    """1 / x in Montgomery form, 0 for 0: x^(Q-2), four bits at a time, as dear as 330 products."""
    table = np.empty((16, 4), np.uint64)
    power = fq_one()
    for k in range(16):
        store(table, k, power)
        power = power * x
    power = fq_one()
    for nibble in _NIBBLES:
        for _ in range(4):
            power = power * power
        power = power * load_fq(table, nibble)
    return power


_unit, _square_of_radix = constant(fr, 1), constant(fr, RADIX**2)


@kernel
def _reduce_wide(wide: Words, out: Words, start: int, end: int) -> None:
    """out = wide modulo P, for 512-bit numbers."""
    for k in range(start, end):
        low = _square_of_radix() * (_unit() * load_fr(wide, 2 * k))
        high = _square_of_radix() * load_fr(wide, 2 * k + 1)  # 2^256 times the upper half
        store(out, k, canonical(low + high))


@kernel
def _powers(base: Words, first: Words, out: Words, start: int, end: int) -> None:
    x, power = load_fr(base, 0), load_fr(first, 0)
    for k in range(start, end):
        store(out, k, canonical(power))
        power = power * x


# --- arrays and Python integers -------------------------------------------------------------------------------


def from_ints(values: Iterable[int], modulus: int = P) -> Words:
    """uint64[n, 4] of n integers of any size and sign, modulo `modulus`; a Python loop, so for short vectors."""
    data = b"".join((value % modulus).to_bytes(32, "little") for value in values)
    return np.frombuffer(data, np.uint64).reshape(-1, 4).copy()


def to_ints(values: Words) -> list[int]:
    """The inverse of `from_ints`, for an array of any shape: one integer for each four words."""
    data = np.ascontiguousarray(values).tobytes()
    return [int.from_bytes(data[k : k + 32], "little") for k in range(0, len(data), 32)]


def factor(value: int) -> Words:
    """uint64[1, 4]: a scalar in Montgomery form, as kernels take what they multiply plain scalars by."""
    return from_ints([value * RADIX])


def random_elements(count: int) -> Words:
    """uint64[count, 4]: secret, uniform scalars (up to 2^-250) from the operating system."""
    wide = np.frombuffer(bytearray(urandom(64 * count)), np.uint64).reshape(-1, 8)
    out = np.empty((count, 4), np.uint64)
    run(lambda start, end: _reduce_wide(wide, out, start, end), split(count, 4096))
    return out


def powers(base: int, count: int, first: int = 1) -> Words:
    """uint64[count, 4]: first * base^k for k < count."""
    out = np.empty((count, 4), np.uint64)
    multiplier = factor(base)

    def part(start: int, end: int) -> None:
        _powers(multiplier, from_ints([first * pow(base, start, P)]), out, start, end)

    run(part, split(count, 1024))
    return out
