// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bytecode} from "./Bytecode.sol";
import {Formal} from "./Formal.sol";

interface ILanes {
    function largest(
        uint256[196] calldata columns,
        uint256 base,
        uint256 count,
        uint256 depth,
        uint256 width,
        uint256 guards,
        uint256 scale,
        uint256 tag
    ) external pure returns (uint256[2][32] memory);
}

interface IMachine {
    function count(uint256) external pure returns (uint256);
}

/// Sorting, for any numbers in some lanes.
contract LanesTest is Formal {
    uint256 private constant WIDTH = 40;
    uint256 private constant LANE = 2 ** WIDTH - 1;
    uint256 private constant ONES = 1 | (1 << 40) | (1 << 80) | (1 << 120) | (1 << 160) | (1 << 200);
    uint256 private constant GUARDS = ONES << 39;
    ILanes private lanes;
    IMachine private machine;

    function setUp() public {
        lanes = ILanes(_create(Bytecode.LanesMock()));
        machine = IMachine(_create(Bytecode.MachineMock()));
    }

    function check_largest_of_three__first_lane(uint256 a, uint256 b, uint256 c) public view {
        _sorted([a, b, c, 0], 3, 0);
    }

    function check_largest_of_three__last_lane(uint256 a, uint256 b, uint256 c) public view {
        _sorted([a, b, c, 0], 3, 5);
    }

    function check_largest_of_four__first_lane(uint256 a, uint256 b, uint256 c, uint256 d) public view {
        _sorted([a, b, c, d], 4, 0);
    }

    function check_largest_of_four__last_lane(uint256 a, uint256 b, uint256 c, uint256 d) public view {
        _sorted([a, b, c, d], 4, 5);
    }

    /// One lane of the first word, whatever is in the others: it falls, and has the numbers that it had before.
    function _sorted(uint256[4] memory words, uint256 count, uint256 lane) private view {
        uint256[196] memory columns;
        for (uint256 k = 0; k < count; k++) {
            vm.assume(words[k] < 1 << 240 && words[k] & GUARDS == 0);
            columns[k] = words[k];
        }
        uint256[2][32] memory top = lanes.largest(columns, 0, count, count, WIDTH, GUARDS, 1, 0);
        uint256 wrong;
        uint256 shift = lane * WIDTH;
        for (uint256 k = 0; k < count; k++) {
            uint256 value = (top[k][0] >> shift) & LANE;
            if (k > 0) wrong += _below((top[k - 1][0] >> shift) & LANE, value);
            uint256 before;
            uint256 later;
            for (uint256 l = 0; l < count; l++) {
                before += _same((words[l] >> shift) & LANE, value);
                later += _same((top[l][0] >> shift) & LANE, value);
            }
            wrong += 1 - _same(before, later);
        }
        assert(wrong == 0);
    }

    // without a branch, which would be a path of its own

    function _same(uint256 a, uint256 b) private pure returns (uint256 is_) {
        assembly {
            is_ := eq(a, b)
        }
    }

    function _below(uint256 a, uint256 b) private pure returns (uint256 is_) {
        assembly {
            is_ := lt(a, b)
        }
    }

    function check_count_of_a_mask(uint256 mask) public view {
        vm.assume(mask < 2 ** 32);
        uint256 bits;
        for (uint256 i = 0; i < 32; i++) bits += (mask >> i) & 1;
        assert(machine.count(mask) == bits);
    }
}
