// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Formal} from "./Formal.sol";
import {Bytecode} from "./Bytecode.sol";

struct Machine {
    uint256 state;
    uint256 round;
    uint256 current;
    uint256 in_scoring;
    uint256 accepted;
    uint256 spent;
    uint256 active;
    uint256 submitted;
    uint256 delivered;
    uint256 d1;
    uint256 d2;
    uint256 d3;
}

struct Legacy {
    uint256 rate;
    uint256 settled;
    uint256 pending;
    uint256 earner;
    uint256 rounding;
}

interface IMachine {
    function pack(Machine calldata) external pure returns (uint256);
    function unpack(uint256) external pure returns (Machine memory);
    function count(uint256) external pure returns (uint256);
}

interface ILegacy {
    function pack(Legacy calldata) external pure returns (uint256);
    function unpack(uint256) external pure returns (Legacy memory);
    function single(uint256) external pure returns (uint256, uint256, uint256, uint256);
}

/// Packing and unpacking are inverse both ways, so no field touches another's bits, and no word has bits that no field reads.
contract WordsTest is Formal {
    IMachine private machine;
    ILegacy private legacy;

    function setUp() public {
        machine = IMachine(_create(Bytecode.MachineMock()));
        legacy = ILegacy(_create(Bytecode.LegacyMock()));
    }

    function check_machine_pack_of_unpack(uint256 word) public view {
        assert(machine.pack(machine.unpack(word)) == word);
    }

    function check_machine_unpack_of_pack(Machine memory m) public view {
        vm.assume(m.state < 2 ** 8 && m.round < 2 ** 8 && m.current < 2 ** 4 && m.in_scoring < 2 ** 4);
        vm.assume(m.accepted < 2 ** 8 && m.spent < 2 ** 8);
        vm.assume(m.active < 2 ** 32 && m.submitted < 2 ** 32 && m.delivered < 2 ** 32);
        vm.assume(m.d1 < 2 ** 40 && m.d2 < 2 ** 40 && m.d3 < 2 ** 40);
        assert(keccak256(abi.encode(machine.unpack(machine.pack(m)))) == keccak256(abi.encode(m)));
    }

    function check_legacy_pack_of_unpack(uint256 word) public view {
        assert(legacy.pack(legacy.unpack(word)) == word);
    }

    function check_legacy_unpack_of_pack(Legacy memory l) public view {
        vm.assume(l.rate < 2 ** 64 && l.settled < 2 ** 64 && l.pending < 2 ** 96);
        vm.assume(l.earner < 2 ** 8 && l.rounding < 2 ** 24);
        assert(keccak256(abi.encode(legacy.unpack(legacy.pack(l)))) == keccak256(abi.encode(l)));
    }
}
