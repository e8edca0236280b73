"""Writes the contracts that halmos calls as a Solidity library: python tests/formal/bytecode.py BUILD OUT."""

from __future__ import annotations

import json
import sys
from pathlib import Path

CONTRACTS = ("CarryMock", "LanesMock", "LedgerMock", "MachineMock", "RulesMock", "TermLimits")
_HEAD = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n\nlibrary Bytecode {\n"


def library(build: Path) -> str:
    types = json.loads(build.read_text())["contractTypes"]
    lines = []
    for name in CONTRACTS:
        code = types[name]["deploymentBytecode"]["bytecode"].removeprefix("0x")
        lines.append(f'    function {name}() internal pure returns (bytes memory) {{ return hex"{code}"; }}\n')
    return _HEAD + "".join(lines) + "}\n"


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(library(source))
