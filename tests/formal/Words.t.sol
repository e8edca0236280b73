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

struct Carry {
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

interface ICarry {
    function pack(Carry calldata) external pure returns (uint256);
    function unpack(uint256) external pure returns (Carry memory);
    function single(uint256) external pure returns (uint256, uint256, uint256, uint256);
}

/// Packing and unpacking are inverse both ways, so no field touches another's bits, and no word has bits that no field reads.
contract WordsTest is Formal {
    IMachine private machine;
    ICarry private carry;

    function setUp() public {
        machine = IMachine(_create(Bytecode.MachineMock()));
        carry = ICarry(_create(Bytecode.CarryMock()));
    }

    function check_machine_pack_of_unpack(uint256 word) public view {
        assert(machine.pack(machine.unpack(word)) == word);
    }

    function check_machine_unpack_of_pack(Machine memory m) public view {
        vm.assume(m.state < 2 ** 4 && m.round < 2 ** 12 && m.current < 2 ** 4 && m.in_scoring < 2 ** 4);
        vm.assume(m.accepted < 2 ** 8 && m.spent < 2 ** 8);
        vm.assume(m.active < 2 ** 32 && m.submitted < 2 ** 32 && m.delivered < 2 ** 32);
        vm.assume(m.d1 < 2 ** 40 && m.d2 < 2 ** 40 && m.d3 < 2 ** 40);
        assert(keccak256(abi.encode(machine.unpack(machine.pack(m)))) == keccak256(abi.encode(m)));
    }

    function check_carry_pack_of_unpack(uint256 word) public view {
        assert(carry.pack(carry.unpack(word)) == word);
    }

    function check_carry_unpack_of_pack(Carry memory c) public view {
        vm.assume(c.rate < 2 ** 64 && c.settled < 2 ** 16 && c.pending < 2 ** 96);
        vm.assume(c.earner < 2 ** 8 && c.rounding < 2 ** 72);
        assert(keccak256(abi.encode(carry.unpack(carry.pack(c)))) == keccak256(abi.encode(c)));
    }
}
