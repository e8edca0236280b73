"""What Ape has compiled is what the sources say, whatever its caches or its settings; and what Python knows of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

from offchain.bench.snapshot import CONTRACTS
from offchain.market.audit.history import SettleCall
from offchain.market.terms import ProjectTerms
from offchain.market.trust import IMMUTABLES
from offchain.proving.encoding import PROOF_TYPE, Proof
from offchain.proving.range_transcript import RangeProof
from offchain.proving.transcript import GramProof

TREE = Path(__file__).resolve().parents[3]
STRUCTS = {"Terms": ProjectTerms, "GramProof": GramProof, "RangeProof": RangeProof}


@cache
def compiled(name: str) -> dict[str, Any]:
    """By the compiler alone, with no setting but those of the source."""
    bundle = FilesystemInputBundle([TREE])
    source = bundle.load_file(Path("contracts") / f"{name}.vy")
    formats = ["abi", "bytecode", "bytecode_runtime", "layout", "asm"]
    return dict(compile_from_file_input(source, bundle, output_formats=formats))


@pytest.mark.parametrize("name", CONTRACTS)
def test_contract__compiled_by_its_own_pragmas__is_what_ape_has(project: Any, name: str) -> None:
    contract, output = getattr(project, name).contract_type, compiled(name)
    assert contract.get_deployment_bytecode().hex() == output["bytecode"].removeprefix("0x")
    assert contract.get_runtime_bytecode().hex() == output["bytecode_runtime"].removeprefix("0x")
    assert sorted(map(_signature, contract.model_dump()["abi"])) == sorted(map(_signature, output["abi"]))


@pytest.mark.parametrize("name", CONTRACTS)
def test_contract__source__pins_compiler_machine_and_optimiser(name: str) -> None:
    lines = (TREE / "contracts" / f"{name}.vy").read_text().splitlines()
    assert lines[:3] == ["# pragma version 0.4.3", "# pragma evm-version prague", "# pragma optimize gas"]


@pytest.mark.parametrize("name", STRUCTS)
def test_struct__in_python__has_the_contracts_fields_in_their_order(project: Any, name: str) -> None:
    found = {
        tuple(component["name"] for component in argument["components"])
        for contract in ("Escrow", "Registry", "TermLimits", "RoundVerifier")
        for argument in _arguments(getattr(project, contract).contract_type.model_dump()["abi"])
        if argument["name"].replace("_", "").lower() == name.lower()  # Vyper's ABI doesn't name structs
    }
    assert found == {tuple(field.name for field in fields(STRUCTS[name]))}


def test_settle__arguments_in_python__are_the_contracts(project: Any) -> None:
    arguments = [argument.name for argument in project.Escrow.contract_type.mutable_methods["settle"].inputs]
    assert arguments == [field.name for field in fields(SettleCall)]


def test_proof__in_python__has_the_type_that_the_verifier_judges(project: Any) -> None:
    (judge,) = (method for method in project.RoundVerifier.contract_type.view_methods if method.name == "judge")
    (proof,) = (argument for argument in judge.inputs if argument.name == "proof")
    assert proof.canonical_type == PROOF_TYPE
    assert [component.name for component in proof.components] == ["size", *(field.name for field in fields(Proof))]


def test_referee__selector_of_judge__is_the_verifiers(project: Any) -> None:
    (judge,) = (method for method in project.RoundVerifier.contract_type.view_methods if method.name == "judge")
    source = (TREE / "contracts" / "Referee.vy").read_text()
    (selector,) = re.findall(r"^JUDGE: constant\(bytes4\) = 0x([0-9a-f]{8})$", source, re.MULTILINE)
    assert keccak(text=judge.selector)[:4].hex() == selector


@pytest.mark.parametrize("name", CONTRACTS)
def test_immutables__that_are_checked__are_those_that_the_compiler_lays_out(name: str) -> None:
    told = compiled(name)["layout"].get("code_layout", {})
    words = [(place["offset"] + 32 * k, label) for label, place in told.items() for k in range(place["length"] // 32)]
    checked = [label.split("[")[0] for label in IMMUTABLES[name]]
    assert sorted(words) == [(32 * k, label) for k, label in enumerate(checked)]


@pytest.mark.parametrize("name", ["TermLimits", "RoundVerifier", "RoundPolicy", "ConsensusPolicy"])
def test_contract__checked_by_its_code_alone__has_no_storage(name: str) -> None:
    output = compiled(name)
    assert output["layout"].get("storage_layout", {}) == {}
    assert not {"SLOAD", "SSTORE"} & set(output["asm"].split())


@pytest.mark.parametrize("name", CONTRACTS)
def test_contract__once_there__stays_what_it_is(name: str) -> None:
    assert not {"SELFDESTRUCT", "DELEGATECALL", "CALLCODE"} & set(compiled(name)["asm"].split())


def _arguments(abi: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in abi:
        yield from (argument for argument in entry.get("inputs", []) if argument.get("components"))


def _signature(entry: dict[str, Any]) -> str:
    def types(arguments: list[dict[str, Any]]) -> str:
        return ",".join(
            f"{a['name']}:{a['type']}{'!' if a.get('indexed') else ''}({types(a.get('components') or [])})"
            for a in arguments
        )

    inputs, outputs = types(entry.get("inputs") or []), types(entry.get("outputs") or [])
    return f"{entry['type']} {entry.get('name')} {entry.get('stateMutability')} {inputs} -> {outputs}"
