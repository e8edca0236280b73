"""Montgomery's product of two 256-bit numbers as LLVM code: a b / 2^256 modulo p, in two ways.

    portable   128-bit integer arithmetic, on any processor; about 20 ns
    adx        mulx with the two carry chains of adcx and adox (Intel and AMD since about 2015); about 15 ns

Both take a and b below 2 p, and give less than p above a b / 2^256: so below 2 p again, and for a < p with any b too.
The total stays below a + p, and so in four limbs.

Reference: Koc, Acar, Kaliski, "Analyzing and comparing Montgomery multiplication algorithms" (1996), CIOS;
Ozturk, Guilford, Gopal, Feghali, "New instructions supporting large integer arithmetic on Intel architecture
processors" (2012).
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils

__all__ = ["montgomery_adx", "montgomery_portable"]

_I32, _I64, _I128, _I256 = (ir.IntType(bits) for bits in (32, 64, 128, 256))
_LIMB = (1 << 64) - 1

binding.initialize_native_asmparser()  # numba reads its cache through LLVM's code generator again


def _limbs(builder: Any, value: Any) -> list[Any]:
    return [builder.trunc(builder.lshr(value, ir.Constant(_I256, 64 * k)), _I64) for k in range(4)]


def _join(builder: Any, limbs: list[Any]) -> Any:
    value = builder.zext(limbs[0], _I256)
    for k in range(1, 4):
        value = builder.or_(value, builder.shl(builder.zext(limbs[k], _I256), ir.Constant(_I256, 64 * k)))
    return value


def _modulus_limbs(modulus: int) -> list[int]:
    return [(modulus >> (64 * k)) & _LIMB for k in range(4)]


def _negated_inverse(modulus: int) -> int:
    return pow(-modulus, -1, 1 << 64)


def montgomery_portable(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    modulus_limbs = [ir.Constant(_I64, limb) for limb in _modulus_limbs(modulus)]

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
        total, carry = accumulate(
            total, modulus_limbs, builder.mul(total[0], ir.Constant(_I64, _negated_inverse(modulus)))
        )
        total = [*total[1:], builder.add(high, carry)]  # its lowest limb is 0: divided by 2^64
    return _join(builder, total)


# --- mulx, adcx, adox -------------------------------------------------------------------------------------------

# operands of the assembly: t, total; LOW, HIGH, the halves of a product; x, the limbs of a; y and p, pointers
_TOTAL = ["$0", "$1", "$2", "$3"]
_LOW, _HIGH, _TOP = "$4", "$5", "$6"
_X = ["$7", "$8", "$9", "$10"]
_CONSTRAINTS = ",".join([*["=&r"] * 7, *["r"] * 6, "~{rdx}", "~{memory}", "~{dirflag}", "~{fpsr}", "~{flags}"])


def _assembly(modulus: int) -> str:
    lines: list[str] = []
    for step in range(4):
        lines += [f"movq {8 * step}($11), %rdx", f"xorq {_LOW}, {_LOW}"]  # a limb of b; no carries
        lines += _multiply_first() if step == 0 else _multiply_and_add()
        lines += [f"movabsq $$0x{_negated_inverse(modulus):x}, %rdx", f"imulq {_TOTAL[0]}, %rdx"]
        lines += _reduce()
    return "\n\t".join(lines)


def _multiply_first() -> list[str]:
    """total, HIGH = x * rdx."""
    lines = [f"mulxq {_X[0]}, {_TOTAL[0]}, {_TOTAL[1]}"]
    for k in range(1, 4):
        lines += [f"mulxq {_X[k]}, {_LOW}, {_TOTAL[k + 1] if k < 3 else _HIGH}", f"adoxq {_LOW}, {_TOTAL[k]}"]
    return [*lines, "movl $$0, ${4:k}", f"adoxq {_LOW}, {_HIGH}"]


def _multiply_and_add() -> list[str]:
    """total, HIGH = total + x * rdx."""
    lines = [f"mulxq {_X[0]}, {_LOW}, {_HIGH}", f"adoxq {_LOW}, {_TOTAL[0]}"]
    for k in range(1, 4):
        lines += [f"adcxq {_HIGH}, {_TOTAL[k]}", f"mulxq {_X[k]}, {_LOW}, {_HIGH}", f"adoxq {_LOW}, {_TOTAL[k]}"]
    return [*lines, "movl $$0, ${4:k}", f"adcxq {_LOW}, {_HIGH}", f"adoxq {_LOW}, {_HIGH}"]


def _reduce() -> list[str]:
    """total = (total, HIGH + p * rdx) / 2^64."""
    lines = [f"xorq {_LOW}, {_LOW}"]
    lines += [f"mulxq 0($12), {_LOW}, {_TOP}", f"adcxq {_TOTAL[0]}, {_LOW}", f"movq {_TOP}, {_TOTAL[0]}"]
    for k in range(1, 4):
        lines += [f"adcxq {_TOTAL[k]}, {_TOTAL[k - 1]}", f"mulxq {8 * k}($12), {_LOW}, {_TOTAL[k]}"]
        lines += [f"adoxq {_LOW}, {_TOTAL[k - 1]}"]
    return [*lines, "movl $$0, ${4:k}", f"adcxq {_LOW}, {_TOTAL[3]}", f"adoxq {_HIGH}, {_TOTAL[3]}"]


def _modulus_pointer(builder: Any, modulus: int) -> Any:
    name = f"modulus_{modulus:x}"
    variable = builder.module.globals.get(name)
    if variable is None:
        array = ir.ArrayType(_I64, 4)
        variable = ir.GlobalVariable(builder.module, array, name)
        variable.global_constant, variable.linkage = True, "internal"
        variable.initializer = ir.Constant(array, [ir.Constant(_I64, limb) for limb in _modulus_limbs(modulus)])
    return builder.bitcast(variable, _I64.as_pointer())


def montgomery_adx(builder: Any, a: Any, b: Any, modulus: int) -> Any:
    in_memory = cgutils.alloca_once(builder, _I256)
    in_memory.align = 8
    builder.store(b, in_memory, align=8)
    operands = [*_limbs(builder, a), builder.bitcast(in_memory, _I64.as_pointer()), _modulus_pointer(builder, modulus)]
    signature = ir.FunctionType(ir.LiteralStructType([_I64] * 7), [operand.type for operand in operands])
    result = builder.asm(signature, _assembly(modulus), _CONSTRAINTS, operands, True)
    return _join(builder, [builder.extract_value(result, k) for k in range(4)])
