"""No `unsafe_` operation of the consensus policy wraps: fails, and names those that may.

python tests/formal/wraps.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from intervals import Interpreter, Interval, Wrap, load

ROOT = Path(__file__).resolve().parents[2]
RULE = 4
ONE = 1 << 32
# what contracts/RoundVerifier.vy lets through: products of the seats' rows, with public rows, among public rows
ENTRY, PRODUCT, SQUARE = (1 << 80) - 1, (1 << 104) - 1, (1 << 149) - 1
PARAMS = 160  # bytes
# rows, public rows, f, whether the first row is a reference: the smallest, the largest of each, and some between
SHAPES = [
    (3, 0, 0, False),
    (5, 0, 1, False),
    (6, 3, 1, True),
    (10, 2, 3, False),
    (3, 3, 0, False),
    (16, 3, 6, False),
    (31, 1, 14, False),
    (31, 1, 0, True),
    (32, 0, 14, False),
    (32, 3, 14, False),
]
# what intervals can't show, with why it holds
PACKED = "a product of words with lanes, modulo 2^256 on purpose: its third lane is read (modules/consensus.vy)"
ARGUED = {
    "unsafe_sub(alive, live & 1)": "`alive` counts the bits of `live`",
    "unsafe_mul(rising, falling)": PACKED,
    "unsafe_add(unsafe_mul(rising, falling), HALF)": PACKED,
    "unsafe_mul(rising, coordinates[j][1])": PACKED,
    "unsafe_add(unsafe_mul(rising, coordinates[j][1]), HALF)": PACKED,
}


def gram(rows: int, width: int) -> list[Interval]:
    """All matrices within bounds."""
    entries = []
    for i in range(rows + width):
        for j in range(i, rows + width):
            bound = ENTRY if j < rows else PRODUCT if i < rows else SQUARE
            entries.append((0 if i == j else -bound, bound))
    return entries


def ranked(arguments: list[Any]) -> Interval:
    """A place among the kept rows' values is one of these values."""
    values, (_, rows) = arguments[0], arguments[1]
    return min(least for least, _ in values[:rows]), max(most for _, most in values[:rows])


def wraps(module: Any, rows: int, width: int, byzantine: int, has_reference: bool) -> list[Wrap]:
    terms = [(RULE, RULE), (byzantine, byzantine), (0, ONE), (0, ONE), (1, (1 << 64) - 1), (0, 0)]
    run = Interpreter(module, {"_terms": terms}, {"_ranked": ranked})
    params, word = [(0, 255)] * PARAMS, (0, (1 << 256) - 1)
    reference = (int(has_reference), int(has_reference))
    run.call("evaluate", (rows, rows), gram(rows, width), params, (1, (1 << 64) - 1), word, reference, [word] * 8)
    return [wrap for wrap in run.wraps if wrap.text not in ARGUED]


def main() -> int:
    policy = load(ROOT / "contracts" / "ConsensusPolicy.vy")
    failed = False
    for shape in SHAPES:
        found = wraps(policy, *shape)
        failed |= bool(found)
        rows, width, byzantine, has_reference = shape
        name = f"{rows} rows, {width} public, f = {byzantine}{', a reference' if has_reference else ''}"
        sys.stdout.write(f"[{'FAIL' if found else 'PASS'}] no unsafe operation wraps: {name}\n")
        for wrap in sorted(found, key=lambda wrap: (wrap.module, wrap.line)):
            sys.stdout.write(f"  {wrap.module}:{wrap.line} {wrap.text}: {wrap.least} to {wrap.most}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
