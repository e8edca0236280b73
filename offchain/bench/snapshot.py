"""The gas of every call and the size of every contract, kept in a file, so that a rise is noticed when it happens.

ape run bench snapshot            # measures, and prints what differs from the file
ape run bench snapshot --renew    # and writes the file: on purpose, with a reason in the commit
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import vyper

from offchain.bench.gas import measure_gas

__all__ = ["FILE", "TOLERANCE", "load", "rises", "snapshot", "write"]

FILE = Path(__file__).parents[2] / "tests" / "gas_snapshot.json"
TOLERANCE = 0.02  # of a figure: proofs are random, and a zero byte of calldata is cheaper
RULES = ("trimmed-cosine", "shown")
ROWS = 10
CONTRACTS = ("Escrow", "Referee", "Registry", "TermLimits", "RoundVerifier", "RoundPolicy", "ConsensusPolicy")

Snapshot = dict[str, dict[str, Any]]


def snapshot(contracts: Any, accounts: Sequence[Any], node: str, evm: str) -> Snapshot:
    """What is there now. contracts: the Ape project; node, evm: what the development chain says that it is."""
    gas: dict[str, int] = {}
    for rule in RULES:
        with tempfile.TemporaryDirectory() as folder:
            measured = measure_gas(contracts, accounts, Path(folder), ROWS, rule)
        gas |= {f"{rule}, {ROWS} rows: {name}": value for name, value in _flat(measured) if name != "rows"}
    sizes = {}
    for name in CONTRACTS:
        contract = getattr(contracts, name).contract_type
        sizes[f"{name}, at run time"] = len(contract.get_runtime_bytecode())
        sizes[f"{name}, to deploy"] = len(contract.get_deployment_bytecode())
    return {"made with": {"vyper": vyper.__version__, "node": node, "evm": evm}, "gas": gas, "bytes": sizes}


def _flat(measured: dict[str, Any], prefix: str = "") -> list[tuple[str, int]]:
    figures = []
    for name, value in measured.items():
        if isinstance(value, dict):
            figures += _flat(value, f"{prefix}{name}, ")
        elif isinstance(value, int):
            figures.append((prefix + name, value))
    return figures


def rises(kept: Snapshot, found: Snapshot) -> list[str]:
    """What rose by more than the tolerance, appeared, went away, or was made with something else; one line each."""
    lines = [
        f"{name}: the snapshot is of {kept['made with'].get(name)}, this is {value}"
        for name, value in found["made with"].items()
        if kept["made with"].get(name) != value
    ]
    for part in ("gas", "bytes"):
        for name in sorted(kept[part].keys() | found[part].keys()):
            before, now = kept[part].get(name), found[part].get(name)
            if before is None or now is None:
                lines.append(f"{name}: {before} -> {now}")
            elif now > before * (1 + TOLERANCE):
                lines.append(f"{name}: {before:,} -> {now:,}, {100 * (now / before - 1):+.1f} %")
    return lines


def load(path: Path = FILE) -> Snapshot:
    result: Snapshot = json.loads(path.read_text())
    return result


def write(found: Snapshot, path: Path = FILE) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n")
