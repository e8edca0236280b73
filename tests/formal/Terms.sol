// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// As contracts/interfaces/IEscrow.vyi has them.
struct Terms {
    address token;
    uint256 round_reward;
    uint256 round_fee;
    uint256 trainer_part;
    uint256 aggregator_stake;
    uint256 rounds;
    uint256 seats;
    uint256 min_rows;
    uint256 max_excluded;
    uint256 accept_window;
    uint256 enrol_window;
    uint256 collect_window;
    uint256 deliver_window;
    uint256 score_window;
    uint256 handover_window;
    uint256 dimension;
    uint256 bits;
    uint256 quantum;
    uint256 rate;
    address policy;
    bytes params;
    uint256 policy_gas;
    bool public_rows;
    bytes32 first_row;
    bool isReference;
    address[] aggregators;
    bytes32 model;
    bytes32 task;
}

/// As contracts/modules/rules.vy has them.
struct Rules {
    uint256 dimension;
    uint256 bits;
    uint256 rounds;
    uint256 min_rows;
    uint256 max_excluded;
    bool public_rows;
    bool isReference;
    uint256 collect_window;
    uint256 deliver_window;
    uint256 score_window;
    uint256 handover_window;
    uint256 policy_gas;
}
