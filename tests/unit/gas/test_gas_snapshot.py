"""Gas and bytecode don't rise unnoticed: `ape run bench snapshot --renew` accepts a rise, on purpose."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from offchain.bench.snapshot import Snapshot, load, rises, snapshot

MOST_BYTES = 24_576  # of a contract (EIP-170)
KEPT: Snapshot = {"made with": {"vyper": "1"}, "gas": {"submit": 10_000}, "bytes": {"Escrow": 20_000}}


def test_gas__beside_the_snapshot__nothing_rose(project: Any, accounts: Any, networks: Any) -> None:
    provider = networks.provider
    found = snapshot(project, accounts, provider.client_version, project.config.foundry.evm_version)
    assert rises(load(), found) == []


def test_bytes__each_contract__may_be_deployed() -> None:
    assert all(size <= MOST_BYTES for name, size in load()["bytes"].items() if name.endswith("run time"))


@pytest.mark.parametrize(
    ("part", "name", "value", "lines"),
    [
        ("gas", "submit", 10_200, []),
        ("gas", "submit", 9_000, []),
        ("gas", "submit", 10_201, ["submit: 10,000 -> 10,201, +2.0 %"]),
        ("gas", "leave", 5, ["leave: None -> 5"]),
        ("bytes", "Escrow", 21_000, ["Escrow: 20,000 -> 21,000, +5.0 %"]),
        ("made with", "vyper", "2", ["vyper: the snapshot is of 1, this is 2"]),
    ],
)
def test_rises__one_figure_changed__is_told(part: str, name: str, value: Any, lines: list[str]) -> None:
    found = copy.deepcopy(KEPT)
    found[part][name] = value
    assert rises(KEPT, found) == lines


def test_rises__figure_gone__is_told() -> None:
    assert rises(KEPT, KEPT | {"gas": {}}) == ["submit: 10000 -> None"]
