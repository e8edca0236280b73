"""Calls spoilt in every place and in every way that there is a name for: contract and Python refuse, for one reason.

A change to anything that a challenge depends on makes a hint wrong before a proof can be. So a spoilt call comes with
the hints that its own transcript asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from py_ecc import optimized_bn128 as bn

from tests.gram_cases import IDENTITY, P
from tests.gram_mutations import Q
from tests.offchain.proving.reference import affine, negate, sum_of
from tests.round_calls import LISTS, Answers, Call, Path, call_of, fits, get, points, put, with_right_hints, words
from tests.round_cases import RoundCase, case_named, load_cases, load_public_cases, load_rejected

AskBoth = Callable[[RoundCase, list[Call]], list[Answers]]
Spoilt = Iterator[tuple[str, Call]]

# dimension, bits and SRS have slack on both sides: a wrong one can be in bounds
BASES = {"rows alone": case_named("longer SRS"), "public rows": case_named("public rows")}
SPECIAL = (0, 1, 2, P - 1, P, P + 1, Q - 1, Q, Q + 1, 2**255 - 1, -(2**255), -P, -1, 2**256 - 1)
FIELDS: list[Path] = [
    *((name,) for name in ("context", "dimension", "bits", "rows", "commitments", "gram", "hints")),
    *((proof, name) for proof in ("gram_proof", "range_proof") for name in call_of(BASES["rows alone"])[proof]),
]

of_each_base = pytest.mark.parametrize("base", BASES.values(), ids=BASES.keys())


def path_name(path: Path) -> str:
    return ".".join(map(str, path))


def under(path: Path, paths: Any) -> list[Path]:
    return [other for other in paths if other[: len(path)] == path]


def check_refused(ask_both: AskBoth, base: RoundCase, spoilt: Spoilt, *, for_one_reason: bool = True) -> None:
    """Both refuse each call that is another one than the base's."""
    call = call_of(base)
    table = {name: changed for name, changed in spoilt if changed != call}
    ready = [
        changed if changed["hints"] != call["hints"] else with_right_hints(changed, base.key)
        for changed in table.values()
    ]
    assert ready
    answers = dict(zip(table, ask_both(base, ready), strict=True))
    good = (lambda a: a.refused_for_one_reason) if for_one_reason else (lambda a: a.refused)
    assert not {name: a for name, a in answers.items() if not good(a)}


# --- what is right


@pytest.mark.parametrize("case", [*load_cases(), *load_public_cases()], ids=lambda case: case.name)
def test_judge__right_call__accepted_by_both(ask_both: AskBoth, case: RoundCase) -> None:
    assert ask_both(case, [call_of(case)]) == [Answers(None, None)]


@pytest.mark.parametrize("case", load_rejected(), ids=lambda case: case.name)
def test_judge__cheat_of_the_vectors__refused_by_both(ask_both: AskBoth, case: RoundCase) -> None:
    (answers,) = ask_both(case, [call_of(case)])
    assert answers.refused_for_one_reason


# --- words


@of_each_base
@pytest.mark.parametrize("field", FIELDS, ids=path_name)
def test_judge__word_replaced__refused_by_both(ask_both: AskBoth, base: RoundCase, field: Path) -> None:
    call = call_of(base)

    def spoilt() -> Spoilt:
        for path in under(field, words(call)):
            value = get(call, path)
            near = (value + 1, value - 1, -value, P - value, value + P, value - P, value + Q, value ^ 1 << 255)
            for other in {*SPECIAL, *near}:
                if fits(path, other):
                    yield f"{path_name(path)} is {other:#x}", put(call, path, other)

    check_refused(ask_both, base, spoilt())


@of_each_base
def test_judge__neighbouring_words_exchanged__refused_by_both(ask_both: AskBoth, base: RoundCase) -> None:
    call = call_of(base)

    def spoilt() -> Spoilt:
        for one, other in pairwise(words(call)):
            a, b = get(call, one), get(call, other)
            if fits(one, b) and fits(other, a):
                yield f"{path_name(one)} and {path_name(other)}", put(put(call, one, b), other, a)

    check_refused(ask_both, base, spoilt(), for_one_reason=False)  # an exchange may break two rules


# --- points


@of_each_base
def test_judge__point_replaced__refused_by_both(ask_both: AskBoth, base: RoundCase) -> None:
    """By points of the curve that are the wrong ones, and by others."""
    call = call_of(base)
    paths = points(call)

    def spoilt() -> Spoilt:
        for k, path in enumerate(paths):
            point = x, y = tuple(get(call, path))
            following, before = (tuple(get(call, paths[(k + step) % len(paths)])) for step in (1, -1))
            for name, other in {
                "the identity": IDENTITY,
                "the generator": (1, 2),
                "negated": negate(point),
                "doubled": sum_of([point, point]),
                "the next": following,
                "the sum of its neighbours": sum_of([before, following]),
                "itself and the generator": sum_of([point, (1, 2)]),
                "on the other curve": _off_the_curve(point),
                "turned round": (y, x),
                "not reduced": (x + Q, y + Q),
                "the identity, not reduced": (Q, Q),
            }.items():
                yield f"{path_name(path)} is {name}", put(call, path, list(other))

    check_refused(ask_both, base, spoilt())


@of_each_base
def test_judge__points_exchanged__refused_by_both(ask_both: AskBoth, base: RoundCase) -> None:
    call = call_of(base)

    def spoilt() -> Spoilt:
        for one, other in pairwise(points(call)):
            a, b = get(call, one), get(call, other)
            yield f"{path_name(one)} and {path_name(other)}", put(put(call, one, b), other, a)

    check_refused(ask_both, base, spoilt())


def _off_the_curve(point: tuple[int, int]) -> tuple[int, int]:
    """A sum by the curve's own formulas, which don't know its constant 3."""
    x, y = point
    return affine(bn.double((bn.FQ(x), bn.FQ(y + 1), bn.FQ(1))))


# --- lists


@of_each_base
@pytest.mark.parametrize("path", LISTS, ids=path_name)
def test_judge__list_resized_or_reordered__refused_by_both(ask_both: AskBoth, base: RoundCase, path: Path) -> None:
    call = call_of(base)
    values = get(call, path)
    nothing = list(IDENTITY) if isinstance(values[0], list) else 0

    def spoilt() -> Spoilt:
        for name, other in {
            "truncated": values[:-1],
            "without its first": values[1:],
            "missing": [],
            "one alone": values[:1],
            "too long": [*values, nothing],
            "its last twice": [*values, values[-1]],
            "twice": values * 2,
            "turned round": values[::-1],
            "rotated": [*values[1:], values[0]],
        }.items():
            yield name, put(call, path, other)
        for i in range(len(values) - 1):
            first, a, b, last = values[:i], values[i], values[i + 1], values[i + 2 :]
            yield f"{i} swapped", put(call, path, [*first, b, a, *last])
            yield f"{i} over the next", put(call, path, [*first, a, a, *last])
            yield f"the next over {i}", put(call, path, [*first, b, b, *last])

    check_refused(ask_both, base, spoilt())


@of_each_base
def test_judge__row_dropped_or_added_everywhere__refused_by_both(ask_both: AskBoth, base: RoundCase) -> None:
    call = call_of(base)

    def resized(change: Callable[[list[Any]], list[Any]], rows: int) -> Call:
        other = call | {"rows": rows}
        for path in LISTS:
            other = put(other, path, change(get(call, path)))
        return other

    n = len(call["commitments"])
    fewer = resized(lambda values: values[:-1], call["rows"] - 1)
    fewer["gram"] = call["gram"][: n * (n - 1) // 2]
    more = resized(lambda values: [*values, values[-1]], call["rows"] + 1)
    more["gram"] = [*call["gram"], *[0] * (n + 1)]
    check_refused(ask_both, base, iter([("fewer", fewer), ("more", more)]))
