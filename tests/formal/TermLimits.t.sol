// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bytecode} from "./Bytecode.sol";
import {Formal, Svm} from "./Formal.sol";
import {Rules, Terms} from "./Terms.sol";

interface ITermLimits {
    function check(Terms calldata, uint256 srs_size) external view returns (uint256);
}

interface IRules {
    function word_of(Terms calldata) external pure returns (uint256);
    function unpack(uint256) external pure returns (Rules memory);
}

/// A policy that may answer anything.
contract AnyPolicy {
    uint256 public least;
    bool public valid;
    bool public takesRows;
    bool public takesReference;

    constructor(uint256 least_, bool valid_, bool takesRows_, bool takesReference_) {
        (least, valid, takesRows, takesReference) = (least_, valid_, takesRows_, takesReference_);
    }

    function least_rows(bytes calldata) external view returns (uint256) {
        return least;
    }

    function validate(bytes calldata, uint256, uint256, uint256) external view returns (bool) {
        return valid;
    }

    function takes_public_rows(bytes calldata) external view returns (bool) {
        return takesRows;
    }

    function takes_reference(bytes calldata) external view returns (bool) {
        return takesReference;
    }
}

/// Terms that pass are within every bound that the contracts and the proofs rely on, whatever the policy says; and what a round
/// goes by is what the terms say, field by field.
contract TermLimitsTest is Formal {
    ITermLimits private limits;
    IRules private rules;
    AnyPolicy private policy;

    function setUp() public {
        limits = ITermLimits(_create(Bytecode.TermLimits()));
        rules = IRules(_create(Bytecode.RulesMock()));
    }

    function _passing(Terms memory t, uint256 size, uint256 listed) private returns (uint256 word) {
        policy = new AnyPolicy(
            svm.createUint256("least"), svm.createBool("valid"), svm.createBool("rows"), svm.createBool("reference")
        );
        (t.token, t.policy, t.params) = (address(rules), address(policy), "");
        address[] memory aggregators = new address[](listed);
        for (uint256 i = 0; i < listed; i++) aggregators[i] = address(uint160(svm.createUint256("aggregator")));
        t.aggregators = aggregators;
        (bool ok, bytes memory answer) = address(limits).call(abi.encodeCall(ITermLimits.check, (t, size)));
        vm.assume(ok);
        word = abi.decode(answer, (uint256));
    }

    function check_people(Terms memory t, uint256 size) public {
        _passing(t, size, 2);
        assert(t.seats <= 32 && t.min_rows >= 2 && t.min_rows <= t.seats);
        assert(t.rounds >= 1 && t.rounds <= 256);
        uint256 known = t.rounds - 1 + (t.first_row == 0 ? 0 : 1);
        uint256 rows = t.seats + (t.public_rows ? (known < 3 ? known : 3) : 0);
        assert(rows <= 35);
        assert(t.aggregators[0] != address(0) && t.aggregators[1] != address(0));
        assert(t.aggregators[0] != t.aggregators[1]);
    }

    function check_nobody_may_aggregate(Terms memory t, uint256 size) public {
        t.token = address(rules);
        t.policy = address(rules);
        t.params = "";
        t.aggregators = new address[](0);
        (bool ok, ) = address(limits).call(abi.encodeCall(ITermLimits.check, (t, size)));
        assert(!ok);
    }

    function check_money(Terms memory t, uint256 size) public {
        _passing(t, size, 1);
        assert(t.round_reward >= t.seats && t.round_reward < 2 ** 96);
        assert(t.trainer_part >= 1 && t.trainer_part <= t.round_reward);
        assert(t.round_fee < 2 ** 96 && t.aggregator_stake < 2 ** 96);
        assert(t.max_excluded < t.min_rows && t.aggregator_stake >= t.round_reward);
    }

    function check_windows(Terms memory t, uint256 size) public {
        _passing(t, size, 1);
        uint256[6] memory windows = [
            t.accept_window, t.enrol_window, t.collect_window, t.deliver_window, t.score_window, t.handover_window
        ];
        for (uint256 i = 0; i < 6; i++) assert(windows[i] >= 10 && windows[i] <= 30 days);
    }

    function check_numbers(Terms memory t, uint256 size) public {
        _passing(t, size, 1);
        assert(t.dimension < 2 ** 32 && t.dimension + 16 <= size && t.dimension >= t.seats + (t.public_rows && t.first_row != 0 ? 17 : 16));
        assert(t.bits >= 2 && t.bits <= 16 && 2 ** t.bits + 8 <= size);
        assert(t.quantum >= 1 && t.quantum <= 2 ** 96 && t.rate >= 1 && t.rate < 2 ** 64);
        assert(t.model != 0 && t.task != 0);
        assert(t.policy_gas >= 100_000 && t.policy_gas <= 10_000_000);
    }

    function check_policy_is_heard(Terms memory t, uint256 size) public {
        _passing(t, size, 1);
        assert(policy.valid() && policy.least() <= t.min_rows - t.max_excluded);
        assert(!t.public_rows || policy.takesRows());
        assert(!t.isReference || (policy.takesReference() && policy.least() + 1 <= t.min_rows - t.max_excluded));
        assert(t.public_rows || t.first_row == 0);
    }

    function check_rules_are_the_terms(Terms memory t, uint256 size) public {
        uint256 word = _passing(t, size, 1);
        Rules memory r = rules.unpack(word);
        assert(r.dimension == t.dimension && r.bits == t.bits && r.rounds == t.rounds && r.min_rows == t.min_rows);
        assert(r.max_excluded == t.max_excluded && r.public_rows == t.public_rows && r.isReference == t.isReference);
        assert(r.collect_window == t.collect_window && r.deliver_window == t.deliver_window);
        assert(r.score_window == t.score_window && r.handover_window == t.handover_window);
        assert(r.policy_gas == t.policy_gas);
    }
}
