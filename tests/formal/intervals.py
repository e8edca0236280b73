"""Shows that no `unsafe_` operation of a policy wraps around, for every matrix within the verifier's bounds.

The contract's own source, as the compiler has parsed and typed it, is executed on intervals: each number is a pair
(least, most), each branch that the intervals leave open is taken both ways and the outcomes are joined, each loop runs
as often as it can. An operation on intervals holds all that it can give on numbers in them, so an `unsafe_` one whose
interval fits its type never wraps. Checked operations revert instead: what they would give beyond it is dropped.

Numbers of rows, of public rows and of hostile ones are given: the work depends on them alone, and each shape is a run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path
from typing import Any

from vyper import ast as vy
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.phases import CompilerData
from vyper.semantics.types import BoolT, BytesM_T, IntegerT
from vyper.semantics.types.function import ContractFunctionT
from vyper.semantics.types.module import ModuleT
from vyper.semantics.types.subscriptable import SArrayT

__all__ = ["Interpreter", "Interval", "Wrap", "load"]

Interval = tuple[int, int]
Value = Any  # an Interval, or a list of values; tuples of functions' results are lists too
WORD = 1 << 256


@dataclass(frozen=True)
class Wrap:
    """An `unsafe_` operation whose interval is beyond its type."""

    module: str
    line: int
    text: str
    least: int
    most: int


class _Return(Exception):
    """All paths have returned."""


@dataclass
class _Frame:
    variables: dict[str, Value]
    module: Any
    result: Value = None
    broken: list[dict[str, Value]] = field(default_factory=list)


def load(contract: Path) -> Any:
    """The typed syntax tree of a contract."""
    bundle = FilesystemInputBundle([contract.parent])
    return CompilerData(bundle.load_file(contract.name), bundle).annotated_vyper_module


class Interpreter:
    """Runs internal and external functions of a contract's syntax tree on intervals. wraps: what may wrap, so far.

    given: what functions return, by name, instead of being run (those that decode bytes). known: what a function
    returns, of its arguments, where more is known than the intervals tell.
    """

    def __init__(
        self, module: Any, given: dict[str, Value], known: dict[str, Callable[[list[Value]], Value]] | None = None
    ) -> None:
        self.module = module
        self.given = given
        self.known = known or {}
        self.wraps: set[Wrap] = set()

    def call(self, name: str, *arguments: Value) -> Value:
        """A function of the contract by name. None if every path of it reverts."""
        (function,) = [f for f in self.module.get_children(vy.FunctionDef) if f.name == name]
        return self._run(function, list(arguments))

    # --- functions and statements

    def _run(self, function: Any, arguments: list[Value]) -> Value:
        names = [argument.arg for argument in function.args.args]
        frame = _Frame(dict(zip(names, arguments, strict=True)), function.get_ancestor(vy.Module))
        self._block(function.body, frame)
        return frame.result

    def _block(self, statements: list[Any], frame: _Frame) -> bool:
        """Whether any path goes on behind the last one."""
        return all(self._statement(statement, frame) for statement in statements)

    def _statement(self, s: Any, frame: _Frame) -> bool:
        if isinstance(s, vy.Expr | vy.Pass | vy.Log):
            return True
        if isinstance(s, vy.AnnAssign):
            frame.variables[s.target.id] = copy.deepcopy(self._eval(s.value, frame))
        elif isinstance(s, vy.Assign):
            self._assign(s.target, copy.deepcopy(self._eval(s.value, frame)), frame)
        elif isinstance(s, vy.AugAssign):
            left, right = self._eval(s.target, frame), self._eval(s.value, frame)
            kind = s.target._metadata["type"]
            self._assign(s.target, _within(_binary(s.op, left, right, kind), kind), frame)
        elif isinstance(s, vy.Assert):
            return bool(self._eval(s.test, frame)[1])
        elif isinstance(s, vy.If):
            return self._if(s, frame)
        elif isinstance(s, vy.For):
            return self._for(s, frame)
        elif isinstance(s, vy.Return):
            value = copy.deepcopy(self._eval(s.value, frame))
            frame.result = value if frame.result is None else _join(frame.result, value)
            return False
        elif isinstance(s, vy.Break):
            frame.broken.append(copy.deepcopy(frame.variables))
            return False
        elif isinstance(s, vy.Raise):
            return False
        else:
            raise NotImplementedError(type(s))
        return True

    def _if(self, s: Any, frame: _Frame) -> bool:
        no, yes = self._eval(s.test, frame)
        before = frame.variables
        outcomes = []
        for is_taken, body in ((yes, s.body), (not no, s.orelse)):
            if is_taken:
                frame.variables = copy.deepcopy(before) if not no and yes else before
                self._assume(s.test, body is s.body, frame)
                if self._block(body, frame):
                    outcomes.append(frame.variables)
        frame.variables = _merged(outcomes) if outcomes else before
        return bool(outcomes)

    def _assume(self, test: Any, holds: bool, frame: _Frame) -> None:
        """Narrows a variable by a comparison with a number."""
        if isinstance(test, vy.BoolOp) and isinstance(test.op, vy.And) and holds:
            for part in test.values:
                self._assume(part, True, frame)
        if not isinstance(test, vy.Compare) or not isinstance(test.left, vy.Name):
            return
        (a, b), (c, d) = frame.variables[test.left.id], self._eval(test.right, frame)
        op = type(test.op)
        if not holds:
            op = {vy.Lt: vy.GtE, vy.GtE: vy.Lt, vy.Gt: vy.LtE, vy.LtE: vy.Gt, vy.Eq: vy.NotEq, vy.NotEq: vy.Eq}[op]
        narrow = {
            vy.Lt: (a, min(b, d - 1)),
            vy.LtE: (a, min(b, d)),
            vy.Gt: (max(a, c + 1), b),
            vy.GtE: (max(a, c), b),
            vy.Eq: (max(a, c), min(b, d)),
            vy.NotEq: (a + (a == c == d), b - (b == c == d)),
        }[op]
        frame.variables[test.left.id] = narrow

    def _for(self, s: Any, frame: _Frame) -> bool:
        outer, frame.broken = frame.broken, []
        goes_on = True
        if isinstance(s.iter, vy.Call):
            items = [((number, number), is_sure) for number, is_sure in self._numbers(s.iter, frame)]
        else:
            items = [(item, True) for item in self._eval(s.iter, frame)]
        for item, is_sure in items:
            skipped = None if is_sure else copy.deepcopy(frame.variables)
            frame.variables[s.target.target.id] = copy.deepcopy(item)
            goes_on = self._block(s.body, frame)
            if skipped is not None:
                frame.variables = _merged([frame.variables, skipped]) if goes_on else skipped
                goes_on = True
            if not goes_on:
                break
        ends = frame.broken + ([frame.variables] if goes_on else [])
        frame.broken = outer
        if ends:
            frame.variables = _merged(ends)
        return bool(ends)

    def _numbers(self, call: Any, frame: _Frame) -> Iterator[tuple[int, bool]]:
        """Those that a `range` gives, and whether it is sure to."""
        ends = [self._eval(argument, frame) for argument in call.args]
        (first, latest), (least, most) = ((0, 0), ends[0]) if len(ends) == 1 else ends
        for keyword in call.keywords:
            most = min(most, latest + self._eval(keyword.value, frame)[1])
        for number in range(first, most):
            yield number, latest <= number < least

    def _assign(self, target: Any, value: Value, frame: _Frame) -> None:
        if isinstance(target, vy.Tuple):
            for part, one in zip(target.elements, value, strict=True):
                self._assign(part, one, frame)
        elif isinstance(target, vy.Name):
            frame.variables[target.id] = value
        elif isinstance(target, vy.Attribute):
            self._eval(target.value, frame)[target.attr] = value
        else:
            array = self._eval(target.value, frame)
            least, most = self._eval(target.slice, frame)
            for index in range(least, min(most, len(array) - 1) + 1):
                array[index] = value if least == most else _join(array[index], value)

    # --- expressions

    def _eval(self, e: Any, frame: _Frame) -> Value:
        folded = e.get_folded_value() if e.has_folded_value else None
        if folded is not None and not isinstance(e, vy.Int | vy.NameConstant):
            return self._eval(folded, frame)
        method = getattr(self, "_" + type(e).__name__.lower(), None)
        if method is None:
            raise NotImplementedError(type(e))
        return method(e, frame)

    def _int(self, e: Any, frame: _Frame) -> Value:
        return e.value, e.value

    def _nameconstant(self, e: Any, frame: _Frame) -> Value:
        return int(e.value), int(e.value)

    def _list(self, e: Any, frame: _Frame) -> Value:
        return [copy.deepcopy(self._eval(element, frame)) for element in e.elements]

    _tuple = _list

    def _name(self, e: Any, frame: _Frame) -> Value:
        return frame.variables[e.id]

    def _attribute(self, e: Any, frame: _Frame) -> Value:
        return self._eval(e.value, frame)[e.attr]

    def _subscript(self, e: Any, frame: _Frame) -> Value:
        array = self._eval(e.value, frame)
        least, most = self._eval(e.slice, frame)
        found = array[min(least, len(array) - 1)]  # beyond it the call reverts
        for index in range(least + 1, min(most, len(array) - 1) + 1):
            found = _join(found, array[index])
        return found

    def _ifexp(self, e: Any, frame: _Frame) -> Value:
        no, yes = self._eval(e.test, frame)
        values = []
        for is_possible, branch in ((yes, e.body), (not no, e.orelse)):
            if is_possible:
                before = dict(frame.variables)
                self._assume(e.test, branch is e.body, frame)
                values.append(self._eval(branch, frame))
                frame.variables = before
        return values[0] if len(values) == 1 else _join(*values)

    def _boolop(self, e: Any, frame: _Frame) -> Value:
        values = [self._eval(value, frame) for value in e.values]
        pick = min if isinstance(e.op, vy.And) else max
        return pick(v[0] for v in values), pick(v[1] for v in values)

    def _unaryop(self, e: Any, frame: _Frame) -> Value:
        least, most = self._eval(e.operand, frame)
        if isinstance(e.op, vy.Not):
            return 1 - most, 1 - least
        if isinstance(e.op, vy.Invert):
            return WORD - 1 - most, WORD - 1 - least
        return _within((-most, -least), e._metadata["type"])

    def _compare(self, e: Any, frame: _Frame) -> Value:
        (a, b), (c, d) = self._eval(e.left, frame), self._eval(e.right, frame)
        always, never = {
            vy.Lt: (b < c, a >= d),
            vy.LtE: (b <= c, a > d),
            vy.Gt: (a > d, b <= c),
            vy.GtE: (a >= d, b < c),
            vy.Eq: (a == b == c == d, b < c or d < a),
            vy.NotEq: (b < c or d < a, a == b == c == d),
        }[type(e.op)]
        return int(always), int(not never)

    def _binop(self, e: Any, frame: _Frame) -> Value:
        kind = e._metadata["type"]
        return _within(_binary(e.op, self._eval(e.left, frame), self._eval(e.right, frame), kind), kind)

    def _call(self, e: Any, frame: _Frame) -> Value:
        name = e.func.id if isinstance(e.func, vy.Name) else e.func.attr
        if name in self.given:
            return copy.deepcopy(self.given[name])
        kind = e.func._metadata["type"]
        if isinstance(kind, ContractFunctionT):
            arguments = [copy.deepcopy(self._eval(a, frame)) for a in e.args]
            found = self._run(kind.decl_node, arguments)
            return self.known[name](arguments) if name in self.known else found
        if name == "empty":
            return _empty(e._metadata["type"])
        arguments = [self._eval(a, frame) for a in e.args if not _is_type(a)]
        if name.startswith("unsafe_"):
            return self._unsafe(e, name, arguments, frame)
        (a, b), *others = arguments if name != "len" else [(0, 0)]
        if name == "min":
            return min(a, others[0][0]), min(b, others[0][1])
        if name == "max":
            return max(a, others[0][0]), max(b, others[0][1])
        if name == "abs":
            return (0 if a <= 0 <= b else min(abs(a), abs(b))), max(abs(a), abs(b))
        if name == "isqrt":
            return isqrt(a), isqrt(b)
        if name == "len":
            count = len(self._eval(e.args[0], frame))
            return count, count
        if name == "convert":
            return _converted((a, b), e.args[0]._metadata["type"], e._metadata["type"])
        raise NotImplementedError(name)

    def _unsafe(self, e: Any, name: str, arguments: list[Value], frame: _Frame) -> Value:
        kind = e._metadata["type"]
        least, most = kind.ast_bounds
        left, right = arguments
        a, b = e.args
        if name == "unsafe_sub" and isinstance(b, vy.BinOp) and isinstance(b.op, vy.RShift) and _same(a, b.left):
            return 0, left[1]  # x - (x >> k)
        op = {"unsafe_add": vy.Add, "unsafe_sub": vy.Sub, "unsafe_mul": vy.Mult, "unsafe_div": vy.FloorDiv}[name]()
        found = _binary(op, left, right, kind)
        if least <= found[0] and found[1] <= most:
            return found
        where = Path(frame.module.resolved_path).name
        self.wraps.add(Wrap(where, e.lineno, e.node_source_code, *found))
        return least, most


def _is_type(node: Any) -> bool:
    return isinstance(node, vy.Name) and node.id in ("uint256", "int256", "bytes32", "bool", "address")


def _same(a: Any, b: Any) -> bool:
    return bool(a.node_source_code == b.node_source_code)


def _empty(kind: Any) -> Value:
    if isinstance(kind, SArrayT):
        return [_empty(kind.value_type) for _ in range(kind.length)]
    if hasattr(kind, "members") and not isinstance(kind, ModuleT | IntegerT | BoolT):
        return {name: _empty(member) for name, member in kind.members.items()}
    return 0, 0


def _join(a: Value, b: Value) -> Value:
    if isinstance(a, tuple):
        return a if a == b else (min(a[0], b[0]), max(a[1], b[1]))
    if isinstance(a, dict):
        return {name: _join(a[name], b[name]) for name in a}
    return [x if x is y else _join(x, y) for x, y in zip(a, b, strict=True)]


def _merged(outcomes: list[dict[str, Value]]) -> dict[str, Value]:
    """Of several paths: the variables that all have."""
    merged = outcomes[0]
    for other in outcomes[1:]:
        merged = {name: _join(merged[name], other[name]) for name in merged if name in other}
    return merged


def _within(value: Interval, kind: Any) -> Interval:
    """What a checked operation leaves: it reverts beyond its type."""
    if not isinstance(kind, IntegerT):
        return value
    least, most = kind.ast_bounds
    return min(max(value[0], least), most), max(min(value[1], most), least)


def _converted(value: Interval, source: Any, target: Any) -> Interval:
    if isinstance(source, IntegerT) and isinstance(target, IntegerT | BoolT):
        return _within(value, target) if isinstance(target, IntegerT) else (int(value[0] > 0), int(value != (0, 0)))
    if isinstance(source, BytesM_T) and isinstance(target, IntegerT):
        least, most = target.ast_bounds
        return value if least <= value[0] and value[1] <= most else (least, most)
    if isinstance(target, BytesM_T):  # as a word without a sign
        if value[0] >= 0:
            return value
        return (value[0] + WORD, value[1] + WORD) if value[1] < 0 else (0, WORD - 1)
    return value


def _div(a: int, b: int) -> int:
    """Rounds towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _binary(op: Any, left: Interval, right: Interval, kind: Any) -> Interval:
    (a, b), (c, d) = left, right
    if isinstance(op, vy.Add):
        return a + c, b + d
    if isinstance(op, vy.Sub):
        return a - d, b - c
    if isinstance(op, vy.Mult):
        corners = [a * c, a * d, b * c, b * d]
    elif isinstance(op, vy.FloorDiv | vy.Div):
        divisors = [x for x in (c, d, -1 if c < 0 <= d else c, 1 if c <= 0 < d else d) if x]
        corners = [_div(x, y) for x in (a, b) for y in divisors] or [0]
        if c <= 0 <= d:
            corners.append(0)  # unsafe_div gives 0 where a checked one reverts
    elif isinstance(op, vy.Mod):
        return (a, b) if a >= 0 and b < c else (0, d - 1)
    elif isinstance(op, vy.Pow):
        return a**c, b**d
    elif isinstance(op, vy.LShift):
        if a < 0:  # bits beyond the sign are shifted out
            fits = a << d >= -(WORD >> 1) and b << d < WORD >> 1
            return (a << d, b << d) if fits else (-(WORD >> 1), (WORD >> 1) - 1)
        return (a << c, b << d) if b << d < WORD else (0, WORD - 1)
    elif isinstance(op, vy.RShift):
        corners = [a >> c, a >> d, b >> c, b >> d]
    else:
        return _bits(op, left, right)
    return min(corners), max(corners)


def _bits(op: Any, left: Interval, right: Interval) -> Interval:
    (a, b), (c, d) = left, right
    if a == b and c == d:
        found = {vy.BitAnd: a & c, vy.BitOr: a | c, vy.BitXor: a ^ c}[type(op)]
        return found, found
    width = max(x.bit_length() for x in (a, b, c, d))
    if isinstance(op, vy.BitAnd) and (a >= 0 or c >= 0):
        return 0, min(b if a >= 0 else d, d if c >= 0 else b)
    if a < 0 or c < 0:
        return -(1 << width), (1 << width) - 1
    if isinstance(op, vy.BitOr):
        return max(a, c), (1 << width) - 1
    return 0, (1 << width) - 1
